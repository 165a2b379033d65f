"""The words of the domain as people read them: one table a vocabulary, each with its icon and colour.

A colour always stands beside a word or an icon: blue = ringing, green = talking or well,
red = missed or late, amber = about to be late, grey = offline or over.
"""

from dataclasses import dataclass

from cloud_broker.domain.views import CallView
from cloud_broker.web.i18n import N_


@dataclass(frozen=True)
class Label:
    """`text` is a message of the catalogue, `icon` a symbol of icons.svg, `tone` a class of base.css."""

    text: str
    icon: str
    tone: str


OUTCOMES = {
    "answered": Label(N_("Answered"), "call-in", "good"),
    "missed": Label(N_("Missed"), "call-missed", "bad"),
    "voicemail": Label(N_("Voicemail"), "voicemail", "warn"),
    "abandoned_ring": Label(N_("Hung up within one ring"), "call-missed", "quiet"),
    "answered_elsewhere": Label(N_("Answered elsewhere?"), "call-in", "quiet"),
    "outbound_connected": Label(N_("Outbound, connected"), "call-out", "good"),
    "outbound_unanswered": Label(N_("Outbound, no answer"), "call-out", "quiet"),
    "interrupted": Label(N_("Interrupted"), "alert", "warn"),
    "self_test": Label(N_("Self-test"), "check", "quiet"),
}

CALL_STATES = {
    "ringing": Label(N_("Ringing"), "bell", "ring"),
    "talking": Label(N_("Talking"), "phone", "good"),
    "ended": Label(N_("Ended"), "hang-up", "quiet"),
}

RECORDINGS = {
    "none": Label(N_("No recording"), "mute", "quiet"),
    "writing": Label(N_("Being recorded"), "dot", "bad"),
    "local": Label(N_("On the desk PC, not yet uploaded"), "disk", "warn"),
    "uploading": Label(N_("Uploading"), "upload", "warn"),
    "verified": Label(N_("Stored and verified"), "check", "good"),
    "expired": Label(N_("Deleted after its keeping time"), "mute", "quiet"),
    "erased": Label(N_("Erased on request"), "mute", "quiet"),
    "legal_hold": Label(N_("Kept for a legal matter"), "lock", "good"),
    "lost": Label(N_("Recording lost"), "alert", "bad"),
}

TICKET_TYPES = {
    "repair": N_("Repair"),
    "complaint": N_("Complaint"),
    "enquiry": N_("Enquiry"),
    "praise": N_("Praise"),
    "suggestion": N_("Suggestion"),
    "emergency": N_("Emergency"),
    "follow_up": N_("Follow-up"),
    "nuisance": N_("Nuisance"),
}

TICKET_STATES = {
    "new": Label(N_("New"), "ticket", "ring"),
    "dispatched": Label(N_("Dispatched"), "ticket", "ring"),
    "accepted": Label(N_("Accepted"), "ticket", "ring"),
    "departed": Label(N_("On the way"), "ticket", "ring"),
    "arrived": Label(N_("On site"), "ticket", "good"),
    "in_progress": Label(N_("In progress"), "ticket", "good"),
    "finished": Label(N_("Finished"), "check", "good"),
    "follow_up": Label(N_("To follow up"), "phone", "warn"),
    "closed": Label(N_("Closed"), "check", "quiet"),
    "returned": Label(N_("Returned"), "alert", "warn"),
    "transferred": Label(N_("Transferred"), "ticket", "ring"),
    "suspended": Label(N_("Suspended"), "pause", "warn"),
    "reopened": Label(N_("Reopened"), "alert", "bad"),
    "void": Label(N_("Void"), "close", "quiet"),
}

#: States in which somebody still owes the resident something.
OPEN_STATES = frozenset(TICKET_STATES) - {"closed", "void", "finished"}

URGENCIES = {
    "normal": Label(N_("Normal"), "ticket", "quiet"),
    "major": Label(N_("Major"), "alert", "warn"),
    "critical": Label(N_("Critical"), "alert", "bad"),
}

ROLES = {
    "owner": N_("Owner"),
    "co_owner": N_("Co-owner"),
    "tenant": N_("Tenant"),
    "family": N_("Family"),
    "agent": N_("Agent"),
    "renovator": N_("Renovator"),
}

#: What a button says: the step to take.
MOVES = {
    "dispatched": N_("Dispatch"),
    "accepted": N_("Accept"),
    "departed": N_("Set out"),
    "arrived": N_("Arrive on site"),
    "in_progress": N_("Start work"),
    "finished": N_("Finish"),
    "follow_up": N_("Ask for a follow-up"),
    "closed_confirmed": N_("Close: resident confirmed"),
    "closed_unreachable": N_("Close: resident unreachable"),
    "closed_declined": N_("Close: resident declined to say"),
    "returned": N_("Return to the desk"),
    "transferred": N_("Transfer"),
    "suspended": N_("Suspend"),
    "reopened": N_("Reopen"),
    "void": N_("Void"),
}

#: What the history says of a step taken.
MOVED = {
    **{state: label.text for state, label in TICKET_STATES.items()},
    "closed_confirmed": N_("Closed, resident confirmed"),
    "closed_unreachable": N_("Closed, resident unreachable"),
    "closed_declined": N_("Closed, resident declined to say"),
}

#: Notes of a ticket's history that the cloud itself wrote.
CHANGE_NOTES = {"offline_draft": N_("Filled in at the desk PC while the cloud could not be reached")}

#: How far the times of a call can be trusted.
CLOCKS = {
    "synced": N_("set by the cloud"),
    "unsynced": N_("not yet set; times may be wrong"),
    "stepped": N_("was set during the call"),
}

#: Where a stored number comes from.
SOURCES = {"roster": N_("from the roster"), "call": N_("saved in a call"), "desk": N_("entered at the desk")}

#: Why there is no number: four different facts, four different words (DOMAIN §3b, step 3).
NO_NUMBER = {
    "withheld": Label(N_("Number withheld"), "eye-off", "quiet"),
    "unavailable": Label(N_("Number unavailable"), "eye-off", "quiet"),
    "none": Label(N_("No caller ID received"), "eye-off", "quiet"),
    "early": Label(N_("Picked up before the number came"), "eye-off", "warn"),
    "waiting": Label(N_("Waiting for the number…"), "bell", "ring"),
}

TIMELINE = {
    "boot": N_("Box started"),
    "line_changed": N_("Line changed"),
    "ring_started": N_("Ringing started"),
    "ring_burst": N_("Ring"),
    "ring_stopped": N_("Ringing stopped"),
    "caller_id": N_("Caller ID"),
    "off_hook": N_("Picked up"),
    "on_hook": N_("Hung up"),
    "digits_dialled": N_("Dialled"),
    "tone_detected": N_("Tone"),
    "key_pressed": N_("Key pressed"),
    "recording_started": N_("Recording started"),
    "recording_stopped": N_("Recording stopped"),
    "audio_gap": N_("Gap in the recording"),
    "call_waiting": N_("Second call waiting"),
    "recording_stored": N_("Recording stored on the desk PC"),
    "recording_uploaded": N_("Recording uploaded"),
    "recording_lost": N_("Recording lost"),
    "recording_played": N_("Recording played at the desk PC"),
    "self_test": N_("Self-test"),
    "draft_made": N_("Ticket draft made at the desk"),
    "fault": N_("Fault"),
    "events_lost": N_("Events lost"),
}

#: Words in the detail of a timeline entry that are codes; all other words are shown as they are.
DETAIL_WORDS = {
    "phone": N_("by the phone"),
    "box": N_("by the box"),
    "fsk-mdmf": "FSK MDMF",
    "fsk-sdmf": "FSK SDMF",
    "dtmf": "DTMF",
    "pulse": N_("by pulse"),
    "withheld": N_("Number withheld"),
    "unavailable": N_("Number unavailable"),
}

LETTER_STATES = {
    "open": Label(N_("To decide"), "alert", "bad"),
    "replayed": Label(N_("Taken in"), "check", "good"),
    "set_aside": Label(N_("Set aside"), "close", "quiet"),
}

#: Why a message became a dead letter; `missing:number` is of the kind `missing`.
LETTER_REASONS = {
    "conflict": Label(N_("Conflict: one event, two contents"), "alert", "bad"),
    "type": Label(N_("Unknown kind of event"), "letter", "quiet"),
    "missing": Label(N_("A field is missing"), "letter", "quiet"),
    "field": Label(N_("A field is out of range"), "letter", "quiet"),
    "fields": Label(N_("Fields cannot be read"), "letter", "quiet"),
    "json": Label(N_("Not JSON"), "letter", "quiet"),
    "shape": Label(N_("Out of shape"), "letter", "quiet"),
    "version": Label(N_("Another protocol version"), "letter", "warn"),
    "source": Label(N_("No valid source"), "letter", "quiet"),
    "boot": Label(N_("No valid boot"), "letter", "quiet"),
    "at": Label(N_("No valid time"), "letter", "quiet"),
    "clock": Label(N_("Unknown clock quality"), "letter", "quiet"),
    "topic": Label(N_("Wrong topic"), "letter", "warn"),
    "too_long": Label(N_("Too long"), "letter", "quiet"),
    "status": Label(N_("Status cannot be read"), "letter", "quiet"),
    "report": Label(N_("Report of the desk PC cannot be read"), "letter", "quiet"),
    "unstorable": Label(N_("The database refused it"), "alert", "warn"),
}

DAY_STATES = {
    "whole": Label(N_("Whole"), "check", "good"),
    "waiting": Label(N_("Waits on the desk PC"), "clock", "warn"),
    "lost": Label(N_("The box lost something"), "alert", "warn"),
    "missing": Label(N_("Something is missing"), "alert", "bad"),
}

#: Where a missing event or recording went, with the next step.
GAP_PLACES = {
    "box": N_("The box says itself that it lost this; nothing can bring it back."),
    "spool": N_("Waits on the desk PC; it comes when that PC is on and online."),
    "cloud": N_("The desk PC was told that it is here, and it is not: look at the database and its back-up."),
    "link": N_("Never reached the desk PC; the box may still hold it, plug it in."),
    "unknown": N_("No desk PC has said anything of it; look whether the desk PC is on."),
}

#: The words of an alarm's detail (`handlers.reconcile.describe`).
GAP_WORDS = {
    "box": N_("lost by the box"),
    "spool": N_("waits on the desk PC"),
    "cloud": N_("was committed, is gone"),
    "link": N_("never reached the desk PC"),
    "unknown": N_("whereabouts unknown"),
    "calls": N_("calls"),
    "recordings": N_("recordings"),
}

ALARMS = {
    "day_incomplete": Label(N_("A day is not whole"), "alert", "bad"),
    "event_conflict": Label(N_("One event, two contents"), "alert", "bad"),
    "recording_differs": Label(N_("Another recording of a call"), "alert", "bad"),
    "source_unknown": Label(N_("A box that is not at home here"), "alert", "warn"),
    "box_elsewhere": Label(N_("A box shows up at another desk"), "alert", "warn"),
    "box_claimed_twice": Label(N_("Two desk PCs claim one box"), "alert", "bad"),
}

#: What was decided, as a history says it.
AUDIT = {
    "letter_replayed": N_("Replayed"),
    "letter_set_aside": N_("Set aside"),
    "letter_reopened": N_("Opened again"),
}
AUDIT_DETAILS = {
    "taken_in": N_("its event is in the log now"),
    "quarantined": N_("it waits in quarantine until its box is admitted"),
    "conflict": N_("the log has another content under its id"),
}

#: A caller ID comes between the first and the second ring, so from the second ring on there is none.
_RINGS_BEFORE_CALLER_ID = 1


def letter_reason(reason: str) -> Label:
    """The label of a reason; one that is not in the table is shown as it is."""
    return LETTER_REASONS.get(reason.partition(":")[0]) or Label(reason, "letter", "quiet")


def no_number(call: CallView) -> Label | None:
    """Why `call` shows no number, or None if it shows one."""
    if call.number and call.number_state in ("present", "uncertain"):
        return None
    if call.number_state in ("withheld", "unavailable"):
        return NO_NUMBER[call.number_state]
    if call.state == "ringing" and call.ring_count <= _RINGS_BEFORE_CALLER_ID:
        return NO_NUMBER["waiting"]
    return NO_NUMBER["early" if call.early_lift else "none"]


def may_answer(call: CallView) -> bool:
    """Whether lifting the phone now loses nothing: the caller ID is in, or will not come any more."""
    return call.state == "ringing" and no_number(call) is not NO_NUMBER["waiting"]

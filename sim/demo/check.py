"""Compares what happened on the line with what the cloud shows, key by key: one row a call."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sim.call import CallTruth
from sim.demo.api import ApiRefused, CloudClient, Json
from sim.demo.recording import measure
from sim.demo.script import PlannedCall

MAX_DURATION_ERROR_S = 0.1
MAX_START_ERROR_MS = 3_000
"""A call is the cloud's if it began within this of the line's."""
SILENCE = 0.02
"""A recording whose loudest sample is below this share of full scale has nobody talking on it."""
TIMELINE = (
    *("ring_burst", "caller_id", "digits_dialled"),
    *("off_hook", "recording_started", "on_hook", "recording_stopped"),
)
_STATES = {"P": "withheld", "O": "unavailable", "": "none"}
_FORMATS = {"mdmf": "fsk-mdmf", "sdmf": "fsk-sdmf", "dtmf": "dtmf", "none": None}


@dataclass(frozen=True)
class PlayedCall:
    """One call that was played.

    Attributes:
        zero_ms: unix time of the line's time zero.
        ticket: type, items, place and agent of the ticket that a person made in this call.
        was_streamed: the open event stream told of the call; None when none was open.
    """

    planned: PlannedCall
    truth: CallTruth
    zero_ms: int
    ticket: Json | None = None
    was_streamed: bool | None = None

    @property
    def started_ms(self) -> int:
        """Unix time of the first signal."""
        return self.zero_ms + self.truth.started_ms


def check_calls(client: CloudClient, desk: str, played: Sequence[PlayedCall], since_ms: int) -> list[Json]:
    """The report's rows: `name`, `truth`, `cloud`, `ok`; also one for each call the cloud shows too many."""
    shown = [call for call in client.calls(desk=desk) if unix_ms(call["started_at"]) >= since_ms]
    rows = []
    for call in played:
        found = _take_nearest(shown, call.started_ms)
        truth = expect(call)
        cloud = _read_cloud(client, call, found) if found else None
        row = {"name": call.truth.name, "truth": truth, "cloud": cloud}
        rows.append(row | {"ok": cloud is not None and is_right(truth, cloud)})
    rows += [{"name": "never happened", "truth": None, "cloud": call, "ok": False} for call in shown]
    return rows


def expect(call: PlayedCall) -> Json:
    """What the cloud must show of a call, from the line's truth alone."""
    truth, resident = call.truth, call.planned.resident
    inbound = truth.direction == "in"
    return {
        "direction": truth.direction,
        "state": "ended",
        "outcome": truth.outcome,
        "number": truth.number or None,
        "number_state": "present" if truth.number else _STATES[truth.reason],
        "caller_id_format": _FORMATS[truth.caller_id],
        "residents": [resident.name] if resident else [],
        "ring_count": truth.ring_count,
        "recording_seconds": truth.off_hook_for_ms / 1000 if truth.off_hook_for_ms else None,
        "recording": "verified" if truth.off_hook_for_ms else "none",
        "recording_is_sound": True if truth.off_hook_for_ms else None,
        "timeline": _expect_timeline(truth),
        "ticket": _expect_ticket(call.ticket),
        "was_streamed": True if call.planned.call.has_stream and inbound else None,
    }


def is_right(truth: Json, cloud: Json) -> bool:
    """Equal but for the duration, which may differ by 100 ms."""
    return not find_differences(truth, cloud)


def find_differences(truth: Json, cloud: Json) -> list[str]:
    """The keys in which the cloud is wrong."""
    return [key for key, value in truth.items() if not _is_same(key, value, cloud[key])]


def _is_same(key: str, expected: Any, shown: Any) -> bool:
    if key == "recording_seconds" and expected is not None and shown is not None:
        return bool(abs(expected - shown) <= MAX_DURATION_ERROR_S)
    return bool(expected == shown)


def unix_ms(text: str) -> int:
    """Of an ISO 8601 time."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _take_nearest(shown: list[Json], started_ms: int) -> Json | None:
    """Remove the call that began nearest to `started_ms` from `shown`; None if none is near."""
    near = [call for call in shown if abs(unix_ms(call["started_at"]) - started_ms) <= MAX_START_ERROR_MS]
    if not near:
        return None
    nearest = min(near, key=lambda call: abs(unix_ms(call["started_at"]) - started_ms))
    shown.remove(nearest)
    return nearest


def _expect_timeline(truth: CallTruth) -> dict[str, int]:
    """How many of the box's main events a call has, of those that a call can have."""
    lifted = truth.off_hook_ms is not None
    counts = dict.fromkeys(TIMELINE, int(lifted))
    counts["ring_burst"] = truth.ring_count
    counts["caller_id"] = int(truth.caller_id != "none")
    counts["digits_dialled"] = int(truth.direction == "out" and bool(truth.number))
    return counts


def _read_timeline(client: CloudClient, call: str) -> dict[str, int]:
    told = Counter(entry["type"] for entry in client.call(call)["timeline"])
    return {kind: told[kind] for kind in TIMELINE}


def _expect_ticket(ticket: Json | None) -> Json | None:
    if ticket is None:
        return None
    return ticket | {"bound_to_this_call": True, "has_recording": True}


def _read_cloud(client: CloudClient, call: PlayedCall, shown: Json) -> Json:
    recording = shown["recording"] or {"state": "none"}
    measured = _measure(client, shown["id"]) if recording["state"] == "verified" else None
    return {
        "id": shown["id"],
        "direction": shown["direction"],
        "state": shown["state"],
        "outcome": shown["outcome"],
        "number": shown["dialled"] if shown["direction"] == "out" else shown["number"],
        "number_state": shown["number_state"],
        "caller_id_format": shown["caller_id_format"],
        "residents": [resident["name"] for resident in shown["residents"]],
        "ring_count": shown["ring_count"],
        "recording": recording["state"],
        "timeline": _read_timeline(client, shown["id"]),
        "ticket": _read_ticket(client, shown),
        "was_streamed": call.was_streamed,
    } | (measured or {"recording_seconds": None, "recording_is_sound": None})


def _measure(client: CloudClient, call: str) -> dict[str, Any]:
    try:
        measured = measure(client.recording(call))
    except ApiRefused:
        return {"recording_seconds": None, "recording_is_sound": False}
    sound = measured.is_whole and measured.peak > SILENCE
    return {"recording_seconds": round(measured.seconds, 3), "recording_is_sound": sound}


def _read_ticket(client: CloudClient, shown: Json) -> Json | None:
    """The call's ticket as the cloud shows it; a number where there is more than one."""
    if len(shown["tickets"]) != 1:
        return {"count": len(shown["tickets"])} if shown["tickets"] else None
    ticket = client.ticket(shown["tickets"][0])
    return {key: ticket[key] for key in ("type", "items", "place", "agent")} | {
        "bound_to_this_call": ticket["call"] == shown["id"],
        "has_recording": (ticket["recording"] or {}).get("state") == "verified",
    }

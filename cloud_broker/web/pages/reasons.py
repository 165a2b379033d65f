"""Why something was refused, as a sentence with the next step. Keys are the reasons of `views.Invalid`."""

from fastapi import Request

from cloud_broker.domain.views import Invalid
from cloud_broker.web.i18n import N_
from cloud_broker.web.pages.render import Renderer

REASONS = {
    "empty": N_("Please fill this in."),
    "too_long": N_("This is too long; please shorten it."),
    "unknown": N_("This choice no longer exists; please reload the page and choose again."),
    "unknown_item": N_("This item no longer exists; please pick another one."),
    "items": N_("Tick at least one item, or write a note."),
    "promise": N_("The promised time must be between 1 minute and 30 days."),
    "other_desk": N_("This call belongs to another desk; make the ticket there, or without a call."),
    "not_from_here": N_("Somebody moved this ticket meanwhile; please look at its history and choose again."),
}

#: A reason that means something else in one field.
FIELD_REASONS = {
    ("note", "empty"): N_("Please write the reason as a note; somebody will ask for it."),
    ("letter", "conflict"): N_(
        "Two contents of one event cannot both be true; compare them, then set this aside."
    ),
    ("letter", "unreadable"): N_(
        "This cloud still cannot read it; update the cloud, or set it aside with a note."
    ),
    ("letter", "done"): N_("Somebody decided on this letter meanwhile; please reload the page."),
    ("cursor", "unknown"): N_("This page of the list is gone; please start from its first page."),
    ("recording", "none"): N_("This call has no recording."),
    ("recording", "writing"): N_("This call is still being recorded; play it when it has ended."),
    ("recording", "local"): N_("The recording is still on the desk PC; it was asked to send this one first."),
    ("recording", "uploading"): N_("The recording is being uploaded; try again in a minute."),
    ("recording", "expired"): N_("The recording was deleted after its keeping time."),
    ("recording", "erased"): N_("The recording was erased on request."),
    ("recording", "lost"): N_("The recording was lost on the desk PC before it could be uploaded."),
}

OTHERWISE = N_("This could not be done; please reload the page and try again.")


def explain(renderer: Renderer, request: Request, error: Invalid) -> str:
    """What to tell the person who asked for it, in their language."""
    known = FIELD_REASONS.get((error.field, error.reason)) or REASONS.get(error.reason)
    return renderer.message(request, known or OTHERWISE)

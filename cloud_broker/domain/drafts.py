"""A ticket drafted at a desk without the cloud: whatever it says, it becomes one ticket.

It was checked by an agent that may be older or newer than this cloud. So nothing is refused here: what is not
known goes into the note in words, and what is out of range is cut.
"""

from collections.abc import Mapping
from typing import Any

from cloud_broker.domain.items import TYPES, find_item
from cloud_broker.domain.tickets import MAX_ITEMS, MAX_NOTE, MAX_PLACE, MAX_PROMISE_MINUTES, Draft

KEY_PREFIX = "desk-draft:"
OFFLINE_NOTE = "offline_draft"
"""The note of the ticket's first change: it was made at the desk while the cloud could not be reached."""


def read_draft(fields: Mapping[str, Any]) -> Draft:
    """The ticket that the fields of a `draft_made` describe."""
    kind = fields.get("kind") or "repair"
    kind = kind if kind in TYPES else "repair"
    items: list[str] = []
    strange: list[str] = []
    for code in fields.get("items") or ():
        item = find_item(code)
        (items if item is not None and item.type == kind else strange).append(code)
    note = " ".join([fields.get("note") or "", *(f"[{code}]" for code in strange)]).strip()
    promise = fields.get("promise_minutes") or 0
    return Draft(
        type=kind,
        items=tuple(items[:MAX_ITEMS]),
        place=(fields.get("place") or "").strip()[:MAX_PLACE],
        note=note[:MAX_NOTE],
        promise_minutes=promise if 1 <= promise <= MAX_PROMISE_MINUTES else None,
    )


def build_key(draft: str) -> str:
    """The idempotency key of the ticket of this draft."""
    return KEY_PREFIX + draft

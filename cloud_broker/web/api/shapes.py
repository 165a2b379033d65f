"""Views as the API's JSON. Times are UTC, ISO 8601 with milliseconds."""

from datetime import datetime
from typing import Any

from cloud_broker.domain.times import iso_ms, to_ms
from cloud_broker.domain.views import (
    CallView,
    RecordingView,
    ResidentMatch,
    ResidentView,
    TicketItem,
    TicketView,
)
from telephony.calls import SAMPLE_RATE_HZ


def shape_time(at: datetime | None) -> str | None:
    return None if at is None else iso_ms(to_ms(at))


def shape_call(view: CallView) -> dict[str, Any]:
    return {
        "id": view.id,
        "desk": view.desk,
        "box": view.box,
        "direction": view.direction,
        "state": view.state,
        "outcome": view.outcome,
        "number": view.number,
        "e164": view.e164,
        "number_state": view.number_state,
        "caller_id_format": view.caller_id_format,
        "started_at": shape_time(view.started_at),
        "answered_at": shape_time(view.answered_at),
        "ended_at": shape_time(view.ended_at),
        "ring_count": view.ring_count,
        "talk_seconds": view.talk_seconds,
        "dialled": view.dialled,
        "agent": view.agent,
        "residents": [shape_match(match) for match in view.residents],
        "recording": shape_recording(view.recording),
        "tickets": list(view.tickets),
        "clock": view.clock,
        "early_lift": view.early_lift,
        "parts": list(view.parts),
    }


def shape_timeline(view: CallView) -> list[dict[str, Any]]:
    return [{"at": shape_time(e.at), "type": e.type, "detail": e.detail} for e in view.timeline]


def shape_recording(view: RecordingView) -> dict[str, Any]:
    """`gaps` are [first sample, count] at 8 kHz, as the box counts them."""
    gaps = [[round(first * SAMPLE_RATE_HZ), round(length * SAMPLE_RATE_HZ)] for first, length, _ in view.gaps]
    return {"state": view.state, "seconds": view.seconds, "bytes": view.bytes, "gaps": gaps}


def shape_match(match: ResidentMatch) -> dict[str, Any]:
    return {
        "id": match.id,
        "name": match.name,
        "salutation": match.salutation,
        "rooms": list(match.rooms),
        "role": match.role,
        "tags": list(match.tags),
        "former": match.former,
        "match": match.match,
    }


def shape_ticket(view: TicketView) -> dict[str, Any]:
    return {
        "id": view.id,
        "number": view.number,
        "type": view.type,
        "state": view.state,
        "closing": view.closing,
        "moves": list(view.moves),
        "items": list(view.items),
        "place": view.place,
        "note": view.note,
        "urgency": view.urgency,
        "created_at": shape_time(view.created_at),
        "promised_at": shape_time(view.promised_at),
        "resident": shape_match(view.resident) if view.resident else None,
        "call": view.call,
        "recording": shape_recording(view.recording) if view.recording else None,
        "agent": view.agent,
        "desk": view.desk,
        "history": [
            {"at": shape_time(c.at), "who": c.who, "from": c.from_state, "to": c.to_state, "note": c.note}
            for c in view.history
        ],
    }


def shape_item(item: TicketItem) -> dict[str, Any]:
    return {
        "code": item.code,
        "name_zh": item.name_zh,
        "name_en": item.name_en,
        "type": item.type,
        "urgency": item.urgency,
        "children": [shape_item(child) for child in item.children],
    }


def shape_resident(view: ResidentView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "salutation": view.salutation,
        "rooms": list(view.rooms),
        "role": view.role,
        "tags": list(view.tags),
        "former": view.former,
        "phones": [
            {
                "number": phone.number, "e164": phone.e164, "kind": phone.kind, "label": phone.label,
                "source": phone.source, "last_seen": shape_time(phone.last_seen),
            }
            for phone in view.phones
        ],
        "arrears": [
            {"unit": a.unit, "item": a.item, "amount_cents": a.amount_cents, "as_of": a.as_of.isoformat()}
            for a in view.arrears
        ],
        "calls": [shape_call(call) for call in view.calls],
        "tickets": [shape_ticket(ticket) for ticket in view.tickets],
    }  # fmt: skip

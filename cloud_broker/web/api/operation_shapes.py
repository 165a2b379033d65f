"""Letters, alarms and compared days as the API's JSON."""

from typing import Any

from cloud_broker.domain.operations import AlarmView, DayView, LetterView
from cloud_broker.web.api.shapes import shape_time


def shape_letter(view: LetterView, *, whole: bool = False) -> dict[str, Any]:
    """`whole` adds payload, fields beside the log's, and what was decided."""
    body: dict[str, Any] = {
        "id": view.id,
        "first_at": shape_time(view.first_at),
        "last_at": shape_time(view.last_at),
        "count": view.count,
        "topic": view.topic,
        "reason": view.reason,
        "desk": view.desk,
        "source": view.source,
        "boot": view.boot,
        "seq": view.seq,
        "state": view.state,
        "note": view.note,
        "moves": list(view.moves),
    }
    if whole:
        body |= {
            "payload": view.payload,
            "facts": [
                {"name": f.name, "given": f.given, "stored": f.stored, "differs": f.differs}
                for f in view.facts
            ],
            "history": [
                {"at": shape_time(h.at), "who": h.who, "action": h.action, "detail": h.detail}
                for h in view.history
            ],
        }
    return body


def shape_alarm(view: AlarmView) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind,
        "subject": view.subject,
        "detail": view.detail,
        "count": view.count,
        "first_at": shape_time(view.first_at),
        "last_at": shape_time(view.last_at),
    }


def shape_day(view: DayView) -> dict[str, Any]:
    return {
        "source": view.source,
        "day": view.day,
        "desk": view.desk,
        "state": view.state,
        "box": view.box,
        "agent": view.agent,
        "cloud": view.cloud,
        "missing": view.missing,
        "missing_recordings": view.missing_recordings,
        "gaps": [gap.describe() for gap in view.gaps],
        "checked_at": shape_time(view.checked_at),
        "alarm": view.alarm.id if view.alarm else None,
    }

"""For headquarters: what was held back, letting it in, and whether every day is whole."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.operations import MAX_NOTE, DayFilter, LetterFilter
from cloud_broker.handlers.held import Held
from cloud_broker.handlers.letters import Letters
from cloud_broker.web.api.operation_shapes import shape_alarm, shape_day, shape_letter
from cloud_broker.web.identity import Identified
from cloud_broker.web.incoming import RowId

Limit = Annotated[int, Query(ge=1, le=500)]


class Admission(BaseModel):
    desk: str = Field(max_length=32)


class Note(BaseModel):
    note: str = Field(max_length=MAX_NOTE)


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    operations = cloud.operations
    held = Held(cloud.database, cloud.clock)
    letters = Letters(cloud.database, cloud.clock)

    @router.get("/dead-letters")
    def list_letters(
        user: Identified,
        state: str | None = "open",
        reason: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """Last seen first. `state`: open, replayed, set_aside, or empty for all. Numbers are masked."""
        page = operations.letters(user, LetterFilter(state or None, reason, text), cursor, limit)
        return {"items": [shape_letter(view) for view in page.items], "next": page.next}

    @router.post("/dead-letters/replay")
    def replay_letters(user: Identified) -> dict[str, int]:
        """Take in those that can be read by now, for instance after an update of the cloud."""
        return {"replayed": letters.replay_all(user)}

    @router.get("/dead-letters/{letter}")
    def get_letter(user: Identified, letter: RowId) -> dict[str, Any]:
        """With its payload, and the log's fields beside it where the log has its id."""
        return shape_letter(operations.letter(user, letter), whole=True)

    @router.post("/dead-letters/{letter}/replay")
    def replay_letter(user: Identified, letter: RowId) -> dict[str, Any]:
        return shape_letter(operations.replay_letter(user, letter), whole=True)

    @router.post("/dead-letters/{letter}/set-aside")
    def set_letter_aside(user: Identified, letter: RowId, body: Note) -> dict[str, Any]:
        return shape_letter(operations.set_letter_aside(user, letter, body.note), whole=True)

    @router.post("/dead-letters/{letter}/reopen")
    def reopen_letter(user: Identified, letter: RowId) -> dict[str, Any]:
        return shape_letter(operations.reopen_letter(user, letter), whole=True)

    @router.get("/alarms")
    def list_alarms(user: Identified, limit: Limit = 100) -> dict[str, Any]:
        return {"items": [shape_alarm(view) for view in operations.alarms(user, limit)]}

    @router.post("/alarms/{alarm}/resolve", status_code=204)
    def resolve_alarm(user: Identified, alarm: RowId) -> None:
        operations.resolve_alarm(user, alarm)

    @router.get("/reconciliation")
    def list_days(
        user: Identified,
        state: str | None = None,
        desk: str | None = None,
        day: str | None = None,
        text: str | None = None,
        cursor: str | None = None,
        limit: Limit = 100,
    ) -> dict[str, Any]:
        """One item a box or agent and day. `state`: whole, waiting, lost, missing, or open (not whole)."""
        page = operations.days(user, DayFilter(state, desk, day, text), cursor, limit)
        return {"items": [shape_day(view) for view in page.items], "next": page.next}

    @router.get("/reconciliation/{source}/{day}")
    def get_day(user: Identified, source: str, day: str) -> dict[str, Any]:
        return shape_day(operations.day(user, source, day))

    @router.post("/reconciliation/{source}/{day}/check")
    def check_day(user: Identified, source: str, day: str) -> dict[str, Any]:
        """Compare this day again now."""
        return shape_day(operations.check_day(user, source, day))

    @router.get("/quarantine")
    def list_quarantined(user: Identified) -> dict[str, Any]:
        return {"items": held.quarantined(user)}

    @router.post("/boxes/{box}/admit")
    def admit_box(user: Identified, box: str, admission: Admission) -> dict[str, int]:
        """The box belongs to that desk from now on."""
        return {"events": held.admit_box(user, box, admission.desk)}

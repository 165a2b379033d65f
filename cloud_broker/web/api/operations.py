"""For headquarters: what was held back, and letting it in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cloud_broker.bootstrap import Cloud
from cloud_broker.handlers.held import Held
from cloud_broker.web.identity import Identified
from cloud_broker.web.incoming import RowId

Limit = Annotated[int, Query(ge=1, le=500)]


class Admission(BaseModel):
    desk: str = Field(max_length=32)


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    held = Held(cloud.database, cloud.clock)

    @router.get("/dead-letters")
    def list_letters(user: Identified, limit: Limit = 100) -> dict[str, Any]:
        return {"items": held.letters(user, limit)}

    @router.post("/dead-letters/replay")
    def replay_letters(user: Identified) -> dict[str, int]:
        """Take in those that can be read by now, for instance after an update of the cloud."""
        return {"replayed": held.replay_letters(user)}

    @router.get("/alarms")
    def list_alarms(user: Identified, limit: Limit = 100) -> dict[str, Any]:
        return {"items": held.alarms(user, limit)}

    @router.post("/alarms/{alarm}/resolve", status_code=204)
    def resolve_alarm(user: Identified, alarm: RowId) -> None:
        held.resolve_alarm(user, alarm)

    @router.get("/quarantine")
    def list_quarantined(user: Identified) -> dict[str, Any]:
        return {"items": held.quarantined(user)}

    @router.post("/boxes/{box}/admit")
    def admit_box(user: Identified, box: str, admission: Admission) -> dict[str, int]:
        """The box belongs to that desk from now on."""
        return {"events": held.admit_box(user, box, admission.desk)}

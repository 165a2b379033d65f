"""Residents: search and one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from cloud_broker.bootstrap import Cloud
from cloud_broker.web.api.shapes import shape_resident
from cloud_broker.web.identity import Identified
from cloud_broker.web.incoming import RowId


def add_routes(router: APIRouter, cloud: Cloud) -> None:
    reader = cloud.reader

    @router.get("/residents")
    def list_residents(
        user: Identified,
        q: str = "",
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> dict[str, Any]:
        page = reader.residents(user, q, cursor, limit)
        return {"items": [shape_resident(view) for view in page.items], "next": page.next}

    @router.get("/residents/{resident}")
    def get_resident(user: Identified, resident: RowId) -> dict[str, Any]:
        return shape_resident(reader.resident(user, resident))

"""Reconciliation 对账: open alarms, one row a box and day, and one day with what is missing of it."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from cloud_broker.domain.operations import DayFilter
from cloud_broker.web.incoming import RowId
from cloud_broker.web.pages.calls import own_desk, read_day
from cloud_broker.web.pages.guard import CheckedForm, SignedIn
from cloud_broker.web.pages.ports import Console
from cloud_broker.web.pages.render import Renderer

PAGE_SIZE = 50
ALARMS_SHOWN = 20
MAY_DECIDE = ("hq", "admin")


def build_reconciliation_router(console: Console, renderer: Renderer) -> APIRouter:
    """Routes `/reconciliation`, `/reconciliation/…` and `/alarms/…`."""
    router = APIRouter(include_in_schema=False)
    reader, operations = console.reader, console.operations

    @router.get("/reconciliation")
    def day_list(
        request: Request,
        user: SignedIn,
        state: str | None = None,
        desk: str | None = None,
        day: str = "",
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        chosen_day = day if read_day(day) else None
        where = DayFilter(state or None, desk or None, chosen_day, q.strip() or None)
        return renderer.page(
            request,
            "reconciliation.html",
            desk=own_desk(console, user),
            desks={view.id: view for view in reader.desks(user)},
            alarms=operations.alarms(user, ALARMS_SHOWN),
            page=operations.days(user, where, cursor or None, PAGE_SIZE),
            where=where,
            cursor=cursor,
            may_decide=user.role in MAY_DECIDE,
        )

    @router.get("/reconciliation/{source}/{day}")
    def day_page(request: Request, user: SignedIn, source: str, day: str) -> Response:
        return renderer.page(
            request,
            "reconciled_day.html",
            desk=own_desk(console, user),
            desks={view.id: view for view in reader.desks(user)},
            view=operations.day(user, source, day),
            may_decide=user.role in MAY_DECIDE,
        )

    @router.post("/reconciliation/{source}/{day}/check")
    async def check(user: SignedIn, source: str, day: str, _form: CheckedForm) -> Response:
        await run_in_threadpool(operations.check_day, user, source, day)
        return RedirectResponse(f"/reconciliation/{source}/{day}", status_code=303)

    @router.post("/alarms/{alarm:int}/resolve")
    async def resolve(user: SignedIn, alarm: RowId, _form: CheckedForm) -> Response:
        await run_in_threadpool(operations.resolve_alarm, user, alarm)
        return RedirectResponse("/reconciliation", status_code=303)

    return router

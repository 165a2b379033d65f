"""Recompute calls from their events, under their row locks, and write the outbox rows they are worth."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from cloud_broker.adapters.sql import call_table, event_log, outbox, places
from cloud_broker.domain.calls import Call, project_call
from cloud_broker.domain.events import Event, is_later_boot
from cloud_broker.domain.pops import Pop, find_pop
from protocol.ids import parse_call_id


def project_calls(connection: Connection, now_ms: int, desks: Mapping[str, str]) -> list[Pop]:
    """Recompute the calls of `desks` (call id → desk).

    Returns:
        The screen pops that became due; their outbox rows are in this transaction, and each comes back once.
    """
    if not desks:
        return []
    locked = call_table.lock_calls(connection, desks)
    events = event_log.load_calls(connection, desks)
    boots = event_log.load_boots(connection, {parse_call_id(call_id)[0] for call_id in desks})
    area_codes = places.load_area_codes(connection, {row.desk for row in locked})
    duties = places.load_duties(connection, {row.desk for row in locked})
    changed, pops, refreshed = [], [], []
    for row in locked:
        gone_ms = _find_gone(row.id, row.gone_ms, boots)
        call = project_call(row.id, events[row.id], area_code=area_codes[row.desk], gone_ms=gone_ms)
        if call is None:
            continue
        projected = call_table.row_of(call, _find_owner(duties.get(row.desk, ()), call))
        if projected == row.projected:
            continue
        changed.append((row.id, projected))
        refreshed.append((row.desk, row.id))
        latest_ms = _latest(events[row.id])
        pop = find_pop(row.desk, call, latest_ms=latest_ms, now_ms=now_ms)
        if pop is not None:
            pops.append(pop)
    call_table.update_calls(connection, changed)
    return outbox.add_calls(connection, now_ms, refreshed, pops)


def close_before_boot(connection: Connection, boxes: Iterable[str]) -> dict[str, str]:
    """Open calls (id → desk) of boxes that have booted since: they are to be recomputed."""
    sources = set(boxes)
    boots = event_log.load_boots(connection, sources)
    return {
        call_id: desk
        for call_id, desk, box, boot in call_table.find_open_calls(connection, sources)
        if any(is_later_boot(boot, boots[box][boot], other, at_ms) for other, at_ms in boots[box].items())
    }


def _find_gone(call_id: str, away_ms: int | None, boots: Mapping[str, Mapping[str, int]]) -> int | None:
    """When the box was last known: its next boot, else since when it has been away too long."""
    box, boot, _ = parse_call_id(call_id)
    known = boots.get(box, {})
    own_ms = known.get(boot)
    if own_ms is not None:
        later = [at_ms for other, at_ms in known.items() if is_later_boot(boot, own_ms, other, at_ms)]
        if later:
            return min(later)
    return away_ms


def _find_owner(duties: Iterable[places.Duty], call: Call) -> int | None:
    """Who was on duty at off_hook: the latest to take the desk before it."""
    at_ms = call.answered_ms
    if at_ms is None:
        return None
    on_duty = [d for d in duties if d.from_ms <= at_ms and (d.to_ms is None or at_ms < d.to_ms)]
    return max(on_duty, key=lambda d: d.from_ms).user_id if on_duty else None


def _latest(events: Iterable[Event]) -> int:
    return max(event.at_ms for event in events)


def refresh_call(connection: Connection, now_ms: int, desk: str, call_id: str) -> None:
    """Tell the desk's pages that a call changed in what is not its events: recording, owner, resident."""
    outbox.add_calls(connection, now_ms, [(desk, call_id)], [])

"""Recompute calls from their events, under their row locks, and write the outbox rows they are worth."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from cloud_broker.adapters.sql import call_table, event_log, outbox, places
from cloud_broker.adapters.sql.call_table import LockedCall
from cloud_broker.domain.joining import graft
from cloud_broker.domain.pops import Pop, find_pop
from cloud_broker.handlers.joins import find_pairs, find_parents, find_root
from protocol.ids import parse_call_id
from telephony.calls import Call, CallState, project_call
from telephony.events import Event, is_later_boot


def project_calls(connection: Connection, now_ms: int, desks: Mapping[str, str]) -> list[Pop]:
    """Recompute the calls of `desks` (call id → desk).

    Returns:
        The screen pops that became due; their outbox rows are in this transaction, and each comes back once.
    """
    if not desks:
        return []
    locked = call_table.lock_calls(connection, desks)
    events = event_log.load_calls(connection, desks)
    parents = _join(connection, locked, events)
    calls = _project(connection, locked, events, parents)
    answered = [call.answered_ms for call in calls.values() if call.answered_ms is not None]
    duties = places.load_duties(connection, {row.desk for row in locked}, answered)
    changed, pops, refreshed = [], [], []
    for row in locked:
        call = calls.get(row.id)
        if call is None:
            continue
        joined_to = find_root(row.id, parents) if row.id in parents else None
        projected = call_table.row_of(call, _find_owner(duties.get(row.desk, ()), call), joined_to)
        if projected == row.projected:
            continue
        changed.append((row.id, projected))
        refreshed.append((row.desk, row.id))
        latest_ms = max(event.at_ms for event in events[row.id])
        if joined_to is not None:
            continue
        pop = find_pop(row.desk, call, latest_ms=latest_ms, now_ms=now_ms)
        if pop is not None:
            pops.append(pop)
    call_table.update_calls(connection, changed)
    return outbox.add_calls(connection, now_ms, refreshed, pops)


def close_before_boot(connection: Connection, boxes: Iterable[str]) -> dict[str, str]:
    """Open calls (id → desk) of these boxes, which have booted: they are to be recomputed."""
    return {call_id: desk for call_id, desk, _, _ in call_table.find_open_calls(connection, boxes)}


def refresh_call(connection: Connection, now_ms: int, desk: str, call_id: str) -> None:
    """Tell the desk's pages that a call changed in what is not its events: recording, owner, resident."""
    outbox.add_calls(connection, now_ms, [(desk, call_id)], [])


def _join(connection: Connection, locked: list[LockedCall], events: dict[str, list[Event]]) -> dict[str, str]:
    """Call → the call that it continues. Rows and events that this needs are added to both."""
    while True:
        pairs = find_pairs(connection, locked, events)
        known = {row.id for row in locked}
        missing = {call_id for pair in pairs for call_id in pair} - known
        more = call_table.load_desks(connection, missing) | call_table.find_joined(connection, known)
        more = {call_id: desk for call_id, desk in more.items() if call_id not in known}
        if not more:
            return find_parents(pairs, events)
        locked += call_table.lock_calls(connection, more)
        events.update(event_log.load_calls(connection, more))


def _project(
    connection: Connection,
    locked: Iterable[LockedCall],
    events: Mapping[str, list[Event]],
    parents: Mapping[str, str],
) -> dict[str, Call]:
    """Calls by id. Only for those that have no end of their own it is asked whether their box is gone."""
    events, tails = _graft_all(events, parents)
    rows = {row.id: row for row in locked}
    area_codes = places.load_area_codes(connection, {row.desk for row in rows.values()})
    calls: dict[str, Call] = {}
    for row in rows.values():
        call = project_call(row.id, events[row.id], area_code=area_codes[row.desk])
        if call is not None:
            calls[row.id] = call
    unended = [call for call in calls.values() if call.state is not CallState.ENDED]
    boots = event_log.load_boots(connection, {call.box for call in unended})
    for call in unended:
        row, tail = rows[call.id], rows[tails.get(call.id, call.id)]
        gone_ms = _find_gone(tail.id, tail.gone_ms, boots.get(call.box, {}))
        if gone_ms is not None:
            closed = project_call(call.id, events[call.id], area_code=area_codes[row.desk], gone_ms=gone_ms)
            calls[call.id] = closed or call
    return calls


def _graft_all(
    events: Mapping[str, list[Event]], parents: Mapping[str, str]
) -> tuple[dict[str, list[Event]], dict[str, str]]:
    """(the events of every call, those of what continues it included; the last that continues it)."""
    whole, tails = dict(events), {}
    for later in sorted(parents, key=lambda call_id: min(event.at_ms for event in events[call_id])):
        root = find_root(later, parents)
        whole[root] = graft(whole[root], events[later])
        tails[root] = later
    return whole, tails


def _find_gone(call_id: str, away_ms: int | None, boots: Mapping[str, int]) -> int | None:
    """When the box was last known: its next boot, else since when it has been away too long."""
    _, boot, _ = parse_call_id(call_id)
    own_ms = boots.get(boot)
    if own_ms is not None:
        later = [at_ms for other, at_ms in boots.items() if is_later_boot(boot, own_ms, other, at_ms)]
        if later:
            return min(later)
    return away_ms


def _find_owner(duties: Iterable[places.Duty], call: Call) -> int | None:
    """Who was on duty at off_hook."""
    return places.find_on_duty(duties, call.answered_ms) if call.answered_ms is not None else None

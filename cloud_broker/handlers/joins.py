"""Which calls are one because the box lost its power in it: found among the rows, decided by the domain.

A box's boots stand in order. Between the last call of one boot and the first of the next (boots without a
call are passed over) `domain.joining` decides. Looked at only where it can matter: a call without an end
whose box has booted since, a call that opens right after a boot, and calls that are joined already.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key

from sqlalchemy import Connection

from cloud_broker.adapters.sql import event_log
from cloud_broker.adapters.sql.call_table import LockedCall
from cloud_broker.domain.joining import continues, has_end, may_continue
from protocol.ids import parse_call_id
from telephony.events import Event, is_later_boot

Events = Mapping[str, Sequence[Event]]


def find_pairs(connection: Connection, rows: Iterable[LockedCall], events: Events) -> set[tuple[str, str]]:
    """(last call of a boot, first call of the next boot that has one), of the calls where it can matter."""
    looked_at = [row for row in rows if _can_matter(events[row.id])]
    boots = event_log.load_boots(connection, {parse_call_id(row.id)[0] for row in looked_at})
    pairs = set()
    for row in looked_at:
        box, boot, _ = parse_call_id(row.id)
        ordered = _in_order(boots.get(box, {}))
        place = ordered.index(boot) if boot in ordered else len(ordered)
        before = _nearest(connection, box, reversed(ordered[:place]), is_first=False)
        after = _nearest(connection, box, ordered[place + 1 :], is_first=True)
        if before and event_log.find_edge_call(connection, box, boot, is_first=True) == row.id:
            pairs.add((before, row.id))
        if after and event_log.find_edge_call(connection, box, boot, is_first=False) == row.id:
            pairs.add((row.id, after))
    return pairs


def find_parents(pairs: Iterable[tuple[str, str]], events: Events) -> dict[str, str]:
    """Call → the call that it continues."""
    return {later: earlier for earlier, later in pairs if continues(events[earlier], events[later])}


def find_root(call_id: str, parents: Mapping[str, str]) -> str:
    """The call that all these are."""
    while call_id in parents:
        call_id = parents[call_id]
    return call_id


def _can_matter(events: Sequence[Event]) -> bool:
    return bool(events) and (not has_end(events) or may_continue(events))


def _in_order(boots: Mapping[str, int]) -> list[str]:
    def compare(one: str, other: str) -> int:
        if one == other:
            return 0
        return -1 if is_later_boot(one, boots[one], other, boots[other]) else 1

    return sorted(boots, key=cmp_to_key(compare))


def _nearest(connection: Connection, box: str, boots: Iterable[str], *, is_first: bool) -> str | None:
    """The first or last call of the first of `boots` that has one: mostly that is the very first."""
    ordered = list(boots)
    for boot in ordered[:1]:
        found = event_log.find_edge_call(connection, box, boot, is_first=is_first)
        if found is not None:
            return found
    with_calls = event_log.find_boots_with_calls(connection, box, ordered[1:])
    nearest = next((boot for boot in ordered if boot in with_calls), None)
    return event_log.find_edge_call(connection, box, nearest, is_first=is_first) if nearest else None

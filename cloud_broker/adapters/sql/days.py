"""The facts of one source for the comparison, and its rows: one a day."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, or_, select, text

from cloud_broker.adapters.sql import event_log, tables
from cloud_broker.adapters.sql.bulk import insert_rows, select_in
from cloud_broker.adapters.sql.counts import load_box_counts, load_reports
from cloud_broker.domain.reconciliation import (
    STATES,
    WHOLE,
    BootFacts,
    DayResult,
    Gap,
    HeldEvent,
    Range,
    merge,
)
from cloud_broker.domain.times import CHINA_OFFSET_MS, DAY_MS, china_day, parse_day_ms
from protocol.ids import build_call_id, parse_call_id

MAX_GAPS = 200
"""Gaps of one day that are kept one by one; the rest are counted in the figures."""
FIRST_SEQ = 1
AROUND_MS = 3_600_000
"""So much may the clocks of a desk PC and the cloud differ."""
REPORTED_DAYS = 30
"""For so long an agent tells of the recordings that it began."""
OF_RECORDINGS = ("recording_started", "recording_stopped", "recording_stored", "recording_lost")
OPEN = tuple(state for state in STATES if state != WHOLE)
KEPT = ("verified", "legal_hold", "expired", "erased")
"""States of a recording that came, whatever was decided about it later."""


def load_sources(connection: Connection) -> dict[str, str]:
    """Every box and every agent with its desk."""
    boxes = connection.execute(select(tables.box.c.source, tables.box.c.desk))
    agents = connection.execute(select(tables.agent.c.id, tables.agent.c.desk))
    return {row[0]: row[1] for row in [*agents, *boxes]}


def load_facts(
    connection: Connection, now_ms: int, source: str, first_day: str, last_day: str
) -> tuple[list[BootFacts], dict[str, str], dict[str, dict[str, int]], dict[str, int]]:
    """What `reconciliation.compare` wants of one source, of the boots that ran in these days."""
    since_ms, until_ms = parse_day_ms(first_day), parse_day_ms(last_day) + DAY_MS
    counts, reports = load_box_counts(connection, source), load_reports(connection, source)
    known = dict(event_log.load_boots(connection, [source]).get(source, {}))
    running = _find_running(known, now_ms, since_ms, until_ms)
    heard_of = {boot for boot, told in counts.items() if told[-1].day >= first_day}
    heard_of |= {boot for body in reports for boot in body["boots"]}
    active = [*running, *sorted(heard_of - known.keys())]
    followed = dict(pairwise(_in_order(known)))
    lost = _load_lost(connection, source, [boot for boot in known if known[boot] >= _begin(running, known)])
    facts = []
    for boot in active:
        after, held, until = _load_held(connection, source, boot, since_ms, until_ms)
        received, waiting, told = _load_agent(reports, boot)
        if told and boot in followed:
            told = max(told, china_day(known[followed[boot]]))
        calls, recordings = _count_boot(connection, source, boot) if boot in counts else (0, 0)
        facts.append(
            BootFacts(
                boot, after, held, _load_aside(connection, source, boot, after), lost.get(boot, ()),
                received, waiting, told, counts.get(boot, ()), calls, recordings, until,
            )
        )  # fmt: skip
    recorded = [event.recording for boot in facts for event in boot.held if event.recording]
    begun = Counter(event.day for boot in facts for event in boot.held if event.recording)
    untold = _count_untold(connection, source, reports, begun, first_day, last_day)
    return facts, _load_recordings(connection, recorded), _load_agent_days(reports), untold


def store_day(
    connection: Connection, now_ms: int, source: str, day: str, desk: str, result: DayResult
) -> tuple[bool, int]:
    """Write one row; (what is missing is not what it was, when the row before was written; 0: none was)."""
    table = tables.reconciled_day
    gaps = [list(gap) for gap in result.gaps[:MAX_GAPS]]
    figures = {
        "box": result.box, "agent": result.agent, "cloud": result.cloud,
        "missing": sum(gap.size for gap in result.gaps if gap.kind == "event"),
        "missing_recordings": sum(gap.size for gap in result.gaps if gap.kind.startswith("recording")),
    }  # fmt: skip
    key = table.c.source == source, table.c.day == day
    before = connection.execute(select(table.c.gaps, table.c.state, table.c.checked_ms).where(*key)).first()
    columns = ("source", "day", "desk", "state", "figures", "gaps", "checked_ms")
    row = (source, day, desk, result.state, json.dumps(figures), json.dumps(gaps), now_ms)
    given = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
    insert_rows(connection, table, columns, [row], or_else=f"ON CONFLICT (source, day) DO UPDATE SET {given}")
    if before is None:
        return True, 0
    return json.loads(before.gaps) != gaps or before.state != result.state, before.checked_ms


def load_late_days(connection: Connection, since_ms: int) -> list[tuple[str, str]]:
    """(source, day) of the events that came since `since_ms`, and two days or more after they happened."""
    event = tables.event.c
    day = ((event.at_ms + CHINA_OFFSET_MS) // DAY_MS).label("day")
    query = select(event.source, day).where(text(tables.IS_LATE), event.received_ms >= since_ms).distinct()
    rows = connection.execute(query.order_by(event.source, day))
    return [(row.source, china_day(row.day * DAY_MS)) for row in rows]


def load_open_days(
    connection: Connection, since_day: str, source: str | None = None, states: Iterable[str] = OPEN
) -> dict[str, list[str]]:
    """Source → its days since that one that are in one of `states`; of all sources, or of one."""
    table = tables.reconciled_day.c
    query = select(table.source, table.day).where(table.state.in_(tuple(states)), table.day >= since_day)
    if source is not None:
        query = query.where(table.source == source)
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.source, table.day)):
        found[row.source].append(row.day)
    return found


def load_missing(
    connection: Connection, since_day: str
) -> dict[tuple[str, str], tuple[list[tuple[str, int, int]], list[str]]]:
    """(desk, source) → (events, recordings) that its desk PC may still have.

    Asked for is what the PC did not name, too: its report is bounded, its disk has more. A recording `spool`
    is one that it stored, and may have uploaded since.
    """
    table = tables.reconciled_day.c
    query = select(table.desk, table.source, table.gaps).where(table.state != WHOLE, table.day >= since_day)
    found: dict[tuple[str, str], tuple[list[tuple[str, int, int]], list[str]]] = {}
    for row in connection.execute(query.order_by(table.source, table.day)):
        gaps = read_gaps(row.gaps)
        ranges = [
            (gap.boot, gap.first, gap.last)
            for gap in gaps
            if gap.kind == "event" and gap.where not in ("box", "spool")
        ]
        calls = [gap.call for gap in gaps if gap.kind == "recording" and gap.where != "box"]
        if ranges or calls:
            all_ranges, all_calls = found.setdefault((row.desk, row.source), ([], []))
            all_ranges += ranges
            all_calls += calls
    return found


def read_gaps(text: str) -> list[Gap]:
    """The gaps of a row."""
    return [Gap(*gap) for gap in json.loads(text)]


def _find_running(known: dict[str, int], now_ms: int, since_ms: int, until_ms: int) -> list[str]:
    """Boots that may have said something then: begun before the end, and not followed before the begin.

    A boot that began in the future has a clock that is wrong: it may have run at any time.
    """
    ordered = _in_order(known)
    followed = dict(pairwise(ordered))

    def may_have_run(boot: str) -> bool:
        if known[boot] > now_ms:
            return True
        return known[boot] < until_ms and (boot not in followed or known[followed[boot]] >= since_ms)

    return [boot for boot in ordered if may_have_run(boot)]


def _in_order(known: dict[str, int]) -> list[str]:
    return sorted(known, key=lambda boot: known[boot])


def _begin(boots: Sequence[str], known: dict[str, int]) -> int:
    return min((known[boot] for boot in boots), default=0)


def _load_held(
    connection: Connection, source: str, boot: str, since_ms: int, until_ms: int
) -> tuple[int, list[HeldEvent], int | None]:
    """(the last number of earlier days; the events behind it, up to the first of a later day; its number)."""
    event = tables.event.c
    of_boot = event.source == source, event.boot == boot
    begin = connection.execute(select(func.min(event.seq)).where(*of_boot, event.at_ms >= since_ms)).scalar()
    earlier = of_boot if begin is None else (*of_boot, event.seq < begin)
    after = connection.execute(select(func.max(event.seq)).where(*earlier)).scalar()
    after = int(after) if after is not None else FIRST_SEQ - 1
    behind = *of_boot, event.seq > after
    later = *behind, event.at_ms >= until_ms, event.received_ms >= until_ms
    until = connection.execute(select(func.min(event.seq)).where(*later)).scalar()
    wanted = behind if until is None else (*behind, event.seq <= until)
    columns = event.seq, event.at_ms, event.received_ms, event.type, event.call_id
    rows = connection.execute(select(*columns).where(*wanted).order_by(event.seq))
    return after, [_describe(source, boot, row) for row in rows], until


def _describe(source: str, boot: str, row: Any) -> HeldEvent:
    """An event that says it happened after it came happened when it came."""
    opens = row.call_id == build_call_id(source, boot, row.seq)
    recording = row.call_id if row.type == "recording_started" else ""
    day = china_day(min(row.at_ms, row.received_ms))
    return HeldEvent(row.seq, day, row.call_id if opens else "", recording)


def _load_aside(connection: Connection, source: str, boot: str, after: int) -> list[Range]:
    """Numbers in dead letters and in quarantine."""
    found: set[int] = set()
    for table in (tables.dead_letter.c, tables.quarantine.c):
        query = select(table.seq).where(table.source == source, table.boot == boot, table.seq > after)
        found.update(connection.execute(query).scalars())
    return merge((seq, seq) for seq in found)


def _load_lost(connection: Connection, source: str, boots: Iterable[str]) -> dict[str, list[Range]]:
    """What the source itself declared lost, by boot; it was declared in one of `boots`."""
    event = tables.event.c
    query = select(event.fields).where(
        event.source == source, event.boot.in_(list(boots)), event.type == "events_lost"
    )
    lost: dict[str, list[Range]] = defaultdict(list)
    for stated in connection.execute(query).scalars():
        fields = json.loads(stated)
        lost[fields["lost_boot"]].append((fields["first"], fields["last"]))
    return lost


def _load_agent(reports: Iterable[dict[str, Any]], boot: str) -> tuple[list[Range] | None, list[Range], str]:
    """(received, waiting, the day it was first told) over all agents; received None: none knows it."""
    told = [body["boots"][boot] for body in reports if boot in body["boots"]]
    if not told:
        return None, [], ""
    received = merge((first, last) for said in told for first, last in said["received"])
    waiting = merge((first, last) for said in told for first, last in said["waiting"])
    return received, waiting, china_day(min(said["since_ms"] for said in told))


def _load_agent_days(reports: Iterable[dict[str, Any]]) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {}
    for body in reports:
        for day, counted in body["recordings"].items():
            sums = days.setdefault(day, {})
            for name, number in counted.items():
                sums[name] = sums.get(name, 0) + number
    return days


def _count_untold(
    connection: Connection,
    source: str,
    reports: Iterable[dict[str, Any]],
    held: Mapping[str, int],
    first_day: str,
    last_day: str,
) -> dict[str, int]:
    """Day → how many recordings an agent began of which nothing is here.

    An agent counts them by when it took them in, by its clock of then, and the log by when they happened:
    only what is more than all it may have taken in on that day, and in the month up to it, is missing.
    """
    untold: dict[str, int] = {}
    for body in reports:
        begun = {day: counted["begun"] for day, counted in body["recordings"].items()}
        for day in begun:
            if not first_day <= day <= last_day or begun[day] <= held.get(day, 0):
                continue
            on_day = begun[day] - _count_told(connection, source, body["agent"], day, day)
            up_to_day = sum(number for other, number in begun.items() if other <= day)
            month_before = china_day(parse_day_ms(day) - REPORTED_DAYS * DAY_MS)
            up_to_day -= _count_told(connection, source, body["agent"], min([month_before, *begun]), day)
            missing = min(on_day, up_to_day)
            if missing > untold.get(day, 0):
                untold[day] = missing
    return untold


def _count_told(connection: Connection, source: str, agent: str, first_day: str, last_day: str) -> int:
    """Recordings of a box that any event tells of which an agent may have taken in on these days."""
    event = tables.event.c
    since_ms = parse_day_ms(first_day) - AROUND_MS
    until_ms = parse_day_ms(last_day) + DAY_MS + AROUND_MS
    query = (
        select(event.call_id)
        .distinct()
        .where(event.source.in_((source, agent)), event.type.in_(OF_RECORDINGS), event.at_ms < until_ms)
    )
    query = query.where(or_(event.at_ms >= since_ms, event.received_ms >= since_ms))
    calls = connection.execute(query.where(event.call_id.is_not(None))).scalars()
    return sum(parse_call_id(call)[0] == source for call in calls)


def _count_boot(connection: Connection, source: str, boot: str) -> tuple[int, int]:
    """(calls, recordings begun) of a whole boot."""
    event = tables.event.c
    of_boot = event.source == source, event.boot == boot
    calls = connection.execute(select(func.count(event.call_id.distinct())).where(*of_boot)).scalar_one()
    begun = select(func.count()).where(*of_boot, event.type == "recording_started")
    return int(calls), int(connection.execute(begun).scalar_one())


def _load_recordings(connection: Connection, calls: Sequence[str]) -> dict[str, str]:
    """Call → verified, lost or local; absent: nothing more is known than that it began."""
    states: dict[str, str] = {}
    said = "AND type IN ('recording_stored', 'recording_lost')"
    for call_id, kind in select_in(connection, "call_id, type", tables.event, "call_id", calls, said):
        states[call_id] = "lost" if kind == "recording_lost" or states.get(call_id) == "lost" else "local"
    for call_id, state in select_in(connection, "call_id, state", tables.recording, "call_id", calls):
        if state in KEPT:
            states[call_id] = "verified"
    return states

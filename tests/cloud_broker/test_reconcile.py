"""Every number a box gave is here, or it is named where it went; alarms come once and go by themselves."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_broker.adapters.sql import days, jobs, tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain import reconciliation as domain
from cloud_broker.domain.operations import AlarmView
from cloud_broker.domain.reconciliation import BootFacts, BoxCount, Gap, HeldEvent
from cloud_broker.domain.times import DAY_MS, china_day, parse_day_ms
from cloud_broker.handlers import reconcile
from cloud_broker.handlers.consumer import ask_again
from cloud_broker.handlers.held import Held
from cloud_broker.handlers.ingest import Message, ingest
from cloud_broker.handlers.nightly import AGAIN_EVERY_MS, Nightly
from cloud_broker.handlers.presence import note_health
from cloud_broker.handlers.reconcile import Compared, reconcile_day, reconcile_night, reconcile_open
from telephony.events import Event
from tests.cloud_broker import world
from tests.cloud_broker.world import AGENT, BOOT, BOX, CALL, DESK, HQ, NOW_MS, Box, take_in

DAY = china_day(NOW_MS)
NIGHT_MS = parse_day_ms(DAY) + DAY_MS + 3 * 3_600_000
NIGHTS_UNTIL_ONLY_OPEN = 4
"""The day of these tests is none of the last days any more."""
AUDIO = b"OggS" + b"x" * 100


def tell(cloud: Cloud, source: str, body: dict[str, Any], desk: str = DESK) -> None:
    payload = json.dumps({"v": 1, **body}).encode()
    note_health(cloud.database, cloud.clock, f"cloudseat/v1/{desk}/{source}/health", payload)


def tell_box(cloud: Cloud, events: int, calls: int = 1, recordings: int = 1, boot: str = BOOT) -> None:
    tell(cloud, BOX, {"boot": boot, "events": events, "calls": calls, "recordings": recordings})


def tell_agent(cloud: Cloud, received: list[list[int]], waiting: list[list[int]] | None = None) -> None:
    boots = {BOOT: {"received": received, "waiting": waiting or []}}
    counted = {DAY: {"begun": 1, "stored": 1, "verified": 0, "lost": 0}}
    tell(cloud, AGENT, {"published": 8, "sources": {BOX: {"boots": boots, "recordings": counted}}})


def upload(cloud: Cloud, call: str = CALL) -> None:
    cloud.recordings.put_whole(DESK, call, AUDIO, world.digest_of(AUDIO), 32_000)


def night(cloud: Cloud, nights: int = 0) -> list[Compared]:
    return reconcile_night(cloud.database, NIGHT_MS + nights * DAY_MS)


def only(compared: list[Compared]) -> Compared:
    (one,) = [one for one in compared if one.source == BOX]
    return one


def alarms(cloud: Cloud) -> list[AlarmView]:
    return Held(cloud.database, cloud.clock).alarms(HQ, 10)


@pytest.fixture
def desk(cloud: Cloud) -> Cloud:
    """A cloud with an enrolled agent."""
    world.enrol(cloud)
    return cloud


def test_a_whole_day_is_whole(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    tell_box(desk, 8)
    tell_agent(desk, [[1, 8]])
    upload(desk)
    result = only(night(desk)).result
    assert (result.state, result.gaps) == ("whole", [])
    assert result.box == {"events": 8, "lost": 0, "calls": 1, "recordings": 1}
    assert result.agent == {"events": 8, "waiting": 0, "begun": 1, "stored": 1, "verified": 0, "lost": 0}
    assert result.cloud == {"events": 8, "aside": 0, "calls": 1, "recordings": 1, "verified": 1}
    assert alarms(desk) == []


def test_an_event_swallowed_between_agent_and_cloud_is_found_and_the_alarm_closes_itself(
    desk: Cloud,
) -> None:
    events = world.answered_call()
    take_in(desk, [*events[:3], *events[5:]])
    tell_agent(desk, [[1, 8]])
    upload(desk)
    result = only(night(desk)).result
    assert (result.state, result.gaps) == ("missing", [Gap("event", "cloud", BOOT, 4, 5)])
    (alarm,) = alarms(desk)
    assert (alarm.kind, alarm.subject) == ("day_incomplete", f"{BOX} {DAY}")
    assert alarm.detail == f"{BOOT}:4-5 cloud"
    take_in(desk, events[3:5])
    assert only(night(desk)).result.state == "whole"
    assert alarms(desk) == []


def test_the_last_events_of_a_boot_are_missed_by_what_the_box_counted(desk: Cloud) -> None:
    take_in(desk, world.answered_call()[:5])
    tell_box(desk, 8)
    tell_agent(desk, [[1, 5], [7, 8]], [[7, 7]])
    result = only(night(desk)).result
    assert {gap for gap in result.gaps if gap.kind == "event"} == {
        Gap("event", "link", BOOT, 6, 6),
        Gap("event", "spool", BOOT, 7, 7),
        Gap("event", "cloud", BOOT, 8, 8),
    }
    assert result.box["events"] == 8 and result.agent["events"] == 7 and result.cloud["events"] == 5


def test_what_lies_below_the_first_number_of_a_report_is_not_known_to_be_lost(desk: Cloud) -> None:
    take_in(desk, world.answered_call()[3:])
    tell_agent(desk, [[3, 4], [6, 8]])
    upload(desk)
    assert only(night(desk)).result.gaps == [
        Gap("event", "unknown", BOOT, 1, 2),
        Gap("event", "cloud", BOOT, 3, 3),
    ]


def test_a_boot_of_which_nothing_came_is_missed(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    upload(desk)
    tell_box(desk, 3, 0, 0, world.LATER_BOOT)
    gaps = only(night(desk)).result.gaps
    assert gaps == [Gap("event", "unknown", world.LATER_BOOT, 1, 3)]


def test_a_box_that_lost_events_says_which(desk: Cloud) -> None:
    events = world.answered_call()
    take_in(desk, [*events[:3], *events[5:]])
    box = Box(boot=world.LATER_BOOT, at_ms=NOW_MS + 60_000)
    take_in(desk, [box.say("events_lost", 5, lost_boot=BOOT, first=4, last=5, reason="journal_full")])
    upload(desk)
    result = only(night(desk)).result
    assert (result.state, result.gaps) == ("lost", [Gap("event", "box", BOOT, 4, 5)])
    assert result.box["lost"] == 2
    held = Held(desk.database, desk.clock)
    held.resolve_alarm(HQ, held.alarms(HQ, 10)[0].id)
    night(desk, 1)
    assert alarms(desk) == []  # somebody has seen it, and nothing is new


def test_a_recording_that_never_came_is_named_by_its_call(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    tell_agent(desk, [[1, 8]])
    assert only(night(desk)).result.gaps == [Gap("recording", "unknown", call=CALL)]
    assert alarms(desk)[0].detail == f"{CALL} unknown"
    upload(desk)
    night(desk)
    assert alarms(desk) == []


def test_what_waits_on_the_desk_pc_is_no_alarm_in_the_first_night(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    agent = Box(source=AGENT, boot="0000000a-1")
    take_in(desk, [agent.say("recording_stored", 9, call=CALL, samples=32_000)])
    assert only(night(desk)).result.state == "waiting"
    assert alarms(desk) == []
    assert only(night(desk, 1)).result.state == "waiting"
    assert len(alarms(desk)) == 1


def test_a_day_that_was_looked_at_while_it_ran_is_an_alarm_when_it_has_ended(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    reconcile_day(desk.database, NOW_MS + 1000, DAY)
    assert alarms(desk) == []
    night(desk)
    (alarm,) = alarms(desk)
    assert alarm.subject == f"{BOX} {DAY}"
    Held(desk.database, desk.clock).resolve_alarm(HQ, alarm.id)
    night(desk, 1)
    assert alarms(desk) == []  # somebody has seen it


def count_recordings(cloud: Cloud, begun: dict[str, int], received: list[list[int]]) -> None:
    """What the agent has in its table of recordings, by the day on which it took them in."""
    boots = {BOOT: {"received": received, "waiting": []}}
    counted = {day: {"begun": number, "stored": 0, "verified": 0, "lost": 0} for day, number in begun.items()}
    tell(cloud, AGENT, {"published": 8, "sources": {BOX: {"boots": boots, "recordings": counted}}})


def test_recordings_that_the_desk_pc_began_and_nobody_told_of_are_missed(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    upload(desk)
    count_recordings(desk, {DAY: 9}, [[1, 8]])
    assert only(night(desk)).result.gaps == [Gap("recordings", "unknown", last=8)]
    assert alarms(desk)[0].detail == "recordings 8"


def test_recordings_whose_events_are_missing_are_missed_once(desk: Cloud) -> None:
    take_in(desk, world.answered_call()[:5])
    count_recordings(desk, {DAY: 1}, [[1, 8]])
    assert only(night(desk)).result.gaps == [Gap("event", "cloud", BOOT, 6, 8)]


def test_a_recording_that_waited_on_the_box_over_midnight_is_of_two_days_and_not_missed(desk: Cloud) -> None:
    """The box says when it happened, the desk PC when it came."""
    next_day = china_day(NOW_MS + DAY_MS)
    box = Box()
    events = world.answered_call(box=box)
    desk.clock.ms = NOW_MS + DAY_MS  # type: ignore[attr-defined]
    take_in(desk, [*events, box.say("line_changed", DAY_MS, state="normal", line_mv=48_000)])
    upload(desk)
    count_recordings(desk, {next_day: 1}, [[1, 9]])
    found = {one.day: one.result.state for one in night(desk, 1) if one.source == BOX}
    assert found == {DAY: "whole", next_day: "whole"}


def test_a_desk_pc_that_took_them_in_by_a_wrong_clock_is_no_alarm(desk: Cloud) -> None:
    """Its table keeps the wrong day; the events were given the right time later."""
    wrong_day = china_day(NOW_MS + DAY_MS)
    box = Box()
    take_in(desk, world.answered_call(box=box))
    desk.clock.ms = NIGHT_MS + DAY_MS // 2  # type: ignore[attr-defined]
    take_in(desk, [box.say("line_changed", DAY_MS, state="normal", line_mv=48_000)])
    upload(desk)
    count_recordings(desk, {wrong_day: 1}, [[1, 9]])
    assert {one.result.state for one in night(desk, 1)} == {"whole"}


def test_a_dead_letter_is_accounted_for(desk: Cloud) -> None:
    events = world.answered_call()
    take_in(desk, events[:3] + events[4:])
    broken = world.message(events[3])
    body = json.loads(broken.payload) | {"type": "rung_newly"}
    ingest(desk.database, desk.clock, [Message(broken.topic, json.dumps(body).encode())])
    upload(desk)
    result = only(night(desk)).result
    assert (result.state, result.cloud["aside"]) == ("whole", 1)


def test_running_it_again_changes_nothing(desk: Cloud) -> None:
    events = world.answered_call()
    take_in(desk, [*events[:3], *events[5:]])

    def everything() -> list[Any]:
        with desk.database.read() as connection:
            rows = connection.execute(tables.reconciled_day.select().order_by("source", "day")).all()
            columns = tables.reconciled_day.c
            return [[getattr(row, c.name) for c in columns if c.name != "checked_ms"] for row in rows]

    night(desk)
    before = everything(), alarms(desk)
    for nights in (0, 0, 1):
        night(desk, nights)
    assert (everything(), alarms(desk)) == before
    assert alarms(desk)[0].count == 1


def test_a_day_whose_gap_turns_out_to_be_of_another_day_closes(desk: Cloud) -> None:
    take_in(desk, world.answered_call()[:6])
    upload(desk)
    desk.clock.ms = NIGHT_MS  # type: ignore[attr-defined]
    tell_agent(desk, [[1, 8]])
    next_day = china_day(NIGHT_MS)
    now_ms = NIGHT_MS + DAY_MS
    assert only(reconcile_day(desk.database, now_ms, next_day)).result.state == "missing"
    assert [alarm.subject for alarm in alarms(desk)] == [f"{BOX} {next_day}"]
    both = {one.day: one.result for one in night(desk, 1) if one.source == BOX}
    assert both[DAY].gaps == [Gap("event", "cloud", BOOT, 7, 8)]
    assert (both[next_day].state, both[next_day].gaps) == ("whole", [])
    assert [alarm.subject for alarm in alarms(desk)] == [f"{BOX} {DAY}"]


def test_a_boot_that_only_the_desk_pc_knows_is_of_the_day_on_which_it_first_told_of_it(desk: Cloud) -> None:
    take_in(desk, world.missed_call(box=Box(at_ms=NOW_MS - DAY_MS)))
    told = {"boots": {world.LATER_BOOT: {"received": [[1, 3]], "waiting": []}}}
    for days_later in range(3):
        desk.clock.ms = NOW_MS + days_later * DAY_MS  # type: ignore[attr-defined]
        tell(desk, AGENT, {"published": days_later, "sources": {BOX: told}})
    found = {one.day: one.result.gaps for one in night(desk, 2) if one.source == BOX and one.result.gaps}
    assert found == {DAY: [Gap("event", "cloud", world.LATER_BOOT, 1, 3)]}


def test_a_desk_pc_that_was_off_for_days_is_asked_for_the_recordings_of_those_days(desk: Cloud) -> None:
    long_ago_ms = NOW_MS - 6 * DAY_MS
    long_ago = china_day(long_ago_ms)
    take_in(desk, world.answered_call(box=Box(at_ms=long_ago_ms)))
    found = {one.day: one.result for one in night(desk) if one.source == BOX}
    assert found[long_ago].gaps == [Gap("recording", "unknown", call=CALL)]
    heard: list[dict[str, Any]] = []

    class Heard:
        def publish(self, topic: str, payload: bytes) -> bool:
            heard.append(json.loads(payload))
            return True

    ask_again(Heard(), desk.database, NIGHT_MS)
    assert [body["recordings"] for body in heard] == [[CALL]]


def test_a_late_day_that_became_whole_is_not_compared_in_every_night(desk: Cloud) -> None:
    worker = Nightly(desk.database, desk.clock, 3 * 3_600_000, desk.recordings)
    take_in(desk, world.answered_call(box=Box(at_ms=NOW_MS - 6 * DAY_MS)))
    upload(desk)
    desk.clock.ms = NIGHT_MS  # type: ignore[attr-defined]
    worker.look()
    desk.clock.ms = NIGHT_MS + DAY_MS  # type: ignore[attr-defined]
    worker.look()
    with desk.database.read() as connection:
        rows = connection.execute(tables.reconciled_day.select()).all()
    assert [(row.state, row.checked_ms) for row in rows] == [("whole", NIGHT_MS)]


def test_the_missing_tail_of_a_boot_is_of_the_day_on_which_the_next_one_began(desk: Cloud) -> None:
    """Its agent first told of that boot weeks ago."""
    weeks_ago_ms = NOW_MS - 20 * DAY_MS
    desk.clock.ms = weeks_ago_ms  # type: ignore[attr-defined]
    take_in(desk, world.answered_call(box=Box(at_ms=weeks_ago_ms)))
    upload(desk)
    tell_agent(desk, [[1, 8]])
    night(desk, -20)
    desk.clock.ms = NOW_MS  # type: ignore[attr-defined]
    tell_agent(desk, [[1, 10]])
    take_in(
        desk, [Box(boot=world.LATER_BOOT).say("boot", 10, reason="power_on", firmware="1", off_hook=False)]
    )
    found = {one.day: one.result.gaps for one in night(desk) if one.source == BOX and one.result.gaps}
    assert found == {DAY: [Gap("event", "cloud", BOOT, 9, 10)]}


def test_one_source_that_cannot_be_compared_stops_no_other(
    desk: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(desk, world.answered_call())
    agent = Box(source=AGENT, boot="0000000a-1")
    take_in(desk, [agent.say("recording_stored", 9, call=CALL, samples=32_000)])
    load_facts = days.load_facts

    def fail_for_the_agent(connection: Any, now_ms: int, source: str, *more: Any) -> Any:
        if source == AGENT:
            raise KeyError(source)
        return load_facts(connection, now_ms, source, *more)

    monkeypatch.setattr(reconcile.days, "load_facts", fail_for_the_agent)
    assert [one.source for one in night(desk)] == [BOX]
    with pytest.raises(KeyError):
        reconcile_day(desk.database, NIGHT_MS, DAY)  # by hand: whoever asks is told


def test_what_a_box_lost_is_not_looked_at_every_five_minutes(desk: Cloud) -> None:
    events = world.answered_call()
    take_in(desk, [*events[:3], *events[5:]])
    box = Box(boot=world.LATER_BOOT, at_ms=NOW_MS + 60_000)
    take_in(desk, [box.say("events_lost", 5, lost_boot=BOOT, first=4, last=5, reason="journal_full")])
    upload(desk)
    assert only(night(desk)).result.state == "lost"
    assert reconcile_open(desk.database, NIGHT_MS + 300_000) == []
    take_in(desk, events[3:5])  # it had them after all
    night(desk, NIGHTS_UNTIL_ONLY_OPEN)
    assert alarms(desk) == []


def test_others_write_while_a_day_is_compared(desk: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(desk, world.answered_call()[:6])
    load_facts = days.load_facts

    def load_while_events_come(*given: Any) -> Any:
        facts = load_facts(*given)
        writer = threading.Thread(target=take_in, args=(desk, world.answered_call()[6:]))
        writer.start()
        writer.join(timeout=5)
        assert not writer.is_alive()
        return facts

    monkeypatch.setattr(reconcile.days, "load_facts", load_while_events_come)
    assert only(night(desk)).day == DAY


def test_an_old_day_is_compared_without_all_that_came_later(desk: Cloud) -> None:
    box = Box()
    events = world.answered_call(box=box)
    take_in(desk, [*events[:3], *events[5:]])
    desk.clock.ms = NIGHT_MS + 3 * DAY_MS  # type: ignore[attr-defined]
    later = [
        box.say("line_changed", day * DAY_MS + n, state="normal", line_mv=48_000)
        for day in range(1, 4)
        for n in range(50)
    ]
    take_in(desk, later)
    upload(desk)
    tell_agent(desk, [[1, 158]])
    with desk.database.read() as connection:
        boots, *_ = days.load_facts(connection, desk.clock.now_ms(), BOX, DAY, DAY)
    assert [len(boot.held) for boot in boots] == [7]
    assert only(reconcile_day(desk.database, desk.clock.now_ms(), DAY)).result.gaps == [
        Gap("event", "cloud", BOOT, 4, 5)
    ]
    take_in(desk, events[3:5])
    reconcile_open(desk.database, desk.clock.now_ms())
    assert alarms(desk) == []


def test_a_gap_that_moves_to_a_day_not_yet_compared_stays_open_where_it_was(desk: Cloud) -> None:
    box = Box()
    take_in(desk, world.answered_call(box=box)[:6])
    upload(desk)
    tell_agent(desk, [[1, 8]])
    night(desk)
    desk.clock.ms = NIGHT_MS  # type: ignore[attr-defined]
    take_in(desk, [box.say("line_changed", NIGHT_MS - NOW_MS, state="normal", line_mv=48_000)])
    night(desk)  # 7 and 8 are now of the day that runs
    with desk.database.read() as connection:
        missing = days.load_missing(connection, DAY)
    assert missing == {(DESK, BOX): ([(BOOT, 7, 8)], [])}


def test_a_day_ends_at_midnight_in_shanghai(desk: Cloud) -> None:
    midnight_ms = parse_day_ms(DAY) + DAY_MS
    box = Box(at_ms=midnight_ms - 10_000)
    events = world.answered_call(box=box)
    events += [box.say("line_changed", 11_000, state="normal", line_mv=48_000)]
    desk.clock.ms = midnight_ms + 1000  # type: ignore[attr-defined]
    take_in(desk, [*events[:8], events[8]])
    upload(desk)
    both = {one.day: one.result.cloud["events"] for one in night(desk, 1) if one.source == BOX}
    assert both == {DAY: 8, china_day(midnight_ms): 1}
    assert only(reconcile_day(desk.database, NIGHT_MS, DAY)).day == DAY


def test_a_box_that_counted_a_call_nobody_told_of(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    upload(desk)
    tell_box(desk, 8, calls=2, recordings=3)
    gaps = only(night(desk)).result.gaps
    assert gaps == [Gap("calls", "unknown", BOOT, last=1), Gap("recordings", "unknown", BOOT, last=2)]


@pytest.mark.parametrize(
    "body",
    [
        {"sources": []},
        {"sources": {BOX: {"boots": {BOOT: {"received": [[5, 1]], "waiting": []}}}}},
        {"sources": {BOX: {"boots": {BOOT: {"received": [[1, 2**40]], "waiting": []}}}}},
        {"sources": {BOX: {"boots": {"no boot": {"received": [], "waiting": []}}}}},
        {"sources": {BOX: {"boots": {}, "recordings": {DAY: {"begun": "many"}}}}},
        {"sources": {BOX: {"boots": {}, "recordings": {"someday": {"begun": 1}}}}},
        {"sources": {f"{n:012x}": {"boots": {}} for n in range(100)}},
    ],
)
def test_a_report_without_form_is_a_dead_letter(desk: Cloud, body: dict[str, Any]) -> None:
    take_in(desk, world.answered_call()[:1])
    tell(desk, AGENT, body)
    with desk.database.read() as connection:
        assert connection.execute(tables.dead_letter.select()).one().reason == "report"
        assert connection.execute(tables.agent_report.select()).all() == []


def test_nobody_reports_for_the_boxes_of_another_desk(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    upload(desk)
    world.enrol(desk, world.OTHER_DESK, "0b0b0b0b0b0b")
    boots = {BOOT: {"received": [[1, 99]], "waiting": []}}
    tell(desk, "0b0b0b0b0b0b", {"sources": {BOX: {"boots": boots}}}, world.OTHER_DESK)
    tell(desk, BOX, {"boot": BOOT, "events": 99, "calls": 9, "recordings": 9}, world.OTHER_DESK)
    assert only(night(desk)).result.state == "whole"


def test_a_box_that_claims_four_billion_events_costs_one_line(desk: Cloud) -> None:
    take_in(desk, world.answered_call())
    tell_box(desk, 2**32 - 1)
    assert Gap("event", "unknown", BOOT, 9, 2**32 - 1) in only(night(desk)).result.gaps


def test_the_night_is_worked_once_by_one_of_many(desk: Cloud) -> None:
    events = world.answered_call()
    take_in(desk, [*events[:3], *events[5:]])
    workers = [Nightly(desk.database, desk.clock, 3 * 3_600_000, desk.recordings) for _ in range(3)]

    def checked() -> list[int]:
        with desk.database.read() as connection:
            rows = connection.execute(tables.reconciled_day.select().order_by("source")).all()
            return [row.checked_ms for row in rows]

    for now_ms in (NOW_MS, NIGHT_MS - 1):  # the night before has nothing, and this one is not due yet
        desk.clock.ms = now_ms  # type: ignore[attr-defined]
        for worker in workers:
            worker.look()
        assert checked() == []
    desk.clock.ms = NIGHT_MS  # type: ignore[attr-defined]
    for worker in workers:
        worker.look()
    assert checked() == [NIGHT_MS]
    take_in(desk, events[3:5])
    upload(desk)
    desk.clock.ms = NIGHT_MS + AGAIN_EVERY_MS + 1  # type: ignore[attr-defined]
    workers[1].look()
    assert alarms(desk) == []


def test_a_lease_runs_out(desk: Cloud) -> None:
    with desk.database.write() as connection:
        assert jobs.claim(connection, "night", "dead", 1000, 1000)
        assert not jobs.claim(connection, "night", "other", 1000 + jobs.LEASE_MS - 1, 1000)
        assert jobs.claim(connection, "night", "other", 1000 + jobs.LEASE_MS, 1000)
        jobs.finish(connection, "night", "dead", 2000)
        jobs.finish(connection, "night", "other", 2000)
        assert not jobs.claim(connection, "night", "third", 10 * jobs.LEASE_MS, 2000)
        assert jobs.claim(connection, "night", "third", 10 * jobs.LEASE_MS, 2001)


def test_many_gaps_are_kept_in_bounds(desk: Cloud) -> None:
    box = Box()
    said = [box.say("line_changed", n, state="normal", line_mv=48_000) for n in range(1, 801)]
    take_in(desk, said[::2])
    (row,) = night(desk)
    assert len(row.result.gaps) == 399
    with desk.database.read() as connection:
        kept = connection.execute(tables.reconciled_day.select()).one()
    assert len(days.read_gaps(kept.gaps)) == days.MAX_GAPS
    assert json.loads(kept.figures)["missing"] == 399


# ---- the pure function -------------------------------------------------------------------------------------

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)).map(lambda r: (r[0], r[0] + r[1])))


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {n for first, last in ranges for n in range(first, last + 1)}


@given(st.sets(st.integers(1, 40)), RANGES, RANGES, st.none() | RANGES, RANGES, st.integers(0, 45), st.data())
def test_every_number_is_in_exactly_one_place(
    held: set[int],
    aside: list[tuple[int, int]],
    lost: list[tuple[int, int]],
    received: list[tuple[int, int]] | None,
    waiting: list[tuple[int, int]],
    counted: int,
    data: st.DataObject,
) -> None:
    at = sorted(held)
    when = sorted(data.draw(st.lists(st.sampled_from("abc"), min_size=len(at), max_size=len(at))))
    facts = BootFacts(
        boot=BOOT,
        after=0,
        held=[HeldEvent(seq, day) for seq, day in zip(at, when, strict=True)],
        aside=domain.merge(aside),
        lost=lost,
        received=None if received is None else domain.merge(received),
        waiting=domain.merge(waiting),
        told="c",
        counts=[BoxCount("c", counted, 0, 0)],
    )
    results = domain.compare([facts], {}, {})
    gaps = [gap for result in results.values() for gap in result.gaps]
    missing = [n for gap in gaps for n in range(gap.first, gap.last + 1)]
    top = max([0, counted, *held, *numbers(aside), *numbers(received or [])])
    expected = set(range(1, top + 1)) - held - numbers(aside)
    assert sorted(missing) == sorted(expected)
    by_place = {place: {n for g in gaps if g.where == place for n in range(g.first, g.last + 1)}
                for place in domain.PLACES}  # fmt: skip
    assert by_place["box"] == expected & numbers(lost)
    told = numbers(received or [])
    rest = expected - numbers(lost)
    known = set(range(min(told), max(told) + 1)) if told else set()
    assert by_place["unknown"] == rest - known
    assert by_place["link"] == rest & known - told
    assert by_place["spool"] == rest & told & numbers(waiting)
    assert by_place["cloud"] == rest & told - numbers(waiting)


def test_the_only_event_of_a_day_may_bear_the_number_to_which_its_box_counted_the_day_before() -> None:
    counted = [BoxCount("a", 5, 0, 0)]
    held = [HeldEvent(4, "a"), HeldEvent(5, "b")]
    results = domain.compare([BootFacts(BOOT, 3, held, counts=counted)], {}, {})
    assert [result.gaps for result in results.values()] == [[], []]
    assert results["b"].cloud["events"] == 1


@given(RANGES, RANGES)
def test_ranges_are_sets(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    one, other = domain.merge(some), domain.merge(others)
    assert numbers(one) == numbers(some)
    assert numbers(list(domain.subtract(one, other))) == numbers(some) - numbers(others)
    assert numbers(domain.intersect(one, other)) == numbers(some) & numbers(others)
    assert domain.total(one) == len(numbers(some))


def test_a_clock_from_the_future_does_not_move_a_day(desk: Cloud) -> None:
    events = [Event(*event[:6], event.at_ms + 400 * DAY_MS, "unsynced") for event in world.missed_call()]
    take_in(desk, events)
    assert only(night(desk)).day == DAY

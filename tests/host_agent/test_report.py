"""What the agent says it holds: exact numbers, whatever order they came in, and how far recordings got."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_broker.handlers.counts import MAX_BOOTS, MAX_DAYS
from cloud_broker.handlers.presence import MAX_REPORT_BYTES
from host_agent import report as report_module
from host_agent.report import DAY_MS, MAX_RANGES, add_number
from tests.host_agent.board import Board
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.desk import Desk
from tests.host_agent.test_recordings import call_id, record
from tests.host_agent.test_uploads import access

CHECK_MS = 11_000


@pytest.fixture(autouse=True)
def each_check_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "REPORT_EVERY_MS", 1_000)


def read_report(desk: Desk) -> dict[str, Any]:
    return desk.broker.retained[f"cloudseat/v1/desk-1/{desk.identity.agent_id}/health"]


@given(st.permutations(list(range(40))), st.sets(st.integers(0, 39)))
def test_ranges_are_exact_in_any_order(numbers: list[int], absent: set[int]) -> None:
    ranges: list[list[int]] = []
    for number in [n for n in numbers if n not in absent] * 2:
        add_number(ranges, number)
    assert {n for first, last in ranges for n in range(first, last + 1)} == set(range(40)) - absent
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))


def test_what_is_received_and_what_waits_is_told_by_its_numbers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    for seq in range(3):
        board.state("line_changed", seq, state="normal", line_mv=48_000)
    desk.run(CHECK_MS)
    told = read_report(desk)["sources"][board.source]["boots"][board.boot]
    assert told["received"] == told["waiting"] and sum(b - a + 1 for a, b in told["received"]) == 3
    first = desk.events("line_changed")[0]
    desk.commit(first)
    desk.run(CHECK_MS)
    told = read_report(desk)["sources"][board.source]["boots"][board.boot]
    assert told["waiting"] == [[first["seq"] + 1, first["seq"] + 2]]
    assert read_report(desk)["published"] == len({(e["source"], e["seq"]) for e in desk.events()})
    desk.restart()
    desk.connect()
    desk.run(CHECK_MS)
    assert read_report(desk)["sources"][board.source]["boots"][board.boot] == told


def test_recordings_are_counted_by_how_far_they_got(tmp_path: Path, cloud: FakeCloud) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.access = desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    record(desk, board, 1000)
    record(desk, board, 1000)
    desk.work("encode")
    desk.work("upload")
    desk.run(CHECK_MS)
    (day,) = read_report(desk)["sources"][board.source]["recordings"].values()
    assert day == {"begun": 2, "stored": 2, "verified": 1, "lost": 0}


def test_a_quiet_agent_says_nothing_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.run(3 * CHECK_MS)
    told = [topic for topic, _ in desk.broker.published if topic.endswith("/health")]
    assert len(told) == 1


def test_a_report_that_died_with_its_connection_is_said_on_the_next(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.run(CHECK_MS)
    report = read_report(desk)
    desk.broker.retained.clear()  # taken by the client, never by the broker
    desk.disconnect()
    desk.connect()
    desk.run(CHECK_MS)
    assert read_report(desk)["sources"] == report["sources"]


def test_a_report_is_bounded(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    desk.run(200)
    reporter = desk.core.parts.housekeeping.reporter
    reporter._received[board.source]["1f2e3d4c-1"] = [[n, n] for n in range(0, 200, 2)]
    report = reporter.build(desk.clock.now())
    told = report["sources"][board.source]["boots"]["1f2e3d4c-1"]["received"]
    assert len(told) == MAX_RANGES and told[-1] == [198, 198]


def test_a_report_of_torn_boots_stays_below_what_the_cloud_reads(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.run(200)
    reporter = desk.core.parts.housekeeping.reporter
    torn = [[n, n] for n in range(2**32 - 200, 2**32, 2)]
    boots = {f"1f2e3d4c-{n}": torn for n in range(100, 140)}
    reporter._received.update({f"{n:012x}": boots for n in range(8)})
    waiting = [(f"{n:012x}", boot, seq) for n in range(8) for boot in boots for seq, _ in torn]
    with patch.object(reporter.spool, "waiting_ids", lambda: waiting):
        report = reporter.build(desk.clock.now())
    told = report["sources"]["000000000000"]["boots"]
    assert set(told) == {f"1f2e3d4c-{n}" for n in range(108, 140)}
    assert [len(told[f"1f2e3d4c-{n}"]["received"]) for n in (131, 132, 139)] == [0, MAX_RANGES, MAX_RANGES]
    days = {f"2026-03-{n:02}": dict.fromkeys(("begun", "stored", "verified", "lost"), 999) for n in range(31)}
    for said in report["sources"].values():
        said["recordings"] = days
    assert len(json.dumps(report, separators=(",", ":"))) < MAX_REPORT_BYTES - 100
    assert len(told) <= MAX_BOOTS and len(days) <= MAX_DAYS


def test_what_was_listed_weeks_ago_is_told_as_long_as_it_is_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    board.state("line_changed", 1, state="normal", line_mv=48_000)
    desk.run(400)
    desk.commit_all()
    for days, is_told in ((29, True), (2, False)):
        desk.clock.jump(days * DAY_MS)
        desk.boards.clear()
        desk.restart()
        report = desk.core.parts.housekeeping.reporter.build(desk.clock.now())
        assert (board.source in report["sources"]) == is_told


# ---- what the cloud lost after it had listed it ------------------------------------------------------------


def ask_again(desk: Desk, board: Board, first: int, last: int, *calls: str) -> None:
    body = {"v": 1, "source": board.source, "ranges": [[board.boot, first, last]], "recordings": list(calls)}
    desk.message(f"cloudseat/v1/desk-1/{board.source}/missing", body)


def test_events_that_the_cloud_lost_are_published_again_as_they_were(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    for seq in range(6):
        board.state("line_changed", seq, state="normal", line_mv=48_000)
    desk.run(400)
    desk.commit_all()
    first = {event["seq"]: event for event in desk.events("line_changed")}
    desk.disconnect()
    board.state("line_changed", 7, state="cut", line_mv=0)
    desk.run(400)
    ask_again(desk, board, 2, 3)
    desk.connect()
    again = desk.events("line_changed")[6:]
    assert [event["seq"] for event in again] == [2, 3, 6]
    assert again[:2] == [first[2], first[3]]
    desk.commit_all()
    assert desk.core.parts.spool.backlog().count == 0
    ask_again(desk, board, 90, 99)  # never had
    assert len(desk.events("line_changed")) == 9


def test_what_is_under_way_is_not_published_twice_by_a_question(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    for seq in range(4):
        board.state("line_changed", seq, state="normal", line_mv=48_000)
    desk.run(400)
    desk.commit(desk.events("line_changed")[0])
    ask_again(desk, board, 0, 3)
    assert [event["seq"] for event in desk.events("line_changed")] == [0, 1, 2, 3, 0]


def test_a_recording_that_the_cloud_lost_is_sent_again(tmp_path: Path, cloud: FakeCloud) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 1000))
    desk.work("encode")
    desk.work("upload")
    data = cloud.stored.pop(call)
    ask_again(desk, board, 90, 90, call, f"{board.source}-{board.boot}-77")
    desk.run(20)
    desk.work("upload")
    assert cloud.stored == {call: data}
    assert desk.core.parts.flow.unverified == 0


@pytest.mark.parametrize("calls", [None, "x", [7], ["no call"], ["b1b2c3d4e5f6-1f2e3d4c-7-1"]])
def test_a_malformed_question_changes_nothing(tmp_path: Path, calls: object) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    board.state("line_changed", 1, state="normal", line_mv=48_000)
    desk.run(200)
    desk.commit_all()
    body = {"v": 1, "source": board.source, "ranges": [[board.boot, 0, 9]], "recordings": calls}
    desk.message(f"cloudseat/v1/desk-1/{board.source}/missing", body)
    assert desk.core.undecodable == 1 and desk.core.parts.spool.backlog().count == 0

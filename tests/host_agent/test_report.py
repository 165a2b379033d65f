"""What the agent says it holds: exact numbers, whatever order they came in, and how far recordings got."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_agent import report as report_module
from host_agent.report import MAX_RANGES, add_number
from tests.host_agent.board import Board
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.desk import Desk
from tests.host_agent.test_recordings import record
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

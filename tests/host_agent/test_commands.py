"""Commands: expired ones are not done late, each gets exactly one reply, none is done twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_agent.command_flow import KEEP_MS
from host_agent.commands import Command, Reply, judge_command
from host_agent.time_anchor import format_utc
from protocol.errors import MessageError
from tests.host_agent.board import Board
from tests.host_agent.desk import START_MS, Desk

SECOND = 1000


def build_command(name: str = "dial", command_id: str = "c-1", **changes: Any) -> dict[str, Any]:
    arguments = {"digits": "13912345678"} if name == "dial" else {}
    return {
        "v": 1,
        "id": command_id,
        "command": name,
        "args": arguments,
        "issued_at": format_utc(START_MS),
        "expires_at": format_utc(START_MS + 30 * SECOND),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "cloud_ms", "attached", "result", "reason"),
    [
        ({}, None, True, "refused", "clock_unknown"),
        ({}, START_MS + 30 * SECOND, True, "expired", "expired"),
        ({}, START_MS, False, "refused", "box_absent"),
        ({"command": "explode"}, START_MS, True, "refused", "command"),
        ({"args": {"digits": "drop table"}}, START_MS, True, "refused", "argument:digits"),
        ({"args": {}}, START_MS, True, "refused", "missing:digits"),
        ({"expires_at": "soon"}, START_MS, True, "refused", "malformed"),
        ({"expires_at": format_utc(START_MS - 1)}, START_MS - 2, True, "refused", "malformed"),
        ({"issued_at": "2026-03-17T09:00:00"}, START_MS, True, "refused", "malformed"),
    ],
)
def test_judged(
    changes: dict[str, Any], cloud_ms: int | None, attached: bool, result: str, reason: str
) -> None:
    payload = json.dumps(build_command(**changes)).encode()
    assert judge_command(payload, cloud_ms, attached) == Reply("c-1", result, reason)


def test_a_good_one_is_passed_on() -> None:
    judged = judge_command(json.dumps(build_command()).encode(), START_MS, True)
    assert judged == Command("c-1", "dial", {"digits": "13912345678"}, START_MS + 30 * SECOND)


def test_without_a_clock_only_what_harms_late_is_refused() -> None:
    judged = judge_command(json.dumps(build_command("hang_up")).encode(), None, True)
    assert isinstance(judged, Command)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_command_are_one_known_error(payload: bytes) -> None:
    try:
        judge_command(payload, START_MS, True)
    except MessageError as error:
        assert error.reason in ("json", "id")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.reception._offset.learn(START_MS, START_MS, START_MS)
    desk.plug("P1", Board())
    return desk


def send(desk: Desk, **changes: Any) -> None:
    desk.message(f"cloudseat/v1/desk-1/{desk.boards['P1'].source}/command", build_command(**changes))
    desk.run(SECOND)


def test_the_box_does_it_and_its_reply_goes_up_once(desk: Desk) -> None:
    send(desk)
    board = desk.boards["P1"]
    assert board.commands == [["c-1", "dial", {"digits": "13912345678"}]]
    for _ in range(2):
        board.say("reply", "c-1", "done", "")
    desk.run(SECOND)
    assert desk.replies() == [("c-1", "done", "")]


def test_what_cannot_be_said_to_the_box_is_refused(desk: Desk) -> None:
    send(desk, args={"digits": "110", "volume": 0.5})
    send(desk, command_id="c-2", args={"digits": "110", "note": "x" * 300})
    assert [reply[1:] for reply in desk.replies()] == [("refused", "not_encodable")] * 2
    assert desk.boards["P1"].commands == []


def test_the_same_command_again_is_neither_done_nor_answered_again(desk: Desk) -> None:
    send(desk)
    desk.boards["P1"].say("reply", "c-1", "done", "")
    desk.run(SECOND)
    send(desk)
    desk.restart()
    desk.connect()
    desk.run(SECOND)
    send(desk)
    assert len(desk.boards["P1"].commands) == 1
    assert len(desk.replies()) == 1


def test_a_box_that_keeps_silent_has_failed(desk: Desk) -> None:
    send(desk)
    desk.run(45 * SECOND)
    assert desk.replies() == [("c-1", "failed", "no_reply")]


def test_a_box_that_goes_has_failed(desk: Desk) -> None:
    send(desk)
    desk.unplug("P1")
    assert desk.replies() == [("c-1", "failed", "box_detached")]


def test_an_agent_that_was_killed_says_that_it_does_not_know(desk: Desk) -> None:
    send(desk)
    desk.restart()
    desk.connect()
    assert desk.replies() == [("c-1", "failed", "agent_restarted")]


def test_an_expired_one_is_answered_and_never_reaches_the_box(desk: Desk) -> None:
    desk.run(31 * SECOND)
    send(desk)
    assert desk.boards["P1"].commands == []
    assert desk.replies() == [("c-1", "expired", "expired")]


def test_after_a_jump_of_the_clock_dialling_waits_for_the_clouds_time(desk: Desk) -> None:
    desk.clock.jump(-8 * 3_600_000)
    desk.run(SECOND)
    send(desk)
    assert desk.replies() == [("c-1", "refused", "clock_unknown")]


def test_an_answered_command_is_forgotten_in_the_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.message(f"cloudseat/v1/desk-1/{Board().source}/command", build_command())
    count = "SELECT count(*) FROM command"
    assert desk.database.execute(count).fetchone() == (1,)
    desk.clock.advance(KEEP_MS + 60 * SECOND)
    desk.connect()
    assert desk.database.execute(count).fetchone() == (0,)

"""Eight boxes on one PC: calls on all at once, plugs pulled and swapped, a PC that sleeps."""

from pathlib import Path

import pytest

from host_agent.ports import PortsSeen, SerialLost
from host_agent.segments import read_recording
from tests.host_agent.board import Board
from tests.host_agent.desk import Desk

SECOND = 1000
HOUR = 3_600_000
PORTS = tuple(f"P{number}" for number in range(8))


def build_boards() -> dict[str, Board]:
    return {port: Board(f"a1b2c3d4e5{number:02x}") for number, port in enumerate(PORTS)}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path, ports=PORTS)
    desk.connect()
    return desk


def voice(board: Board) -> bytes:
    """Audio that is this box's only."""
    return bytes([int(board.source[-2:], 16)]) * 2000


def test_eight_calls_at_once_are_eight_recordings(desk: Desk) -> None:
    boards = build_boards()
    desk.boards.update(boards)
    desk.run(SECOND)
    assert len(desk.attached) == 8
    for board in boards.values():
        board.state("recording_started", 0, call=0, codec="alaw")
        board.play(0, 0, voice(board))
        for burst in range(10):
            board.state("ring_burst", burst, call=0, burst=burst)
    desk.run(2 * SECOND)
    for board in boards.values():
        folder = desk.core.parts.recordings.audio_folder(f"{board.source}-{board.boot}-0")
        assert b"".join(alaw for _, alaw in read_recording(folder)) == voice(board)
        board.state("recording_stopped", 250, call=0, samples=2000)
    desk.run(2 * SECOND)
    desk.work("encode")
    assert all(board.is_idle for board in boards.values())
    stored = {event["fields"]["call"]: event["fields"] for event in desk.events("recording_stored")}
    assert stored == {
        call: {"call": call, "samples": 2000}
        for call in (f"{board.source}-{board.boot}-0" for board in boards.values())
    }
    for board in boards.values():
        bursts = [event for event in desk.events("ring_burst") if event["source"] == board.source]
        assert [event["fields"]["burst"] for event in bursts] == list(range(10))


def test_boxes_that_change_places_keep_their_calls_apart(desk: Desk) -> None:
    """COM3 and COM5 after all plugs were pulled and put back: a box is who its hello says, not its port."""
    boards = build_boards()
    desk.boards.update(boards)
    desk.run(SECOND)
    for port in PORTS:
        desk.boards.pop(port)
        desk.handle(SerialLost(port, "gone"))
    desk.commit_all()
    swapped = dict(zip(PORTS, reversed(list(boards.values())), strict=True))
    desk.handle(PortsSeen({port: board.source for port, board in swapped.items()}))
    desk.tick()
    desk.boards.update(swapped)
    desk.run(5 * SECOND)
    for port, board in swapped.items():
        board.state("self_test", 5, item=port, passed=True)
    desk.run(SECOND)
    said = {event["source"]: event["fields"]["item"] for event in desk.events("self_test")}
    assert said == {board.source: port for port, board in swapped.items()}
    assert desk.core.parts.boxes.attached == {board.source: port for port, board in swapped.items()}


def test_a_box_that_moved_is_not_gone_when_its_old_port_stays_silent(tmp_path: Path) -> None:
    """The cable was put into another socket, and the system did not say that the first port is lost."""
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.connect()
    board = desk.plug("P1", Board())
    board.state("self_test", 5, item="line", passed=True)
    desk.run(SECOND)
    desk.boards.clear()
    for _ in range(30):
        desk.run(SECOND)
        if not desk.core.parts.boxes._ports["P1"].session.is_open:
            break
    assert desk.core.parts.boxes.attached == {board.source: "P1"}
    desk.plug("P2", board)
    desk.run(20 * SECOND)
    assert desk.events("box_detached") == []
    assert desk.core.parts.boxes.attached == {board.source: "P2"}


def test_one_box_that_goes_leaves_the_others_alone(desk: Desk) -> None:
    boards = build_boards()
    desk.boards.update(boards)
    desk.run(SECOND)
    hellos = {port: board.hellos for port, board in boards.items()}
    desk.unplug("P3")
    for board in boards.values():
        board.state("self_test", 5, item="line", passed=True)
    desk.run(2 * SECOND)
    assert [port for port, board in boards.items() if not board.is_idle] == ["P3"]
    assert all(board.hellos == hellos[port] for port, board in boards.items() if port != "P3")
    assert [event["fields"]["box"] for event in desk.events("box_detached")] == [boards["P3"].source]


@pytest.mark.parametrize("elapsed_goes_on", [True, False])
def test_a_pc_that_slept_a_night_loses_nothing(tmp_path: Path, elapsed_goes_on: bool) -> None:
    """Its UTC jumps, and on some systems its elapsed time; the box went on and kept its events."""
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())
    board.state("ring_started", desk.clock.now().elapsed_ms, call=0)
    desk.run(SECOND)
    desk.disconnect()
    slept_ms = 9 * HOUR
    uptime_ms = desk.clock.now().elapsed_ms + slept_ms // 2
    for burst in range(50):
        board.state("ring_burst", uptime_ms + burst, call=0, burst=burst)
    if elapsed_goes_on:
        desk.clock.advance(slept_ms)
    else:
        desk.clock.jump(slept_ms)
    desk.connect()
    desk.run(10 * SECOND)
    assert board.is_idle
    bursts = {event["seq"]: event for event in desk.events("ring_burst")}
    assert len(bursts) == 50
    assert bursts[1]["at"].startswith("2026-03-17T13:30:0")
    assert desk.core.parts.boxes.attached == {board.source: "P1"}

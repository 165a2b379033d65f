"""The disk is full from any write on, for a while: it is named, harms nothing else, and the agent goes on."""

import itertools
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from host_agent.errors import AgentError
from tests.host_agent.board import Board
from tests.host_agent.desk import Desk
from tests.host_agent.disk_log import MEMORY
from tests.host_agent.observed_disk import ObservedDisk, observed

SAMPLES = 3000
EVERY = 3
NAMED = {
    *("spool.full", "identity.unwritable", "recordings.unwritable"),
    *("recording.no_room", "recording.not_encoded"),
}


def start(folder: Path, disk: ObservedDisk) -> tuple[Desk, set[str]]:
    """The agent's start, again with room if it ended with what to do; and which names it ended with."""
    try:
        return Desk(folder), set()
    except AgentError as error:
        assert error.remedy
        disk.room = None
        return Desk(folder), {error.code}


def play_call(desk: Desk, board: Board) -> int:
    """Ring, answer, record, hang up; time for all of it to arrive where there is room."""
    call = board.state("ring_started", 0, call=0)
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * SAMPLES)
    desk.run(1000)
    board.state("recording_stopped", 400, call=call, samples=SAMPLES)
    desk.run(1000)
    desk.work("encode")
    return call


def run_with_room_for(writes: int | None) -> tuple[ObservedDisk, set[str]]:
    """A call while the disk takes that many writes more (None: all), then one while it has room again."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as name,
        observed(Path(name)) as disk,
        capture_logs() as logs,
    ):
        disk.room = writes
        desk, names = start(Path(name), disk)
        desk.connect()
        board = desk.plug("P1", Board())
        calls = [play_call(desk, board)]
        disk.room = None
        desk.run(32_000)
        desk.work("encode")
        calls.append(play_call(desk, board))
        desk.run(16_000)
        desk.work("encode")
        check(desk, board, calls)
        desk.core.parts.recordings.close()
        desk.database.close()
    return disk, names | {entry["event"] for entry in logs if entry["log_level"] in ("error", "warning")}


def check(desk: Desk, board: Board, calls: list[int]) -> None:
    """Every event of the box is in the spool, none refused; the first recording is whole, or what is missing
    is named; the second is whole."""
    assert board.is_idle
    assert desk.core.parts.spool.held(board.source, board.boot) == [(0, calls[1] + 2)]
    assert desk.core.parts.spool.refused() == 0
    ends = {
        event["fields"]["call"]: event
        for event in desk.events()
        if event["type"] in ("recording_stored", "recording_lost")
    }
    first, second = (ends[f"{board.source}-{board.boot}-{call}"] for call in calls)
    if first["type"] == "recording_lost":
        assert first["fields"]["reason"] == "disk_full"
    else:
        row = desk.core.parts.housekeeping.index.get(first["fields"]["call"])
        assert row is not None and row.state == "local" and row.samples == SAMPLES
        assert {gap.reason for gap in row.gaps} <= {"disk_full"}
    assert second["type"] == "recording_stored" and "gaps" not in second["fields"]
    assert len({(event["boot"], event["seq"]) for event in ends.values()}) == len(calls)


def test_a_full_disk_at_any_write_is_named_and_survived(capsys: pytest.CaptureFixture[str]) -> None:
    whole, names = run_with_room_for(None)
    assert not names & NAMED and whole.refused == 0
    tried, refused, seen = 0, 0, set[str]()
    for room in itertools.count(0, EVERY):
        disk, names = run_with_room_for(room)
        assert bool(disk.refused) == bool(names & NAMED), (room, names)
        if not disk.refused:
            break
        tried, refused, seen = tried + 1, refused + disk.refused, seen | names & NAMED
    with capsys.disabled():
        print(f"\nfull disk: from {tried} writes on, {refused} refused: {', '.join(sorted(seen))}")
    assert seen >= {"identity.unwritable", "spool.full", "recording.no_room"}

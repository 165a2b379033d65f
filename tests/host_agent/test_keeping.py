"""What is kept and for how long: the spool's limit, retention and low disk, quiet hours, flat memory."""

import itertools
import tracemalloc
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from host_agent.database import open_database, transaction
from host_agent.errors import AgentError
from host_agent.gaps import Gap
from host_agent.opus import encode_recording
from host_agent.segments import SegmentWriter
from host_agent.spool import Spool
from protocol.event_json import EventRecord
from tests.host_agent.board import Board
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.desk import START_MS, Desk
from tests.host_agent.test_recordings import call_id, record
from tests.host_agent.test_uploads import access

SECOND = 1000
HOUR = 3_600_000
KEPT_PER_CALL = 1_500_000
"""Bytes of Python's own that a recording of any length may take while it is written and encoded."""


def test_the_spool_stops_at_its_limit_with_one_alarm_and_the_rest_stays_on_the_box(tmp_path: Path) -> None:
    desk = Desk(tmp_path, spool_limit_mb=1)
    board = desk.plug("P1", Board())
    with capture_logs() as logs:
        for _ in range(3000):
            board.state("fault", 1, part="x" * 100, reason="y" * 100)
        desk.run(20 * SECOND)
    assert [entry["event"] for entry in logs].count("spool.full") == 1
    held = desk.core.parts.spool.held(board.source, board.boot)
    assert 300 < held[0][1] < 3000 and len(held) == 1
    assert min(board.journal) == held[0][1] + 1, "what was not stored was not acknowledged"
    assert (tmp_path / "spool.sqlite").stat().st_size <= 1 << 20


SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"
BATCH = 20


@pytest.mark.parametrize("lengths", [range(100), [23]], ids=["varying", "just filling a leaf"])
def test_a_spool_at_its_limit_drains_and_goes_on(tmp_path: Path, lengths: list[int]) -> None:
    """Last come, first listed: the order that splits most leaves."""
    database = open_database(tmp_path / "spool.sqlite", limit_mb=1)
    spool = Spool(database, limit_mb=1)
    sizes = itertools.cycle(lengths)

    def store(seq: int) -> str:
        size = next(sizes)
        fields = {"part": "x" * size, "reason": "y" * size}
        at = "2026-03-17T09:00:00.000Z"
        return spool.store(EventRecord(SOURCE, BOOT, seq, seq, "fault", fields, at, "synced"), START_MS)

    def fill(first: int) -> None:
        with pytest.raises(AgentError, match="at its limit"):
            for start in itertools.count(first, BATCH):
                with transaction(database):
                    for seq in range(start, start + BATCH):
                        store(seq)

    fill(0)
    stored = spool.backlog().count
    for last in range(stored - 1, -1, -BATCH):
        ranges = [(BOOT, seq, seq) for seq in range(last, last - BATCH, -1)]
        assert len(spool.mark_committed(SOURCE, ranges, START_MS)) == BATCH
    assert stored > 1000 and spool.backlog().count == 0
    fill(stored)  # each new event takes the place of older ones, until all that is here waits
    ((first, last),) = spool.held(SOURCE, BOOT)
    assert first >= stored - 1000 and last >= first + 1000
    assert spool.backlog().count == last + 1 - stored
    database.close()


def verified(desk: Desk, board: Board, count: int) -> list[Path]:
    """The files of `count` verified recordings, oldest first, a second apart."""
    paths = []
    for _ in range(count):
        call = call_id(board, record(desk, board, 800))
        desk.work("encode")
        desk.core.parts.housekeeping.index.verify(call, desk.clock.now().unix_ms)
        paths.append(desk.core.parts.recordings.stored_path(call))
        desk.run(SECOND)
    return paths


def test_a_low_disk_takes_the_oldest_and_no_more_than_it_must(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=100)
    desk.connect()
    paths = verified(desk, desk.plug("P1", Board()), 4)
    sizes = [path.stat().st_size for path in paths]
    desk.free_bytes = (100 << 20) - sizes[0] - 1
    desk.run(11 * SECOND)
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_a_clock_that_jumps_ahead_lets_nothing_go_before_somebody_can_put_it_right(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=0)
    desk.connect()
    (path,) = verified(desk, desk.plug("P1", Board()), 1)
    desk.clock.jump(400 * 24 * HOUR)
    desk.run(20 * SECOND)
    assert path.exists()
    desk.clock.advance(24 * HOUR)
    desk.run(20 * SECOND)
    assert not path.exists()


def test_no_upload_begins_in_quiet_hours(tmp_path: Path, cloud: FakeCloud) -> None:
    hour = datetime.fromtimestamp(START_MS / 1000).hour
    quiet = f"{hour:02d}:00-{(hour + 2) % 24:02d}:00"
    desk = Desk(tmp_path, quiet_hours=quiet)
    desk.connect()
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 800))
    desk.work("encode")
    desk.clock.advance(HOUR)
    desk.run(SECOND)
    assert "upload" not in {job[0] for job in desk.worker.jobs}
    desk.clock.advance(HOUR)
    desk.run(SECOND)
    desk.work("upload")
    assert list(cloud.stored) == [call]


def measure_peak(folder: Path, minutes: int) -> int:
    """Most bytes that Python held while a recording was written and encoded."""
    samples = minutes * 60 * 8000
    frame = bytes(range(248)) * 4
    tracemalloc.start()
    try:
        writer = SegmentWriter(folder / "audio")
        for first_sample in range(0, samples, len(frame)):
            writer.append(first_sample, frame)
        writer.close()
        encoded = encode_recording(folder / "audio", folder / "call.opus", samples, [Gap(0, 0, "overrun")])
        assert encoded.samples == samples and encoded.gaps == []
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_length_of_a_call(tmp_path: Path) -> None:
    encode_recording(tmp_path, tmp_path / "first.opus", 80, [])  # what is imported once
    short, long = measure_peak(tmp_path / "1", 1), measure_peak(tmp_path / "6", 6)
    assert long < short + 200_000 and long < KEPT_PER_CALL


def test_events_that_are_committed_leave_nothing_behind_in_memory(tmp_path: Path) -> None:
    """Events stored, published and committed: what the core keeps of them afterwards is bounded."""
    desk = Desk(tmp_path)
    desk.connect()
    board = desk.plug("P1", Board())

    def live(events: int) -> int:
        for burst in range(events):
            board.state("ring_burst", burst, call=0, burst=burst)
        desk.run(SECOND)
        desk.commit_all()
        desk.broker.published.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = live(80)
        last = [live(80) for _ in range(6)][-1]
    finally:
        tracemalloc.stop()
    assert last < first + 100_000
    assert desk.core.parts.spool.backlog().count == 0

"""What is kept and for how long: the spool's limit, retention and low disk, quiet hours, flat memory."""

import itertools
import tracemalloc
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from host_agent.ages import START_HOLD_MS
from host_agent.database import open_database, spool_full, transaction
from host_agent.disk import CHECK_EVERY_MS
from host_agent.errors import AgentError
from host_agent.gaps import Gap
from host_agent.housekeeping import MAX_EXPIRED
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


def lock(path: Path) -> None:
    """It cannot be deleted, as on Windows while a player has it open."""
    path.unlink()
    (path / "open").mkdir(parents=True)


def test_a_low_disk_leaves_out_a_recording_that_cannot_be_deleted_now(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=100)
    desk.connect()
    locked, *others = verified(desk, desk.plug("P1", Board()), 3)
    lock(locked)
    desk.free_bytes = 0
    with capture_logs() as logs:
        desk.run(11 * SECOND)
    assert [path.exists() for path in others] == [False, False]
    assert "recording.not_deleted" in {entry["event"] for entry in logs}
    (row,) = desk.core.parts.housekeeping.index.in_state("verified")
    assert row.call == locked.stem, "it is tried again"


def test_retention_leaves_out_a_recording_that_cannot_be_deleted_now(tmp_path: Path) -> None:
    desk = Desk(tmp_path, recording_retention_days=1)
    desk.connect()
    locked, other = verified(desk, desk.plug("P1", Board()), 2)
    lock(locked)
    desk.clock.advance(25 * HOUR)
    desk.tick()
    assert not other.exists()
    (locked / "open").rmdir()
    locked.rmdir()
    desk.clock.advance(HOUR)
    desk.tick()
    assert desk.core.parts.housekeeping.index.in_state("verified") == []


def test_a_low_disk_takes_no_more_than_fifty_in_one_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=100)
    index = desk.core.parts.housekeeping.index
    for number in range(MAX_EXPIRED + 1):
        call = f"{SOURCE}-{BOOT}-{number}"
        index.begin(call, SOURCE, BOOT, number, START_MS + number)
        index.store(call, 800, [], 1000, "00")
        index.verify(call, START_MS)
    desk.free_bytes = 0
    desk.clock.advance(CHECK_EVERY_MS)
    desk.tick()
    (left,) = index.in_state("verified")
    assert left.call == f"{SOURCE}-{BOOT}-{MAX_EXPIRED}"


def test_a_spool_that_cannot_be_pruned_does_not_blind_the_disk_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def have_no_room(*_: object) -> int:
        raise spool_full()

    desk = Desk(tmp_path, disk_reserve_mb=100)
    desk.connect()
    (path,) = verified(desk, desk.plug("P1", Board()), 1)
    monkeypatch.setattr(desk.core.parts.spool, "prune", have_no_room)
    desk.clock.advance(START_HOLD_MS)
    desk.free_bytes = 0
    with capture_logs() as logs:
        desk.run(31 * SECOND)
    assert not path.exists() and not desk.core.parts.recordings.has_room
    assert [entry["event"] for entry in logs].count("spool.full") == 1


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


def let_drift(desk: Desk, days: int) -> None:
    """The PC's clock gains 50 ppm on its own elapsed time, as crystals do."""
    for _ in range(days * 24 * 6):
        desk.clock.advance(600 * SECOND)
        desk.clock.jump(30)
        desk.tick()


def test_a_clock_that_drifts_does_not_step_and_old_recordings_go(tmp_path: Path) -> None:
    desk = Desk(tmp_path, recording_retention_days=1)
    desk.connect()
    (path,) = verified(desk, desk.plug("P1", Board()), 1)
    desk.boards.clear()
    let_drift(desk, days=2)
    assert desk.events("clock_stepped") == []
    assert not path.exists()


def test_a_small_step_of_the_clock_holds_nothing_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path, recording_retention_days=1)
    desk.connect()
    (path,) = verified(desk, desk.plug("P1", Board()), 1)
    desk.clock.advance(24 * HOUR)
    desk.clock.jump(30 * 60 * SECOND)
    desk.run(20 * SECOND)
    assert desk.events("clock_stepped")
    assert not path.exists()


def start_under_a_clock_of_next_year(tmp_path: Path) -> tuple[Desk, Path]:
    """The agent starts anew under a clock that is 400 days ahead, over one verified recording."""
    desk = Desk(tmp_path)
    (path,) = verified(desk, desk.plug("P1", Board()), 1)
    desk.clock.jump(400 * 24 * HOUR)
    desk.restart()
    return desk, path


def test_a_clock_that_is_wrong_from_the_start_lets_nothing_go_before_the_cloud_can_say_so(
    tmp_path: Path,
) -> None:
    desk, path = start_under_a_clock_of_next_year(tmp_path)
    desk.connect()
    desk.run(20 * SECOND)
    assert path.exists()
    desk.tell_time(-400 * 24 * HOUR)
    desk.clock.advance(2 * START_HOLD_MS)
    desk.tick()
    assert path.exists(), "by the cloud's time it is young"


def test_without_the_cloud_things_go_by_the_pcs_clock_after_some_hours(tmp_path: Path) -> None:
    desk, path = start_under_a_clock_of_next_year(tmp_path)
    desk.connect()
    desk.clock.advance(START_HOLD_MS)
    desk.tick()
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

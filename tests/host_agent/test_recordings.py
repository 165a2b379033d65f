"""Recordings: every sample that arrived is in the file at its place, the rest is a named gap, whatever
happens."""

import itertools
import random
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from host_agent import intake
from host_agent.errors import AgentError
from host_agent.gaps import Gap, bound, covered_until, find_gaps
from host_agent.opus import build_alaw_table, encode_recording, fill_gaps
from host_agent.recordings import (
    ABSENT_MS,
    LEEWAY_MS,
    LOOK_MS,
    SETTLE_MS,
    UNREADABLE_RETRY_MS,
    Complete,
)
from host_agent.segments import (
    SEGMENT_SAMPLES,
    SegmentWriter,
    cut_torn_tail,
    list_segments,
    read_recording,
)
from tests.host_agent.board import Board
from tests.host_agent.desk import Desk

SECOND = 1000


def decode_samples(path: Path) -> Any:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    return np.concatenate(frames)[::6]  # 48 kHz to 8 kHz: the length is what counts


def test_alaw_table_has_its_corners() -> None:
    """ITU-T G.711 table 1a: the smallest and the largest value of each sign."""
    table = build_alaw_table()
    assert [table[code] for code in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32256, -32256]


def test_frames_go_to_five_minute_files_and_come_back(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0, b"a" * 248)
    writer.append(248, b"b" * 248)
    writer.append(SEGMENT_SAMPLES + 5, b"c" * 10)
    writer.close()
    assert [path.name for path in list_segments(tmp_path)] == ["00000.alaw", "00001.alaw"]
    assert list(read_recording(tmp_path)) == [
        (0, b"a" * 248),
        (248, b"b" * 248),
        (SEGMENT_SAMPLES + 5, b"c" * 10),
    ]


def test_doubled_and_overlapping_frames_are_written_once(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0, b"a" * 100)
    writer.append(0, b"a" * 100)
    writer.append(50, b"b" * 100)
    writer.close()
    assert list(read_recording(tmp_path)) == [(0, b"a" * 100), (100, b"b" * 50)]


@settings(max_examples=60)
@given(st.integers(0, 400), st.binary(max_size=40))
def test_a_torn_tail_is_cut_to_the_last_frame(cut: int, noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = SegmentWriter(folder)
        for at in range(0, 300, 100):
            writer.append(at, bytes([at % 251]) * 100)
        writer.close()
        path = list_segments(folder)[0]
        whole = path.read_bytes()
        path.write_bytes(whole[: min(cut, len(whole))] + noise)
        frames = min(cut, len(whole)) // 110
        assert cut_torn_tail(folder) == 100 * frames
        assert path.stat().st_size == 110 * frames
        assert SegmentWriter(folder).next_sample == 100 * frames


def test_a_failed_write_leaves_whole_frames_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(0, b"a" * 100)
    file = writer._file

    class FullDisk:
        """Takes half a frame, then has no room."""

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

        def write(self, data: bytes) -> int:
            assert file is not None
            file.write(data[:50])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_file", FullDisk())
    with pytest.raises(OSError, match="No space"):
        writer.append(100, b"b" * 100)
    monkeypatch.setattr(writer, "_file", file)
    writer.append(200, b"c" * 100)
    writer.close()
    assert list(read_recording(tmp_path)) == [(0, b"a" * 100), (200, b"c" * 100)]


spans = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), max_size=12)


def place(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(hole, length) pairs to ascending (first, length)."""
    placed, at = [], 0
    for hole, length in steps:
        placed.append((at + hole, length))
        at += hole + length
    return placed


@given(spans, spans, st.integers(0, 900))
def test_gaps_and_frames_make_up_the_whole(steps: list[tuple[int, int]], said: Any, samples: int) -> None:
    held = place(steps)
    declared = [Gap(first, length, "overrun") for first, length in place(said)]
    gaps = find_gaps(held, samples, declared)
    missing = {at for gap in gaps for at in range(gap.first, gap.first + gap.samples)}
    arrived = {at for first, length in held for at in range(first, min(first + length, samples))}
    assert missing.isdisjoint(arrived)
    assert missing | arrived == set(range(samples))
    assert sum(len(portion) for portion in fill_gaps([(f, b"x" * n) for f, n in held], samples)) == samples


def test_a_gap_has_the_reason_the_box_gave() -> None:
    declared = [Gap(100, 50, "overrun")]
    assert find_gaps([(0, 90), (200, 10)], 210, declared) == [
        Gap(90, 10, "not_received"),
        Gap(100, 50, "overrun"),
        Gap(150, 50, "not_received"),
    ]
    assert covered_until(100, declared) == 150


@pytest.mark.parametrize("samples", [159, 8_000, 80_123])
def test_the_encoded_file_is_as_long_as_the_talk(tmp_path: Path, samples: int) -> None:
    writer = SegmentWriter(tmp_path / "audio")
    noise = random.Random(3).randbytes(samples)
    for at in range(0, samples, 248):
        writer.append(at, noise[at : at + 248])
    writer.close()
    encoded = encode_recording(tmp_path / "audio", tmp_path / "call.opus", samples, [])
    assert abs(len(decode_samples(encoded.path)) - samples) <= 1
    assert encoded.gaps == [] and encoded.bytes == encoded.path.stat().st_size


def test_silence_that_the_box_sent_for_what_it_never_heard_is_a_gap(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "audio")
    for at in range(0, 8000, 250):
        writer.append(at, b"\xd5" * 250)
    writer.close()
    declared = [Gap(2100, 800, "overrun"), Gap(6000, 500, "host_away")]  # the latter has come after all
    encoded = encode_recording(tmp_path / "audio", tmp_path / "call.opus", 8000, declared)
    assert encoded.gaps == [Gap(2100, 800, "overrun")]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=40), st.integers(1, 8))
def test_however_many_gaps_there_are_all_of_them_are_told(pieces: list[tuple[int, int]], most: int) -> None:
    ranges = bound([Gap(first, count, "disk_full") for first, count in pieces], most)
    told = {sample for first, count in ranges for sample in range(first, first + count)}
    missing = {sample for first, count in pieces for sample in range(first, first + count)}
    assert len(ranges) <= most and missing <= told
    assert len(ranges) == most or missing == told
    assert all(sum(earlier) < later[0] for earlier, later in itertools.pairwise(ranges))


def test_a_gap_is_silence_of_its_length(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "audio")
    loud = bytes([0x2A, 0xAA] * 4000)
    writer.append(0, loud)
    writer.append(16_000, loud)
    writer.close()
    encoded = encode_recording(tmp_path / "audio", tmp_path / "call.opus", 24_000, [])
    assert encoded.gaps == [Gap(8000, 8000, "not_received")]
    pcm = np.abs(decode_samples(encoded.path))
    assert len(pcm) == 24_000
    assert pcm[10_000:14_000].mean() < 0.02 * max(pcm[:7000].mean(), 1e-6) + 1e-3


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.connect()
    return desk


def record(desk: Desk, board: Board, samples: int) -> int:
    """A call of that length, up to its recording_stopped, and enough time for the audio to arrive."""
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * samples)
    desk.run(2 * SECOND)
    board.state("recording_stopped", 9, call=call, samples=samples)
    desk.run(SECOND)
    return call


def take_at_last(desk: Desk) -> Complete:
    """The one recording, as it is handed to the encoder long after its last sign of life."""
    now_ms = desk.clock.now().elapsed_ms
    looks = range(now_ms, now_ms + ABSENT_MS + LOOK_MS, LOOK_MS)
    (complete,) = itertools.chain(*map(desk.core.parts.recordings.take_complete, looks))
    return complete


def call_id(board: Board, call: int) -> str:
    return f"{board.source}-{board.boot}-{call}"


def test_a_recording_is_stored_then_its_audio_goes(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 8000))
    assert desk.core.parts.recordings.audio_folder(call).exists()
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"] == {"call": call, "samples": 8000}
    assert not desk.core.parts.recordings.audio_folder(call).exists()
    assert desk.core.parts.recordings.stored_path(call).exists()
    assert [job[:2] for job in desk.worker.jobs if job[0] == "upload"] == [("upload", call)]


def test_what_comes_while_the_file_is_made_makes_no_second_file(desk: Desk) -> None:
    """A gap that is told late, a box that sends its last samples again after the agent was away."""
    board = desk.plug("P1", Board())
    number = record(desk, board, 8000)
    board.state("audio_gap", 9, call=number, first_sample=4000, samples=100, reason="host_away")
    board.play(number, 7000, b"\x5a" * 2000)
    desk.run(20 * SECOND)
    assert [job[0] for job in desk.worker.jobs].count("encode") == 1
    desk.work("encode")
    assert desk.core.parts.recordings.writing() == 0
    (stored,) = desk.events("recording_stored")
    assert stored["fields"]["samples"] == 8000


def test_audio_under_way_when_the_stop_comes_is_waited_for(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.state("recording_stopped", 9, call=call, samples=4000)
    desk.run(SECOND)
    assert desk.worker.jobs == [] or all(job[0] != "encode" for job in desk.worker.jobs)
    board.play(call, 0, b"\x5a" * 4000)
    desk.run(SECOND)
    desk.work("encode")
    assert "gaps" not in desk.events("recording_stored")[0]["fields"]


def test_a_length_beyond_what_the_boxs_clock_allows_is_not_believed(desk: Desk) -> None:
    """4,294,967,295 samples would be six days of silence to encode."""
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 5_000, call=0, by="phone")
    board.state("recording_started", 5_000, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    board.state("recording_stopped", 7_000, call=call, samples=2**32 - 1)
    desk.run(20 * SECOND)
    desk.work("encode")
    fields = desk.events("recording_stored")[0]["fields"]
    assert fields["samples"] == (2_000 + LEEWAY_MS) * 8
    assert fields["gaps"] == [[1000, fields["samples"] - 1000]]


def test_audio_that_arrived_outlives_a_length_of_none(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    board.state("recording_stopped", 125, call=call, samples=0)
    desk.run(SECOND)
    desk.work("encode")
    assert desk.events("recording_lost") == []
    assert desk.events("recording_stored")[0]["fields"]["samples"] == 1000


@pytest.mark.parametrize("said", ["frame", "gap"])
def test_a_place_beyond_a_day_makes_no_day_of_silence(desk: Desk, said: str) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    if said == "frame":
        board.play(call, 2**32 - 300, b"\x5a" * 248)
    else:
        board.state("audio_gap", 1, call=call, first_sample=1000, samples=2**32 - 1, reason="overrun")
    desk.run(SECOND)
    complete = take_at_last(desk)
    assert complete.samples == {"frame": 1000, "gap": (1 + LEEWAY_MS) * 8}[said]


def test_audio_that_never_comes_is_a_gap_after_a_while(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    board.state("recording_stopped", 9, call=call, samples=4000)
    desk.run(20 * SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"]["gaps"] == [[1000, 3000]]


def test_a_pc_that_slept_in_a_call_waits_for_the_rest_of_it(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    desk.clock.advance(2 * 3_600_000)
    desk.run(5 * SECOND)
    assert desk.core.parts.recordings.writing() == 1
    board.play(call, 1000, b"\x5a" * 1000)
    board.state("recording_stopped", desk.clock.now().elapsed_ms, call=call, samples=2000)
    desk.run(2 * SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"]["samples"] == 2000


def test_the_end_that_a_box_told_its_flash_before_it_booted_again_counts(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 4000)
    desk.run(SECOND)
    again = desk.plug("P1", Board(boot="1f2e3d4c-8"))
    desk.run(SECOND)
    again.say("past_event", board.boot, 2, 1500, "recording_stopped", {"call": call, "samples": 8000})
    desk.run(20 * SECOND)
    desk.work("encode")
    (stored,) = desk.events("recording_stored")
    assert (stored["fields"]["samples"], stored["fields"]["gaps"]) == (8000, [[4000, 4000]])


def test_a_box_that_booted_again_ends_its_recording(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    desk.plug("P1", Board(boot="1f2e3d4c-8"))
    desk.run(SETTLE_MS + SECOND)
    desk.work("encode")
    fields = desk.events("recording_stored")[0]["fields"]
    assert fields == {"call": call_id(board, call), "samples": 1000}


def test_a_killed_agent_goes_on_with_the_recording(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    desk.restart()
    desk.connect()
    board.play(call, 1000, b"\x5a" * 1000)
    board.state("recording_stopped", 9, call=call, samples=2000)
    desk.run(5 * SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"] == {"call": call_id(board, call), "samples": 2000}


def test_one_file_that_cannot_be_read_stops_neither_the_start_nor_another_box(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    (audio,) = list_segments(desk.core.parts.recordings.audio_folder(call_id(board, call)))
    held = audio.read_bytes()
    desk.core.parts.recordings.close()
    audio.unlink()
    audio.mkdir()  # open says EISDIR, as it would say EIO
    with capture_logs() as logs:
        desk.restart()
        desk.connect()
        other = desk.plug("P2", Board("b1b2c3d4e5f6"))
        board.play(call, 1000, b"\x5a" * 1000)
        board.state("recording_stopped", 250, call=call, samples=2000)
        other.state("ring_started", 5, call=0)
        desk.run(UNREADABLE_RETRY_MS + SECOND)
    assert {event["source"] for event in desk.events("ring_started")} == {other.source}
    assert board.is_idle and other.is_idle
    assert [entry["event"] for entry in logs].count("recording.unreadable") == 1
    audio.rmdir()
    audio.write_bytes(held)
    desk.run(UNREADABLE_RETRY_MS + SETTLE_MS + 2 * SECOND)
    desk.work("encode")
    (stored,) = desk.events("recording_stored")
    assert stored["fields"]["samples"] == 2000
    assert stored["fields"]["gaps"] == [[1000, 1000]]


def unplug_for(desk: Desk, minutes: int) -> None:
    """The cable is out for so long; looked at as often as the agent looks."""
    desk.unplug("P1")
    for _ in range(minutes * 60):
        desk.clock.advance(SECOND)
        desk.tick()
    desk.absent.clear()


def test_a_cable_that_is_out_for_forty_minutes_costs_a_hole_and_not_the_recording(desk: Desk) -> None:
    """The box has a supply of its own and goes on with the call."""
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    unplug_for(desk, minutes=40)
    desk.plug("P1", board)
    desk.run(3 * SECOND)
    assert desk.core.parts.recordings.writing() == 1
    board.play(call, 19_200_000, b"\x5a" * 1000)
    board.state("audio_gap", 2_401_000, call=call, first_sample=1000, samples=19_199_000, reason="host_away")
    board.state("recording_stopped", 2_402_000, call=call, samples=19_201_000)
    desk.run(2 * SECOND)
    (job,) = [job for job in desk.worker.jobs if job[0] == "encode"]
    assert job[1] == call_id(board, call)
    row = desk.core.parts.housekeeping.index.get(job[1])
    assert row is not None
    assert (row.samples, row.gaps) == (19_201_000, [Gap(1000, 19_199_000, "host_away")])


def test_a_box_that_stays_away_is_waited_for_six_hours(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    unplug_for(desk, minutes=359)
    assert desk.core.parts.recordings.writing() == 1
    desk.boards.clear()
    for _ in range(120):
        desk.clock.advance(SECOND)
        desk.tick()
    assert desk.core.parts.recordings.writing() == 0


def test_killed_while_encoding_it_encodes_again(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    record(desk, board, 1000)
    assert any(job[0] == "encode" for job in desk.worker.jobs)
    desk.restart()
    desk.run(20 * SECOND)
    desk.connect()
    desk.work("encode")
    assert len(desk.events("recording_stored")) == 1


def test_no_sample_at_all_is_a_lost_recording(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.state("recording_stopped", 9, call=call, samples=4000)
    desk.run(20 * SECOND)
    lost = desk.events("recording_lost")[0]["fields"]
    assert lost == {"call": call_id(board, call), "reason": "no_audio"}


def test_a_disk_that_is_full_at_the_first_sample_costs_samples_only(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = desk.plug("P1", Board())
    recordings = desk.core.parts.recordings
    call = board.state("recording_started", 0, call=0, codec="alaw")
    folder = recordings.audio_folder(call_id(board, call))
    folder.write_bytes(b"in the way")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    folder.unlink()
    desk.run(11 * SECOND)
    board.play(call, 1000, b"\x5a" * 1000)
    board.state("recording_stopped", 9, call=call, samples=2000)
    desk.run(SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"]["gaps"] == [[0, 1000]]


def test_below_the_reserve_samples_become_a_gap_and_the_rest_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=100)
    desk.connect()
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    desk.run(SECOND)
    desk.free_bytes = 50 << 20
    desk.run(11 * SECOND)
    assert desk.events("disk_low")[0]["fields"] == {"free_mb": 50, "reserve_mb": 100}
    board.play(call, 1000, b"\x5a" * 1000)
    desk.run(SECOND)
    desk.free_bytes = 1 << 40
    desk.run(11 * SECOND)
    board.play(call, 2000, b"\x5a" * 1000)
    board.state("recording_stopped", 9, call=call, samples=3000)
    desk.run(SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"]["gaps"] == [[1000, 1000]]
    row = desk.core.parts.housekeeping.index.get(call_id(board, call))
    assert row is not None and row.gaps == [Gap(1000, 1000, "disk_full")]


def test_a_low_disk_takes_verified_recordings_only(tmp_path: Path) -> None:
    desk = Desk(tmp_path, disk_reserve_mb=100)
    desk.connect()
    board = desk.plug("P1", Board())
    calls = []
    for _ in range(2):
        calls.append(call_id(board, record(desk, board, 800)))
        desk.work("encode")
    desk.core.parts.housekeeping.index.verify(calls[0], desk.clock.now().unix_ms)
    desk.free_bytes = 0
    desk.run(11 * SECOND)
    paths = [desk.core.parts.recordings.stored_path(call) for call in calls]
    assert [path.exists() for path in paths] == [False, True]


def test_verified_recordings_go_after_their_retention(tmp_path: Path) -> None:
    desk = Desk(tmp_path, recording_retention_days=1)
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 800))
    desk.work("encode")
    desk.core.parts.housekeeping.index.verify(call, desk.clock.now().unix_ms)
    desk.run(20 * SECOND)
    assert desk.core.parts.recordings.stored_path(call).exists()
    desk.clock.advance(86_400_000)
    desk.tick()
    assert not desk.core.parts.recordings.stored_path(call).exists()


def test_a_recording_stored_while_the_spool_was_full_is_sent_when_it_is_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def have_no_room(_connection: object) -> None:
        raise AgentError("spool.full", "The disk is full.", "Free some space.")

    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 8000))
    monkeypatch.setattr(intake, "transaction", have_no_room)
    desk.work("encode")
    assert desk.events("recording_stored") == []
    monkeypatch.undo()
    desk.run(3 * SECOND)
    assert [job[:2] for job in desk.worker.jobs if job[0] == "upload"] == [("upload", call)]
    assert not desk.core.parts.recordings.audio_folder(call).exists()


def test_a_recording_whose_end_waits_for_room_is_not_cut_when_its_box_boots(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def have_no_room(_connection: object) -> None:
        raise AgentError("spool.full", "The disk is full.", "Free some space.")

    board = desk.plug("P1", Board())
    box_call = board.state("off_hook", 0, call=0, by="phone")
    board.state("recording_started", 0, call=box_call, codec="alaw")
    board.play(box_call, 0, b"\x5a" * 4000)
    desk.run(2 * SECOND)
    monkeypatch.setattr(intake, "transaction", have_no_room)
    board.state("recording_stopped", 9, call=box_call, samples=8000)
    desk.run(SECOND)
    desk.boards["P1"] = Board(boot="1f2e3d4c-9")
    desk.run(3 * SECOND)
    monkeypatch.undo()
    desk.run(SETTLE_MS + 3 * SECOND)
    desk.work("encode")
    (stored,) = desk.events("recording_stored")
    assert (stored["fields"]["samples"], stored["fields"]["gaps"]) == (8000, [[4000, 4000]])

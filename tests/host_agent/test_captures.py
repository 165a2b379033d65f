"""What a box's ear failed on, as files on the agent's disk."""

import json
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest

import host_agent.captures
from host_agent.captures import MAX_SAMPLES
from protocol.messages import CAPTURE
from tests.host_agent.board import Board
from tests.host_agent.desk import Desk

CALL = 4
UPTIME_MS = 100
ALAW = bytes(range(256)) * 9 + b"\xd5"
LOOP = struct.pack(">3h", 4800, -7764, 15108)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.connect()
    return desk


def capture(desk: Desk, board: Board, call: int = CALL, samples: int = len(ALAW)) -> None:
    """The board says that a capture of so many samples is complete; its audio came before."""
    desk.run(200)
    board.say("capture", call, UPTIME_MS, samples, LOOP)
    desk.run(200)


def files(desk: Desk) -> list[str]:
    return sorted(path.name for path in (desk.settings.data_dir / "captures").glob("*"))


def test_a_capture_is_a_wav_with_its_facts_beside_it(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    name = f"{board.source}-{board.boot}-{CALL}"
    assert files(desk) == [f"{name}.json", f"{name}.wav"]
    folder = desk.settings.data_dir / "captures"
    facts = json.loads((folder / f"{name}.json").read_text())
    assert facts["call"] == name and facts["source"] == board.source and facts["boot"] == board.boot
    assert facts["samples"] == len(ALAW) and facts["uptime_ms"] == UPTIME_MS and facts["at"].endswith("Z")
    assert facts["loop_mv"] == [48_000, -77_640, 151_080] and facts["loop_every_ms"] == 128
    with av.open(str(folder / f"{name}.wav")) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_alaw"
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) == len(ALAW) and len(set(heard[:256].tolist())) == 256


def test_a_capture_is_no_recording_and_no_event(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    assert desk.core.parts.recordings.writing() == 0
    assert [event["type"] for event in desk.events()] == ["box_attached"]


def test_an_abandoned_one_leaves_nothing_and_the_next_is_whole(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW[:1000])
    capture(desk, board, samples=0)
    board.play(CAPTURE, 1000, ALAW[1000:])
    assert files(desk) == []
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    assert len(files(desk)) == 2


def test_one_with_a_hole_is_dropped(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW[:1000])
    board.play(CAPTURE, 1100, ALAW[1100:])
    capture(desk, board)
    assert files(desk) == []


def test_what_begins_again_counts_once(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW[:1000])
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    assert len(files(desk)) == 2


def test_an_endless_one_is_bounded(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, b"\xd5" * 4 * MAX_SAMPLES)
    desk.run(10_000)
    capture(desk, board, samples=MAX_SAMPLES // 248 * 248)
    assert len(files(desk)) == 2


def test_the_oldest_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_agent.captures, "MAX_KEPT", 2)
    board = desk.plug("P1", Board())
    for call in (7, 8, 9):
        board.play(CAPTURE, 0, ALAW)
        capture(desk, board, call)
    assert [name[-6:] for name in files(desk)] == ["8.json", "-8.wav", "9.json", "-9.wav"]


def test_those_without_a_call_go_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_agent.captures, "MAX_KEPT", 2)
    board = desk.plug("P1", Board())
    for call in (7, 0, 8):
        board.play(CAPTURE, 0, ALAW)
        capture(desk, board, call)
    assert [name[-6:] for name in files(desk)] == ["7.json", "-7.wav", "8.json", "-8.wav"]


def test_one_without_a_call_is_named_by_its_time(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board, call=0)
    name = f"{board.source}-{board.boot}-0-{UPTIME_MS}"
    assert files(desk) == [f"{name}.json", f"{name}.wav"]
    facts = json.loads((desk.settings.data_dir / "captures" / f"{name}.json").read_text())
    assert facts["call"] is None


def test_the_old_go(tmp_path: Path) -> None:
    desk = Desk(tmp_path, capture_retention_days=1)
    desk.connect()
    board = desk.plug("P1", Board())
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    desk.run(11_000)
    assert len(files(desk)) == 2
    desk.clock.advance(86_400_000)
    desk.run(11_000)
    assert files(desk) == []


def test_none_is_kept_while_the_disk_is_low(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.housekeeping.disk.reserve_bytes = 1 << 60
    board = desk.plug("P1", Board())
    desk.run(11_000)
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    assert files(desk) == []


def test_a_disk_without_room_costs_the_capture_only(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    (desk.settings.data_dir / "captures").write_bytes(b"in the way")
    board.play(CAPTURE, 0, ALAW)
    capture(desk, board)
    board.state("ring_started", 5, call=0)
    desk.run(200)
    assert desk.events("ring_started") and board.is_idle


def test_a_capture_that_cannot_be_deleted_now_does_not_keep_the_others(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    for call in (CALL, CALL + 1):
        board.play(CAPTURE, 0, ALAW)
        capture(desk, board, call)
    locked = desk.settings.data_dir / "captures" / f"{board.source}-{board.boot}-{CALL}.wav"
    locked.unlink()
    (locked / "open").mkdir(parents=True)  # as on Windows while a player has it open
    os.utime(locked, (1, 1))
    desk.core.parts.housekeeping.captures.prune(1 << 62)
    assert files(desk) == [locked.with_suffix(".json").name, locked.name]

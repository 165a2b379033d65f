"""The journal on the real littlefs: thousands of events, power cuts inside its writes, and when flash is
written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.board import Board, BoardSettings
from tests.firmware.bench import IDLE_MV, SOURCE, Bench, run_probe
from tests.firmware.test_line_state import lift, settle

HERE = Path(__file__).parent
MakeBench = Callable[..., Bench]


def write_events(folder: Path, flash: Path, count: int, per_flush: int, cut: tuple[int, int] = (0, 0)) -> int:
    """Let a box state events and lose power at operation `cut` of its flash; the last seq it had flushed."""
    notes = folder / "notes"
    notes.write_text("")
    program = (HERE / "journal_probe.py").read_text()
    for word, value in (("NOTES", str(notes)), ("COUNT", str(count)), ("PER_FLUSH", str(per_flush))):
        program = program.replace(word, value)
    main = folder / "main.py"
    main.write_text(program)
    board = Board(BoardSettings(SOURCE, flash, main=main, cut_at=cut, hang_s=60.0))
    try:
        while not board.restarts and not board.is_cut:
            board.skip(32)
    finally:
        board.close()
    lines = notes.read_text().splitlines()
    return int(lines[-1].split()[1]) if lines else 0


def drain(bench: Bench, count: int, limit_ms: int) -> None:
    """Let the desk take past events until it has `count` of them."""
    while len(bench.desk.past) < count and bench.now_ms < limit_ms:
        bench.hold(IDLE_MV, 320)


def test_six_thousand_events_wait_for_the_desk(make_bench: MakeBench, tmp_path: Path) -> None:
    flushed = write_events(tmp_path, tmp_path / "flash.bin", 6000, 12)
    assert flushed == 6000
    bench = make_bench()
    drain(bench, 6000, 120_000)
    assert [event.seq for event in bench.desk.past] == list(range(1, 6001))
    assert {event.fields["number"] for event in bench.desk.past} == {"13800138000"}
    assert "events_lost" not in bench.desk.types()
    bench.hold(IDLE_MV, 4000)
    assert bench.desk.types() == ["boot"]


def test_what_overflows_is_told(make_bench: MakeBench, tmp_path: Path) -> None:
    write_events(tmp_path, tmp_path / "flash.bin", 8_400, 24)
    bench = make_bench()
    drain(bench, 8_400, 160_000)
    told = [event for event in bench.desk.past if event.type == "events_lost"]
    kept = [event.seq for event in bench.desk.past if event.type == "caller_id"]
    assert told and len(kept) > 6000
    lost = {seq for event in told for seq in range(event.fields["first"], event.fields["last"] + 1)}
    numbers = {event.fields["call"] for event in bench.desk.past if event.type == "caller_id"}
    assert 8_400 in numbers and lost.isdisjoint(kept)
    assert lost | set(kept) | {event.seq for event in told} == set(range(1, max(kept) + 1))


@pytest.mark.parametrize("operation", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
@pytest.mark.parametrize("reached", [0, 100])
def test_a_power_cut_keeps_all_that_was_flushed(
    make_bench: MakeBench, tmp_path: Path, operation: int, reached: int
) -> None:
    flash = tmp_path / "flash.bin"
    assert write_events(tmp_path, flash, 12, 6) == 12
    flushed = write_events(tmp_path, flash, 300, 6, (operation, reached))
    assert flushed < 300
    bench = make_bench()
    drain(bench, 12 + flushed, 8000)
    boots = sorted({event.boot for event in bench.desk.past}, key=lambda boot: int(boot.split("-")[1]))
    first = [event.seq for event in bench.desk.past if event.boot == boots[0]]
    assert first == list(range(1, 13))
    second = [event.seq for event in bench.desk.past if event.boot != boots[0]]
    assert second[:flushed] == list(range(1, flushed + 1)) and len(second) <= flushed + 6


def test_flash_is_never_written_while_recording(bench: Bench) -> None:
    settle(bench)
    bench.ring()
    bench.hold(IDLE_MV, 1024)
    ringing = bench.board.settings.flash.read_bytes()
    assert b"ring_burst" in ringing
    lift(bench, 256)
    lifted = bench.board.settings.flash.read_bytes()
    assert lifted.count(b"off_hook") > ringing.count(b"off_hook")
    lift(bench, 8000)
    assert bench.board.settings.flash.read_bytes() == lifted
    bench.hold(IDLE_MV, 1280)
    assert bench.board.settings.flash.read_bytes() != lifted


def test_a_power_cut_in_a_call_with_the_desk_away_keeps_the_call(bench: Bench) -> None:
    settle(bench)
    bench.is_plugged = False
    bench.ring()
    bench.hold(IDLE_MV, 2048)
    lift(bench, 2048)
    bench.board.kill()
    bench.board.restart()
    bench.is_plugged = True
    lift(bench, 4096)
    past = [event.type for event in bench.desk.past]
    assert past[-4:] == ["ring_started", "ring_burst", "off_hook", "recording_started"]
    assert bench.desk.events[-2].fields["resumed"] is True


def test_an_outbound_call_that_a_power_cut_ends_with_the_desk_away_is_kept(bench: Bench) -> None:
    settle(bench)
    bench.is_plugged = False
    lift(bench, 4096)
    bench.board.kill()
    bench.hold(IDLE_MV, 1024)
    bench.board.restart()
    bench.is_plugged = True
    bench.hold(IDLE_MV, 4096)
    past = [event.type for event in bench.desk.past]
    assert past[-2:] == ["off_hook", "recording_started"]


def test_acknowledged_events_are_not_sent_again_after_a_power_cut(bench: Bench) -> None:
    settle(bench)
    for _ in range(3):
        lift(bench, 640)
        bench.hold(IDLE_MV, 1280)
    bench.board.restart()
    bench.hold(IDLE_MV, 2048)
    assert len(bench.desk.past) <= 4


def test_wear_is_spread_over_the_whole_chip(tmp_path: Path) -> None:
    """The hottest blocks hold littlefs's own records, which it moves to another pair now and then."""
    chip = str(tmp_path / "flash.bin")
    notes = run_probe(tmp_path, "wear_probe.py", CHIP=chip, COUNT="3000", PER_FLUSH="1")
    erased = [int(count) for count in notes.split()]
    assert sum(erased) < 1.5 * 3000
    assert min(erased) > 0
    assert max(erased) < 5 * sum(erased) / len(erased)


def test_an_event_without_memory_is_told_as_lost_and_the_call_goes_on(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        "import gc\n"
        "gc.threshold(8192)\n"
        "audio_ring = bytearray(65536)\n"
        "from firmware.line.ear import Ear\n"
        "ear = Ear()\n"
        "from firmware import journal\n"
        "from firmware.app import App\n"
        "from firmware.board.device import Device\n"
        "encode = journal.encode_message\n"
        "def failing(kind, *parts):\n"
        "    if 'recording_started' in parts:\n"
        "        raise MemoryError\n"
        "    return encode(kind, *parts)\n"
        "journal.encode_message = failing\n"
        "App(Device(), audio_ring, ear).run()\n"
    )
    bench = make_bench(main=main)
    settle(bench)
    lift(bench, 2048)
    bench.hold(IDLE_MV, 2048)
    desk = bench.desk
    assert desk.types() == ["boot", "off_hook", "events_lost", "on_hook", "recording_stopped"]
    lost = desk.only("events_lost").fields
    assert (lost["first"], lost["last"], lost["reason"]) == (3, 3, "ram_full")
    call = desk.only("off_hook").seq
    assert len(desk.recording(call)) == desk.only("recording_stopped").fields["samples"]


@pytest.mark.parametrize("every", [0, 2, 7, 50])
def test_every_event_is_handed_out_or_told_as_lost(tmp_path: Path, every: int) -> None:
    """A call of 200 events with the desk away; memory fails for each `every`-th."""
    notes = run_probe(tmp_path, "loss_probe.py", COUNT="200", EVERY=str(every))
    rows = [line.split() for line in notes.splitlines()]
    handed_out = [int(seq) for seq, *_ in rows]
    told = [(int(first), int(last)) for _, kind, first, last in rows if kind == "events_lost"]
    lost = {seq for first, last in told for seq in range(first, last + 1)}
    assert len(handed_out) == len(set(handed_out)) > 100
    assert set(handed_out) | lost == set(range(1, max(handed_out) + 1))
    assert 1 <= len(told) <= 8
    if not every:
        assert told[0][0] == 1 and lost.isdisjoint(handed_out)


def test_what_ram_gave_up_is_not_taken_for_acknowledged(tmp_path: Path) -> None:
    """RAM's newest are acknowledged before the older ones that went to flash alone."""
    seqs = [int(line) for line in run_probe(tmp_path, "note_probe.py", COUNT="160").split()]
    assert sorted(set(seqs)) == list(range(1, 162))


def test_a_broken_flash_keeps_the_backlog_and_is_tried_again_each_minute(tmp_path: Path) -> None:
    rows = [line.split() for line in run_probe(tmp_path, "eio_probe.py", ERRNO="5", MINUTES="3").splitlines()]
    assert [int(tried) for tried, *_ in rows] == [1] * 60 + [2] * 60 + [3] * 60
    assert len({segments for _, segments, _ in rows}) == 1
    assert {lost for *_, lost in rows} == {"0"}


def test_a_full_flash_gives_up_its_oldest_segment_and_is_tried_again_each_minute(tmp_path: Path) -> None:
    rows = [
        line.split() for line in run_probe(tmp_path, "eio_probe.py", ERRNO="28", MINUTES="2").splitlines()
    ]
    before = 1 + int(rows[0][1])
    assert [before - int(segments) for _, segments, _ in rows] == [1] * 60 + [2] * 60
    assert int(rows[-1][2]) > 0


def test_a_segment_that_the_desk_has_is_passed_over_in_many_passes(tmp_path: Path) -> None:
    rows = [line.split() for line in run_probe(tmp_path, "noted_probe.py").splitlines()]
    assert max(int(decoded) for decoded, _ in rows) <= 9
    handed_out = [int(seq) for _, seq in rows if seq != "0"]
    assert handed_out == list(range(handed_out[0], 151)) and handed_out[0] <= 131


def test_after_a_long_call_each_pass_appends_once(tmp_path: Path) -> None:
    appends = run_probe(tmp_path, "long_call_probe.py").split()
    assert len(appends) > 2 and set(appends) == {"1"}


def test_a_bit_that_falls_over_in_flash_ends_a_segment_and_begins_a_new_life(tmp_path: Path) -> None:
    boots, *past = run_probe(tmp_path, "torn_probe.py").splitlines()
    before, after = boots.split()
    assert past == [f"{before} {seq} 13800138000" for seq in range(1, 8)]
    assert after.split("-")[0] != before.split("-")[0] and after.endswith("-1")

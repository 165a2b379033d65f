"""What bounds the box: heap, small ints, watchdog, buffers, and who it is after a power cut."""

import re
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.link import LinkEnd
from tests.firmware.bench import IDLE_MV, LIFTED_MV, Bench, run_probe
from tests.firmware.test_line_state import lift, settle

HERE = Path(__file__).parent
NEAR_2_30 = (1 << 30) - 5000
MakeBench = Callable[..., Bench]


def test_the_heap_is_collected_often_until_the_app_is_built(tmp_path: Path) -> None:
    assert run_probe(tmp_path, "threshold_probe.py") == "8192 16384"


def test_a_quiet_block_allocates_nothing(make_bench: MakeBench) -> None:
    bench = make_bench(main=HERE / "quiet_probe.py")
    bench.is_plugged = False
    while not bench.board.restarts:
        bench.hold(IDLE_MV, 320)
        assert bench.now_ms < 60_000
    assert bench.board.restarts == 1


def test_hot_counters_stay_small_when_the_clock_passes_2_30(make_bench: MakeBench) -> None:
    bench = make_bench(main=HERE / "hot_probe.py", start_ms=NEAR_2_30)
    for _ in range(3):
        bench.ring()
        bench.hold(IDLE_MV, 4000)
    lift(bench, 8000)
    bench.hold(IDLE_MV, 14_000)
    assert bench.board.restarts == 1


def test_a_call_across_2_30_milliseconds(make_bench: MakeBench) -> None:
    bench = make_bench(start_ms=NEAR_2_30)
    bench.hold(IDLE_MV, 4480)
    lift(bench, 2048)
    bench.hold(IDLE_MV, 1280)
    off_hook, on_hook = bench.desk.only("off_hook"), bench.desk.only("on_hook")
    assert NEAR_2_30 < off_hook.uptime_ms < 1 << 30 < on_hook.uptime_ms
    assert abs(on_hook.uptime_ms - off_hook.uptime_ms - 2048) <= 10
    assert len(bench.desk.recording(off_hook.seq)) == 8 * (on_hook.uptime_ms - off_hook.uptime_ms)


def test_a_stage_that_always_fails_starves_the_watchdog(make_bench: MakeBench, tmp_path: Path) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        "import gc\n"
        "gc.threshold(8192)\n"
        "audio_ring = bytearray(65536)\n"
        "from firmware.line.ear import Ear\n"
        "ear = Ear()\n"
        "from firmware.app import App\n"
        "from firmware.board.device import Device\n"
        "app = App(Device(), audio_ring, ear)\n"
        "app.dialer.step = lambda now: 1 // 0\n"
        "app.run()\n"
    )
    bench = make_bench(main=main)
    bench.hold(IDLE_MV, 7000)
    assert bench.board.restarts == 0
    assert bench.desk.only("fault").fields == {"part": "loop", "reason": "ZeroDivisionError"}
    bench.hold(IDLE_MV, 3000)
    assert bench.board.restarts == 1
    boots = [event.fields["reason"] for event in bench.desk.events if event.type == "boot"]
    assert boots == ["power_on", "watchdog"]


def test_a_loop_that_hangs_is_reset(make_bench: MakeBench, tmp_path: Path) -> None:
    main = tmp_path / "main.py"
    main.write_text("while True:\n    pass\n")
    bench = make_bench(main=main, hang_s=0.5)
    bench.hold(IDLE_MV, 32)
    assert bench.board.restarts == 1


def test_a_board_ends_with_its_simulator(bench: Bench) -> None:
    """A simulator that is killed leaves answers unread: the board sees an error, not an end."""
    settle(bench)
    process = bench.board._process
    assert process is not None
    bench.board.begin_skip(32)
    select.select([bench.board._socket], [], [])
    bench.board._socket.close()
    assert process.wait(20) == 0


def test_every_boot_has_a_name_of_its_own(bench: Bench) -> None:
    names = []
    for _ in range(3):
        settle(bench)
        names.append(bench.desk.boots[-1])
        bench.board.restart()
        bench.hold(IDLE_MV, 32)
    lives, counts = zip(*(re.fullmatch(r"([0-9a-f]{8})-(\d+)", name).groups() for name in names), strict=True)  # type: ignore[union-attr]
    assert len(set(lives)) == 1 and counts == ("1", "2", "3")


def test_a_flash_that_was_wiped_begins_a_new_life(bench: Bench) -> None:
    settle(bench)
    bench.board.kill()
    flash = bench.board.settings.flash
    flash.write_bytes(b"\xff" * flash.stat().st_size)
    bench.board.restart()
    bench.hold(IDLE_MV, 640)
    first, second = bench.desk.boots[0], bench.desk.boots[-1]
    assert first.split("-")[0] != second.split("-")[0] and second.endswith("-1")


def test_eight_seconds_without_the_desk_lose_nothing(bench: Bench) -> None:
    settle(bench)
    lift(bench, 2048)
    bench.is_plugged = False
    lift(bench, 7008)
    bench.is_plugged = True
    lift(bench, 4096)
    bench.hold(IDLE_MV, 2048)
    desk = bench.desk
    assert "audio_gap" not in desk.types()
    samples = desk.only("recording_stopped").fields["samples"]
    assert len(desk.recording(desk.only("off_hook").seq)) == samples


def test_a_longer_absence_is_one_gap_of_true_length(bench: Bench) -> None:
    settle(bench)
    lift(bench, 2048)
    bench.is_plugged = False
    lift(bench, 20_000)
    bench.is_plugged = True
    lift(bench, 4096)
    bench.hold(IDLE_MV, 2048)
    desk = bench.desk
    call = desk.only("off_hook").seq
    gap = desk.only("audio_gap").fields
    samples = desk.only("recording_stopped").fields["samples"]
    assert gap["call"] == call and gap["reason"] == "host_away"
    heard = set()
    for first, codes in desk.audio[call].items():
        heard.update(range(first, first + len(codes)))
    missing = set(range(samples)) - heard
    assert missing == set(range(gap["first_sample"], gap["first_sample"] + gap["samples"])) - heard
    assert abs(gap["samples"] - 8 * (20_000 - 8192)) < 8 * 3000
    assert max(heard) == samples - 1


def test_a_gap_is_counted_once_though_the_desk_comes_back_twice(bench: Bench) -> None:
    settle(bench)
    bench.is_plugged = False
    lift(bench, 4096)
    bench.hold(IDLE_MV, 12_288)
    lift(bench, 2048)
    bench.is_plugged = True
    for _ in range(2):
        bench.desk.link = LinkEnd(False, bench.desk.link.hello, lambda: 1)
        lift(bench, 640)
    bench.hold(IDLE_MV, 4096)
    gaps = [event.fields for event in bench.desk.events if event.type == "audio_gap"]
    stopped = [event.fields for event in bench.desk.events if event.type == "recording_stopped"]
    assert [(gap["call"], gap["first_sample"], gap["samples"]) for gap in gaps] == [
        (stopped[0]["call"], 0, stopped[0]["samples"])
    ]


def test_noise_on_the_port_does_no_harm(bench: Bench) -> None:
    settle(bench)
    for byte in (b"\x00\x03\xff", b"\x55" * 4000, bytes(range(256)) * 8):
        bench.desk.to_board = byte
        bench.hold(IDLE_MV, 640)
    lift(bench)
    assert bench.board.restarts == 0
    assert bench.desk.types() == ["boot", "off_hook", "recording_started"]


def test_commands_are_answered_once_each(bench: Bench) -> None:
    settle(bench)
    bench.desk.command("configure", key="dtmf_ms", value="80")
    bench.desk.command("update", manifest="x")
    bench.hold(IDLE_MV, 320)
    assert bench.desk.replies == [("configure", "done", ""), ("update", "refused", "unsupported")]
    lift(bench, 640)
    bench.desk.command("reboot")
    bench.hold(LIFTED_MV, 320)
    assert bench.desk.replies[-1] == ("reboot", "refused", "line_in_use")
    assert bench.board.restarts == 0


@pytest.mark.parametrize("away_ms", [12_000])
def test_health_comes_each_ten_seconds(bench: Bench, away_ms: int) -> None:
    bench.hold(IDLE_MV, 31_000)
    assert len(bench.desk.health) == 3
    assert min(health["free_heap"] for health in bench.desk.health) > 20_000
    assert bench.desk.health[-1]["events"] == len(bench.desk.events)

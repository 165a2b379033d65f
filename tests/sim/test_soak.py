"""The soak's verdict on made-up memory, and a short soak on the real road."""

import json
import random
from pathlib import Path

from sim.demo.stack import StackSettings
from sim.soak.report import BOARD_HEAP, LIMIT_KB, SIMULATOR, Series, SoakReport, format_table
from sim.soak.run import run_soak
from sim.soak.slope import fit_trend

HOURS = [index / 360 for index in range(360)]
"""An hour, each 10 s."""


def walk(seed: int, step: float, rise_kb: float = 0.0) -> list[float]:
    """Memory that moves in steps around 100 MB and comes back, and rises by that much an hour."""
    draw, level, out = random.Random(seed), 0.0, []
    for hour in HOURS:
        level += draw.choice([0.0, 0.0, 0.0, step, -step]) - 0.02 * level
        out.append(102_400 + level + rise_kb * hour)
    return out


def report_on(values: list[float], name: str = "agent") -> SoakReport:
    return SoakReport(60.0, 70, 70, {name: Series(list(HOURS), values)})


def test_a_line_is_found_with_its_slope() -> None:
    trend = fit_trend(HOURS, [5.0 + 3.0 * hour for hour in HOURS])
    assert trend is not None
    assert abs(trend.slope - 3.0) < 1e-6 and trend.error < 1e-6


def test_the_error_covers_memory_that_only_wanders() -> None:
    """Of a hundred flat series nearly all are within two standard errors, though their samples repeat."""
    trends = [fit_trend(HOURS, walk(seed, 200.0)) for seed in range(100)]
    within = [trend for trend in trends if trend and abs(trend.slope) <= 2 * trend.error]
    assert len(within) >= 85


def test_a_leak_is_seen_under_noise() -> None:
    assert report_on(walk(1, 50.0)).is_flat
    leaking = report_on(walk(1, 50.0, rise_kb=4 * LIMIT_KB))
    assert not leaking.is_flat
    assert "GROWS" in format_table(leaking)[-1]


def test_a_leak_of_the_boards_heap_is_seen_by_the_kilobyte() -> None:
    heap = [100.0 + 4.0 * hour for hour in HOURS]
    assert not report_on(heap, BOARD_HEAP).is_flat
    assert report_on(heap, "agent").is_flat


def test_the_simulator_itself_is_shown_and_not_judged() -> None:
    report = report_on([100.0 + 1e6 * hour for hour in HOURS], SIMULATOR)
    assert report.is_flat and format_table(report)[-1].endswith("| - | not judged |")


def test_what_fills_at_the_start_is_no_leak() -> None:
    filling = [102_400.0 + min(40_000.0, 400_000.0 * hour) for hour in HOURS]
    assert report_on(filling).is_flat


def test_minutes_say_nothing() -> None:
    report = SoakReport(2.0, 1, 1, {"agent": Series(HOURS[:12], [100.0 * n for n in range(12)])})
    assert report.is_flat and "too short to say" in format_table(report)[-1]


def test_a_short_soak_reads_every_process_and_ends_by_itself(tmp_path: Path) -> None:
    found = run_soak(StackSettings(tmp_path, web_port=0), minutes=0.2, every_s=0.5, between_s=30.0)
    series = found.series
    assert set(series) == {"broker", "cloud", "agent", "board", BOARD_HEAP, SIMULATOR}
    for name, least_kb in {"broker": 1_000, "cloud": 30_000, "agent": 20_000, "board": 2_000}.items():
        assert len(series[name].kb) >= 8 and min(series[name].kb) > least_kb, name
    assert all(0 < kb < 256 for kb in series[BOARD_HEAP].kb)
    assert found.calls == found.in_cloud == 0, "the one call lasts longer"
    assert json.loads(json.dumps(found.as_json()))["series"]["agent"]["kb"] == series["agent"].kb
    assert all("too short to say" in row for row in format_table(found)[2:])

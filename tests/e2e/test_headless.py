"""The whole road in stepped time: every call right, and every sabotage seen."""

import json
import subprocess
from pathlib import Path

import pytest

from sim.demo.headless import run_headless
from sim.demo.script import SCRIPT
from sim.demo.stack import StackSettings, program

LIMIT_S = 240


def run_demo(*options: str) -> subprocess.CompletedProcess[str]:
    argv = [program("cloudseat-sim"), "demo", "--headless", *options]
    return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One run of the whole script by the command, with the broker of this machine, and its report."""
    report = tmp_path_factory.mktemp("headless") / "report.json"
    return run_demo("--report", str(report)), report


def test_every_call_is_right(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    run, path = told
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(path.read_text())
    assert set(report) == {"calls", "line_seconds", "wall_seconds", "versions"}
    assert [call["name"] for call in report["calls"]] == [call.name for call in SCRIPT]
    assert all(set(call) == {"name", "truth", "cloud", "ok"} and call["ok"] for call in report["calls"])
    assert report["versions"]["micropython"].startswith("1.")


def test_it_is_much_faster_than_the_clock(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    report = json.loads(told[1].read_text())
    assert report["line_seconds"] > 5 * report["wall_seconds"]


@pytest.mark.parametrize(
    ("sabotage", "seen"),
    [
        ("caller_id", "number"),
        ("event", "timeline"),
        ("upload", "recording_is_sound"),
        ("ticket", "ticket"),
    ],
)
def test_a_broken_part_is_seen(sabotage: str, seen: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run = run_demo("--calls", "1", "--sabotage", sabotage, "--report", str(report))
    assert run.returncode == 1, run.stdout + run.stderr
    (call,) = json.loads(report.read_text())["calls"]
    assert not call["ok"]
    assert call["truth"][seen] != call["cloud"][seen]


def test_without_mosquitto(tmp_path: Path) -> None:
    report = run_headless(StackSettings(tmp_path, web_port=0, broker="iotcore"), 2)
    assert report.is_right, report.calls
    assert report.versions["broker"] == "iotcore"


def test_options_that_do_not_go_together() -> None:
    argv = [program("cloudseat-sim"), "demo", "--sabotage", "event"]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 1
    assert "--headless" in run.stderr

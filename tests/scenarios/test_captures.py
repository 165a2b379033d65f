"""Captures from the field as tests: the file as the agent stored it, on a line with the real firmware."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.capture import CaptureLine, read_capture
from tests.scenarios.box_run import BoxRun
from tests.scenarios.test_scenarios import timeline_fault
from tests.scenarios.timeline import read_expectations

FOLDER = Path(__file__).parent / "captures"
CAPTURES: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))


def test_every_capture_has_an_expectation() -> None:
    assert sorted(CAPTURES) == sorted(path.name for path in FOLDER.glob("*.wav"))


@pytest.mark.parametrize("name", CAPTURES)
def test_capture(name: str, tmp_path: Path) -> None:
    assert find_capture_fault(FOLDER / name, CAPTURES[name]["expect"], tmp_path) is None


def find_capture_fault(wav: Path, expect: list[str], folder: Path) -> str | None:
    """Play a capture to a new box; what is wrong with what it stated, None when all is right."""
    line = CaptureLine(read_capture(wav))
    events = BoxRun(line, folder / "flash.bin").play(lambda: line.is_over)
    return timeline_fault(events, read_expectations(expect))

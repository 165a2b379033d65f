"""Captures from the field as tests: the file as the agent stored it, through the firmware's ear."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.audio_file import read_audio
from sim.decode import EarProcess
from tests.scenarios.timeline import first_difference, read_expectations

FOLDER = Path(__file__).parent / "captures"
CAPTURES: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))


def test_every_capture_has_an_expectation() -> None:
    assert sorted(CAPTURES) == sorted(path.name for path in FOLDER.glob("*.wav"))


@pytest.mark.parametrize("name", CAPTURES)
def test_capture(name: str) -> None:
    samples = read_audio(FOLDER / name)
    facts = json.loads((FOLDER / name).with_suffix(".json").read_text(encoding="utf-8"))
    assert facts["samples"] == len(samples)
    ear = EarProcess()
    try:
        heard = ear.listen(samples, off_hook=False)
    finally:
        ear.close()
    told = [(0, kind, fields) for kind, fields in heard]
    assert first_difference(read_expectations(CAPTURES[name]["expect"]), told) is None

"""Every named line scenario: the real firmware states exactly the events that are expected, in order.

The files beside this one are the data: `[[scenario]]` tables as `sim.scenario` describes them, plus `expect`;
`cut_off = true` where the exchange's truth cannot tell how long the recording is (line or power was cut).
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.scenario import scenario_of
from tests.scenarios.box_run import BoxEvent, BoxRun
from tests.scenarios.timeline import first_difference, read_expectations

FILES = sorted(Path(__file__).parent.glob("*.toml"))
SCENARIOS: dict[str, dict[str, Any]] = {
    f"{file.stem}: {table['name']}": table
    for file in FILES
    for table in tomllib.loads(file.read_text(encoding="utf-8"))["scenario"]
}
RECORDING_TOLERANCE_MS = 100


def test_there_are_at_least_sixty_under_different_names() -> None:
    count = sum(file.read_text(encoding="utf-8").count("[[scenario]]") for file in FILES)
    assert len(SCENARIOS) == count >= 60


@pytest.mark.parametrize("table", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(table: dict[str, Any], tmp_path: Path) -> None:
    recipe = {key: value for key, value in table.items() if key not in ("expect", "cut_off")}
    box = BoxRun(scenario_of(recipe), tmp_path / "flash.bin")
    events = box.play()
    assert [event.type for event in events[:1]] == ["boot"]
    told = [(event.at_ms, event.type, event.fields) for event in events[1:]]
    difference = first_difference(read_expectations(table["expect"]), told)
    assert difference is None, difference
    _check_sequence(events)
    if not table.get("cut_off", False):
        _check_recordings(box, events)


def _check_sequence(events: list[BoxEvent]) -> None:
    """No event twice, none missing, and every call named by the seq of its first event."""
    seen: dict[str, int] = {}
    calls: set[tuple[str, int]] = set()
    for event in events:
        assert event.seq == seen.get(event.boot, 0) + 1
        seen[event.boot] = event.seq
        call = event.fields.get("call")
        if call is not None:
            assert call == event.seq or (event.boot, call) in calls
            calls.add((event.boot, call))


def _check_recordings(box: BoxRun, events: list[BoxEvent]) -> None:
    """Each off-hook time of the exchange's truth has a recording of that length."""
    kept_ms = [event.fields["samples"] / 8.0 for event in events if event.type == "recording_stopped"]
    truth_ms = [truth.off_hook_for_ms for truth in box.run.truths if truth.off_hook_ms is not None]
    assert kept_ms == pytest.approx(truth_ms, abs=RECORDING_TOLERANCE_MS)

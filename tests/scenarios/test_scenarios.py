"""Every named line scenario: the real firmware states exactly the events that are expected, in order.

The files beside this one are the data: `[[scenario]]` tables as `sim.scenario` describes them, plus `expect`;
`cut_off = true` where the exchange's truth cannot tell how long the recording is (line or power was cut);
`leaps = true` where still minutes pass in one step without samples, see `BoxRun`;
`pending` says what the firmware does not do yet: the scenario must fail until it does.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.call import CallTruth
from sim.scenario import ScenarioRun, scenario_of
from tests.scenarios.box_run import STEP_SAMPLES, BoxEvent, BoxRun
from tests.scenarios.timeline import (
    Expectation,
    Happening,
    first_difference,
    moved_times,
    read_expectations,
)
from tests.scenarios.variations import varied

Table = dict[str, Any]
FILES = sorted(Path(__file__).parent.glob("*.toml"))
SCENARIOS: dict[str, Table] = {
    f"{file.stem}: {table['name']}": table
    for file in FILES
    for table in tomllib.loads(file.read_text(encoding="utf-8"))["scenario"]
}
NOT_OF_THE_RECIPE = ("expect", "cut_off", "leaps", "pending")
TOLERANCE_MS = 100
"""Of a recording's length."""


def test_there_are_at_least_sixty_under_different_names() -> None:
    count = sum(file.read_text(encoding="utf-8").count("[[scenario]]") for file in FILES)
    assert len(SCENARIOS) == count >= 60


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, tmp_path: Path) -> None:
    pending = SCENARIOS[name].get("pending")
    fault = find_fault(SCENARIOS[name], tmp_path)
    if pending and fault:
        pytest.xfail(pending)
    assert not pending, f"it is right now; take `pending` away: {pending}"
    assert fault is None, fault


def test_variations_keep_what_a_scenario_sets() -> None:
    table = {"line": {"battery_v": 24.0}, "call": [{"number": "1", "caller_id": {"skew": 0.025}}]}
    drawn = varied(table, 3)
    assert drawn == varied(table, 3) != varied(table, 4)
    assert drawn["line"]["battery_v"] == 24.0 and drawn["call"][0]["caller_id"]["skew"] == 0.025
    assert scenario_of(drawn).seed == 3


def find_fault(table: Table, folder: Path, written: Table | None = None) -> str | None:
    """Play a scenario with a new box; what is wrong with what it stated, None when all is right.

    Args:
        written: what `table` is a variation of; its expected times move with what happens on this line.
    """
    run = ScenarioRun(scenario_of(_recipe(table)), {"power": lambda step: box.power(step)})
    box = BoxRun(run.line, folder / "flash.bin", leaps=table.get("leaps", False))
    events = box.play(lambda: run.is_over)
    moved = None if written is None else moved_times(_happenings(written), run.happenings)
    fault = timeline_fault(events, read_expectations(table["expect"], moved))
    if fault is None and not table.get("cut_off", False):
        fault = _recording_fault(run.truths, events)
    return fault


def timeline_fault(events: list[BoxEvent], expected: list[Expectation]) -> str | None:
    """What is wrong with what a box stated from its first boot on; None when all is right."""
    if [event.type for event in events[:1]] != ["boot"]:
        return "the box did not state its boot first"
    told = [(event.at_ms, event.type, event.fields) for event in events[1:]]
    return first_difference(expected, told) or _sequence_fault(events)


def _recipe(table: Table) -> Table:
    return {key: value for key, value in table.items() if key not in NOT_OF_THE_RECIPE}


def _happenings(table: Table) -> list[Happening]:
    """What happens in a scenario as it is written, without a box to hear it."""
    run = ScenarioRun(scenario_of(_recipe(table)), {"power": lambda _: 0.0})
    while not run.is_over:
        run.line.step(STEP_SAMPLES)
    return run.happenings


def _sequence_fault(events: list[BoxEvent]) -> str | None:
    """No event twice, none missing, and every call named by the seq of its first event."""
    seen: dict[str, int] = {}
    calls: set[tuple[str, int]] = set()
    for event in events:
        if event.seq != seen.get(event.boot, 0) + 1:
            return f"seq {event.seq} follows {seen.get(event.boot, 0)}"
        seen[event.boot] = event.seq
        call = event.fields.get("call")
        if call is not None:
            if call != event.seq and (event.boot, call) not in calls:
                return f"{event.type} names call {call}, which no event opened"
            calls.add((event.boot, call))
    return None


def _recording_fault(truths: list[CallTruth], events: list[BoxEvent]) -> str | None:
    """Each off-hook time of the exchange's truth has a recording of that length."""
    kept_ms = [event.fields["samples"] / 8.0 for event in events if event.type == "recording_stopped"]
    truth_ms = [truth.off_hook_for_ms for truth in truths if truth.off_hook_ms is not None]
    pairs = zip(kept_ms, truth_ms, strict=False)
    if len(kept_ms) == len(truth_ms) and all(abs(one - other) <= TOLERANCE_MS for one, other in pairs):
        return None
    return f"recordings of {kept_ms} ms, the loop was closed for {truth_ms} ms"

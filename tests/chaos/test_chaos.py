"""Chaos itself: real firmware, agent, Mosquitto and cloud, with few calls; each sabotage must be seen."""

import json
from pathlib import Path

import pytest

from sim.chaos.evidence import CLOUD, FAULTS, TRUTH, read_rows
from sim.chaos.faults import FAULTS as KINDS
from sim.chaos.reconcile import Result, reconcile
from sim.chaos.run import run_chaos
from sim.chaos.sabotage import ChaosSabotage

pytestmark = pytest.mark.needs("mosquitto")

CALLS = 300
BOXES = 8


def count(folder: Path) -> Result:
    return reconcile(read_rows(folder / TRUTH), read_rows(folder / CLOUD))


@pytest.mark.timeout(900)
@pytest.mark.needs("postgresql")
def test_nothing_is_lost_while_everything_breaks(tmp_path: Path) -> None:
    run_chaos(tmp_path, CALLS, BOXES, seed=1)
    result = count(tmp_path)
    assert result.findings == []
    assert result.truth_calls == CALLS
    faults = [json.loads(line) for line in (tmp_path / FAULTS).read_text().splitlines()]
    assert {fault["kind"] for fault in faults} == {kind.name for kind in KINDS}
    killed = [fault["exit_status"] for fault in faults if fault["kind"].startswith("kill_")]
    assert killed
    assert set(killed) == {-9}


@pytest.mark.parametrize(
    ("sabotage", "verdict"),
    [
        (ChaosSabotage.DROP_EVENT, "talk_wrong"),
        (ChaosSabotage.DROP_SEGMENT, "recording_unaccounted"),
        (ChaosSabotage.DOUBLE_CALL, "double"),
    ],
)
def test_each_sabotage_is_seen(sabotage: ChaosSabotage, verdict: str, tmp_path: Path) -> None:
    run_chaos(tmp_path, 3, boxes=1, seed=1, sabotage=sabotage, kinds=(), on_sqlite=True)
    result = count(tmp_path)
    assert not result.is_clean
    assert verdict in {finding.verdict for finding in result.findings}

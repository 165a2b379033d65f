"""Chaos itself: real firmware, agent, Mosquitto and cloud, with few calls; each sabotage must be seen."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sim.chaos.evidence import FAULTS
from sim.chaos.faults import FAULTS as KINDS
from sim.chaos.run import run_chaos
from sim.chaos.sabotage import ChaosSabotage
from sim.cli import app

pytestmark = pytest.mark.needs("mosquitto")

CALLS = 300
BOXES = 8


def count(folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code of `cloudseat-sim reconcile`, and the certificate that it leaves."""
    done = CliRunner().invoke(app, ["reconcile", str(folder)])
    assert "<html" in (folder / "certificate.html").read_text(encoding="utf-8")
    return done.exit_code, json.loads((folder / "certificate.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(900)
@pytest.mark.needs("postgresql")
def test_nothing_is_lost_while_everything_breaks(tmp_path: Path) -> None:
    run_chaos(tmp_path, CALLS, BOXES, seed=1)
    exit_code, certificate = count(tmp_path)
    assert certificate["findings"] == []
    assert certificate["calls"] == {"truth": CALLS, "cloud": CALLS}
    assert exit_code == 0
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
    exit_code, certificate = count(tmp_path)
    assert verdict in {finding["verdict"] for finding in certificate["findings"]}
    assert exit_code == 1

"""One run of chaos, from the first call to the evidence."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sim.chaos.director import Director
from sim.chaos.evidence import CLOUD, FAULTS, TRUTH, Progress, write_cloud, write_truth
from sim.chaos.faults import FAULTS as KINDS
from sim.chaos.faults import FaultKind
from sim.chaos.sabotage import ChaosSabotage, build_cables, double_a_call
from sim.chaos.site import DATABASE, Site, SiteSettings
from sim.postgres import Cluster, is_installed

STEP_MS = 2_000
DUMP = "cloud.sql"
"""The cloud's database where that is PostgreSQL; else it is cloud/cloud.sqlite3."""


@dataclass(frozen=True)
class ChaosReport:
    """What a run did, in figures; `missing` is empty when everything told has reached the cloud."""

    calls: int
    faults: int
    line_seconds: float
    sampled_seconds: float
    wall_seconds: float
    missing: str


def run_chaos(
    folder: Path,
    calls: int,
    boxes: int,
    seed: int,
    sabotage: ChaosSabotage | None = None,
    kinds: Sequence[FaultKind] = KINDS,
    *,
    on_sqlite: bool = False,
    tell: Progress = lambda _what, _done, _all: None,
) -> ChaosReport:
    """Play `calls` calls on `boxes` lines under faults; leaves the evidence in `folder`.

    Args:
        kinds: what may happen; each happens at least once.
        on_sqlite: the cloud keeps its data in SQLite even where PostgreSQL is installed.
        tell: hears of each step: what is done, and how many of how many calls.
    Raises:
        SimulatorError: a part did not come back, or something is never committed.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as resources:
        cluster = None
        if is_installed() and not on_sqlite:
            cluster = resources.enter_context(Cluster())
            cluster.create(DATABASE)
        settings = SiteSettings(folder, calls, boxes, seed, build_cables(sabotage), cluster)
        site = Site(settings, resources)
        director = Director(site, folder / FAULTS, kinds)
        began_s = time.monotonic()
        site.begin_traffic()
        while not site.is_over:
            director.advance()
            site.live(director.left_ms(STEP_MS))
            tell("calls", site.calls_begun, calls)
        director.finish()
        missing = site.finish()
        wall_s = time.monotonic() - began_s
        write_truth(site, folder / TRUTH)
        if sabotage is ChaosSabotage.DOUBLE_CALL:
            double_a_call(settings.database_url)
        write_cloud(site, folder / CLOUD, tell)
        if cluster is not None:
            cluster.dump(DATABASE, folder / DUMP)
        return ChaosReport(
            site.calls_begun,
            director.told,
            site.run.line_ms / 1000,
            site.run.sampled_ms / 1000,
            wall_s,
            missing,
        )

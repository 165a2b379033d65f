"""When which fault strikes: drawn from the seed, spread over the calls of the run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.chaos.faults import Fault, FaultKind
from sim.chaos.site import Site

CALLS_A_FAULT = 15
CALL_S = 40.0
"""A call and the pause before it, about."""
LONGEST_SHARE = 0.5
"""No fault takes longer than this share of the run."""
MAX_DELAY_MS = 30_000
"""A fault comes at most so long after the call that it was drawn for has begun."""


@dataclass
class _Planned:
    kind: FaultKind
    after_calls: int
    delay_ms: int
    due_ms: int | None = None


@dataclass
class _UnderWay:
    kind: FaultKind
    fault: Fault
    ends_ms: int


class Director:
    """Begins and ends faults as `advance` is called between steps; writes each to faults.jsonl.

    Attributes:
        told: faults that are over.
    """

    def __init__(self, site: Site, log: Path, kinds: Sequence[FaultKind]) -> None:
        self.told = 0
        self._site = site
        self._log = log
        self._under_way: list[_UnderWay] = []
        log.write_text("")
        rng, calls = site.rng, site.settings.calls
        more = max(0, calls // CALLS_A_FAULT - len(kinds)) if kinds else 0
        chosen = [*kinds, *rng.choices(kinds, [kind.weight for kind in kinds], k=more)] if kinds else []
        self._most_s = LONGEST_SHARE * calls * CALL_S / site.settings.boxes
        self._planned = [
            _Planned(kind, rng.randint(1, calls), rng.randrange(MAX_DELAY_MS)) for kind in chosen
        ]

    def advance(self) -> None:
        """Do what is due now."""
        site = self._site
        for running in [one for one in self._under_way if one.ends_ms <= site.now_ms]:
            self._end(running)
        begun = site.calls_begun
        for planned in list(self._planned):
            if planned.due_ms is None and begun >= planned.after_calls:
                planned.due_ms = site.now_ms + planned.delay_ms
            if planned.due_ms is not None and planned.due_ms <= site.now_ms and planned.kind.may_begin(site):
                self._planned.remove(planned)
                fault = planned.kind.begin(site)
                ends_ms = site.now_ms + planned.kind.draw_ms(site.rng, self._most_s)
                self._under_way.append(_UnderWay(planned.kind, fault, ends_ms))

    def left_ms(self, limit_ms: int) -> int:
        """Until the next thing is due, at most `limit_ms`, at least 1."""
        now_ms = self._site.now_ms
        dues = [one.ends_ms for one in self._under_way]
        dues += [planned.due_ms for planned in self._planned if planned.due_ms is not None]
        return min([limit_ms, *(due_ms - now_ms for due_ms in dues if due_ms > now_ms)])

    def finish(self) -> None:
        """End what is under way; what was not begun by now is dropped."""
        self._planned.clear()
        for running in list(self._under_way):
            self._end(running)

    def _end(self, running: _UnderWay) -> None:
        self._under_way.remove(running)
        fault = running.fault
        fault.end()
        self.told += 1
        row = {
            "time": fault.began_ms / 1000,
            "target": fault.target,
            "kind": running.kind.name,
            "exit_status": fault.exit_status,
            "seconds": round((self._site.now_ms - fault.began_ms) / 1000, 3),
        }
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

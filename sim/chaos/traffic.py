"""The calls of a run, drawn from its seed: who calls, how it is told, how long they talk, who hangs up."""

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sim.scenario import CallPlan, ScenarioRun, scenario_of

MEDIAN_TALK_S = 10.0
TALK_S = (3.0, 30.0)
LONG_TALK_S = 300.0
LONG_EVERY = 100
VERY_LONG_TALK_S = 3 * 3600.0
VERY_LONG_EVERY = 10_000
PAUSE_MS = (9_000, 30_000)
"""Between two calls: a box knows that ringing has stopped only when the next burst does not come."""

_Table = dict[str, Any]


def draw_talk_s(rng: random.Random) -> float:
    """3 to 30 s, half of them under 10."""
    low, high = TALK_S
    return round(min(max(rng.lognormvariate(math.log(MEDIAN_TALK_S), 0.6), low), high), 1)


def draw_number(rng: random.Random) -> str:
    """A Chinese mobile number."""
    return f"1{rng.randint(3, 9)}{rng.randrange(10**9):09d}"


def _far_ends(rng: random.Random, talk_s: float) -> _Table:
    desk = [*_lift(rng), f"talk {talk_s + 1}", "until tone busy", f"wait {_wait(rng)}", "hang up"]
    return {"desk": desk, "far": ["until answer", f"talk {talk_s}", "hang up"]} | _told(rng)


def _desk_ends(rng: random.Random, talk_s: float) -> _Table:
    desk = [*_lift(rng), f"talk {talk_s}", "hang up"]
    return {"desk": desk, "far": ["until answer", f"talk {talk_s}"]} | _told(rng)


def _missed(rng: random.Random, _: float) -> _Table:
    return {"far": [f"until ring {rng.randint(2, 5)}", f"wait {_wait(rng)}", "hang up"]} | _told(rng)


def _connected(rng: random.Random, talk_s: float) -> _Table:
    return {
        "direction": "out",
        "reversal": rng.random() < 0.5,
        "desk": [*_dial(rng), "until answer", f"talk {talk_s}", "hang up"],
        "far": [f"until ringback {rng.randint(1, 3)}", "wait 1.5", "lift", f"talk {talk_s}"],
    }


def _unanswered(rng: random.Random, _: float) -> _Table:
    return {"direction": "out", "desk": [*_dial(rng), "until ringback 2", "wait 2.5", "hang up"]}


def _busy(rng: random.Random, _: float) -> _Table:
    desk = [*_dial(rng), "until tone busy", f"wait {2.5 + _wait(rng)}", "hang up"]
    return {"direction": "out", "route": "busy", "desk": desk}


KINDS: tuple[tuple[int, Callable[[random.Random, float], _Table]], ...] = (
    (40, _far_ends),
    (15, _desk_ends),
    (20, _missed),
    (15, _connected),
    (6, _unanswered),
    (4, _busy),
)
"""Weight and maker of each kind of call."""

TOLD: tuple[tuple[int, _Table], ...] = (
    (50, {"caller_id": {"format": "mdmf"}}),
    (15, {"caller_id": {"format": "mdmf", "standard": "v23"}}),
    (15, {"caller_id": {"format": "sdmf"}}),
    (15, {"caller_id": {"format": "dtmf"}}),
    (5, {"caller_id": {"format": "mdmf"}, "reason": "P"}),
)
"""Weight and form of how the exchange tells who calls."""


def _told(rng: random.Random) -> _Table:
    told = rng.choices([form for _, form in TOLD], [weight for weight, _ in TOLD])[0]
    return dict(told) if "reason" in told else told | {"number": draw_number(rng)}


def _lift(rng: random.Random) -> list[str]:
    return [f"until ring {rng.randint(2, 4)}", f"wait {_wait(rng)}", "lift"]


def _dial(rng: random.Random) -> list[str]:
    return ["lift", "until tone dial", f"wait {_wait(rng)}", f"dial {draw_number(rng)}"]


def _wait(rng: random.Random) -> float:
    return round(rng.uniform(0.3, 2.0), 2)


def plan_calls(rng: random.Random) -> Iterator[CallPlan]:
    """Calls without end; one in a hundred lasts 5 minutes, one in ten thousand 3 hours."""
    makers, weights = [maker for _, maker in KINDS], [weight for weight, _ in KINDS]
    number = 0
    while True:
        number += 1
        if number % VERY_LONG_EVERY == VERY_LONG_EVERY // 2:
            table = _desk_ends(rng, VERY_LONG_TALK_S)
        elif number % LONG_EVERY == LONG_EVERY // 2:
            table = _far_ends(rng, LONG_TALK_S)
        else:
            table = rng.choices(makers, weights)[0](rng, draw_talk_s(rng))
        yield scenario_of({"call": [{"name": f"call {number}"} | table]}).call[0]


class Traffic:
    """Begins the calls of one line, each some time after the one before has ended.

    Attributes:
        plans: the calls begun, by name.

    Args:
        take: the next call of the run, None when there are no more.
    """

    def __init__(self, scene: ScenarioRun, take: Callable[[], CallPlan | None], rng: random.Random) -> None:
        self.is_over = False
        self.plans: dict[str, CallPlan] = {}
        self._scene, self._take, self._rng = scene, take, rng
        scene.exchange.listeners.append(self._hear)
        self._pause()

    def _hear(self, happening: str) -> None:
        if happening == "idle":
            self._pause()

    def _pause(self) -> None:
        self._scene.line.agenda.after(self._rng.uniform(*PAUSE_MS), self._begin)

    def _begin(self) -> None:
        plan = self._take()
        self.is_over = plan is None
        if plan is not None:
            self.plans[plan.name] = plan
            self._scene.begin_call(plan)


def shared(calls: Iterator[CallPlan], count: int) -> Callable[[], CallPlan | None]:
    """The first `count` calls, handed out to whichever line asks next."""
    left = iter(range(count))
    return partial(_next_of, calls, left)


def _next_of(calls: Iterator[CallPlan], left: Iterator[int]) -> CallPlan | None:
    return next(calls) if next(left, None) is not None else None

"""A scenario: what happens on one line, as data, and the run that makes it happen.

A scenario is a TOML file. Times are seconds of line time; scripts are lists of steps, see `sim.person`.

    name = "a resident calls, the desk answers in the second ring"
    seed = 7
    seconds = 40                        # optional: how long to run; else until the last script and call end

    [line]                              # LineSettings: battery_v, reversed_feed
    [path]                              # Path: noise_dbm0, hum_dbm0, loss_db, echo_ms, alaw, ...
    [exchange]                          # ExchangeSettings: call_waiting, busy_for_ms, ...
    [phone]                             # Phone: bounces, knows_call_waiting; dtmf = { on_ms, ... }

    [[call]]                            # one caller or one outbound call, begun at `at`
    at = 4.0
    name = "known resident"
    number = "13800138000"              # or reason = "P" (withheld) or "O" (unavailable)
    caller_name = "张"
    caller_id = { format = "mdmf" }     # CallerId: standard, level_dbm0, snr_db, stuffing_bits, broken, ...
    desk = ["until ring 2", "wait 0.8", "lift", "talk 10", "until tone busy", "hang up"]
    far = ["until answer", "talk 10", "hang up"]

    [[call]]
    at = 60.0
    direction = "out"                   # the desk's script lifts and dials; `far` is the called party
    route = "rings"                     # Destination: or busy, congestion, vacant; reversal = true
    desk = ["lift", "until tone dial", "wait 1", "dial 13900139000", "until answer", "talk 5", "hang up"]
    far = ["until ringback 2", "wait 1", "lift", "talk 5"]

    [[script]]                          # whoever else acts: a second set, a lineman
    at = 10.0
    who = "second"                      # or "lineman"
    steps = ["lift", "wait 5", "hang up"]
"""

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path as FilePath
from typing import Any, Literal, TypeVar

from sim.call import CallerId, CallTruth, Destination, IncomingCall
from sim.exchange import Exchange, ExchangeSettings
from sim.impairments import Path
from sim.line import Line, LineSettings
from sim.person import Person, Step, StepError, Verbs, at_once, parse_step, verbs_of
from sim.phone import Phone, RemotePhone
from sim.signals.dtmf import Dtmf
from sim.signals.messages import Caller

T = TypeVar("T")


class ScenarioError(ValueError):
    """A scenario that cannot be read; the text says where and why."""


@dataclass(frozen=True)
class PhoneSettings:
    """The desk's set."""

    bounces: bool = False
    knows_call_waiting: bool = True
    dtmf: Dtmf = field(default_factory=lambda: Dtmf())


@dataclass(frozen=True)
class CallPlan:
    """One call: inbound when `incoming` stands, else outbound to `destination`."""

    at_ms: int
    incoming: IncomingCall | None
    destination: Destination
    desk: tuple[Step, ...]
    far: tuple[Step, ...]


@dataclass(frozen=True)
class ScriptPlan:
    """Somebody's steps outside any call."""

    at_ms: int
    who: Literal["second", "lineman", "box"]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Scenario:
    """What happens on one line."""

    name: str
    line: LineSettings = field(default_factory=LineSettings)
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    phone: PhoneSettings = field(default_factory=PhoneSettings)
    calls: tuple[CallPlan, ...] = ()
    scripts: tuple[ScriptPlan, ...] = ()
    duration_ms: int | None = None


class ScenarioRun:
    """A line with its exchange, sets and persons, on which `scenario` happens as `line.step` is called.

    Args:
        box_verbs: what the scripts of "box" may do (a test switches its power).
    """

    def __init__(self, scenario: Scenario, box_verbs: Verbs | None = None) -> None:
        self.scenario = scenario
        self.line = Line(scenario.line)
        self.exchange = Exchange(self.line, scenario.exchange)
        desk = scenario.phone
        self.phone = Phone(
            self.exchange, knows_call_waiting=desk.knows_call_waiting, bounces=desk.bounces, dial_by=desk.dtmf
        )
        self.second = Phone(self.exchange, "second", knows_call_waiting=False)
        self.far = RemotePhone(self.exchange)
        self._persons: list[Person] = []
        self._box_verbs = box_verbs or {}
        self._waiting = len(scenario.calls) + len(scenario.scripts)
        self.exchange.listeners.append(self._tell_persons)
        for call in scenario.calls:
            self.line.agenda.after(call.at_ms, partial(self._begin_call, call))
        for script in scenario.scripts:
            self.line.agenda.after(script.at_ms, partial(self._begin_script, script))

    @property
    def truths(self) -> list[CallTruth]:
        """The calls so far, as the exchange saw them."""
        return self.exchange.truths

    @property
    def is_over(self) -> bool:
        """True when the scenario's time is up, or all scripts are done and all calls have ended."""
        if self.scenario.duration_ms is not None:
            return self.line.agenda.now_ms >= self.scenario.duration_ms
        scripts_done = not self._waiting and all(person.is_done for person in self._persons)
        return scripts_done and all(truth.ended_ms is not None for truth in self.truths)

    def _begin_call(self, plan: CallPlan) -> None:
        if plan.incoming is None:
            self.exchange.destination = plan.destination
        self._begin(plan.desk, self._desk_verbs())
        self._begin(plan.far, verbs_of(self.far) | {"elsewhere": at_once(self.exchange.picked_up_elsewhere)})
        if plan.incoming is not None:
            self.exchange.offer(plan.incoming)
        self._waiting -= 1

    def _begin_script(self, plan: ScriptPlan) -> None:
        verbs: dict[str, Verbs] = {
            "second": verbs_of(self.second),
            "lineman": {
                "cut": at_once(lambda: self.line.cut(True)),
                "mend": at_once(lambda: self.line.cut(False)),
            },
            "box": self._box_verbs,
        }
        self._begin(plan.steps, verbs[plan.who])
        self._waiting -= 1

    def _desk_verbs(self) -> dict[str, Callable[[Step], float]]:
        return verbs_of(self.phone) | {
            "pulse": lambda step: self.phone.pulse(step.word),
            "flash": at_once(self.phone.flash),
        }

    def _begin(self, steps: tuple[Step, ...], verbs: Verbs) -> None:
        person = Person(self.line.agenda, steps, verbs)
        self._persons = [other for other in self._persons if not other.is_done] + [person]
        person.start()

    def _tell_persons(self, happening: str) -> None:
        for person in list(self._persons):
            person.hear(happening)


def load_scenario(path: FilePath) -> Scenario:
    """Read one file.

    Raises:
        ScenarioError: no such file, no TOML, an unknown key, a wrong value; the text names file and place.
    """
    try:
        return read_scenario(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ScenarioError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def read_scenario(text: str) -> Scenario:
    """Read a scenario from TOML text.

    Raises:
        ScenarioError: see `load_scenario`.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"no TOML: {error}") from None
    return scenario_of(table)


def scenario_of(table: Mapping[str, Any]) -> Scenario:
    """Build a scenario from the tables of its TOML form.

    Raises:
        ScenarioError: an unknown key or a wrong value.
    """
    rest = dict(table)
    seed = int(rest.pop("seed", 1))
    path = _built(Path, rest.pop("path", {}), "path")
    line = _built(LineSettings, {"seed": seed, "path": path} | dict(rest.pop("line", {})), "line")
    phone = dict(rest.pop("phone", {}))
    if "dtmf" in phone:
        phone["dtmf"] = _built(Dtmf, phone["dtmf"], "phone.dtmf")
    seconds = rest.pop("seconds", None)
    scenario = Scenario(
        name=str(rest.pop("name", "")),
        line=line,
        exchange=_built(ExchangeSettings, rest.pop("exchange", {}), "exchange"),
        phone=_built(PhoneSettings, phone, "phone"),
        calls=tuple(_call_plan(call, f"call {index}") for index, call in enumerate(rest.pop("call", []), 1)),
        scripts=tuple(_script_plan(item, f"script {i}") for i, item in enumerate(rest.pop("script", []), 1)),
        duration_ms=None if seconds is None else round(seconds * 1000),
    )
    if rest:
        raise ScenarioError(f"unknown: {', '.join(sorted(rest))}")
    return scenario


def _call_plan(table: Mapping[str, Any], where: str) -> CallPlan:
    rest = dict(table)
    at_ms = round(float(rest.pop("at", 0.0)) * 1000)
    name = str(rest.pop("name", ""))
    desk, far = (_script(rest.pop(who, []), f"{where}, {who}") for who in ("desk", "far"))
    if rest.pop("direction", "in") == "out":
        destination = _built(Destination, rest | {"name": name}, where)
        return CallPlan(at_ms, None, destination, desk, far)
    caller_id = _built(CallerId, rest.pop("caller_id", {}), f"{where}, caller_id")
    cadence = rest.pop("cadence_ms", None)
    incoming = IncomingCall(
        caller=_built(Caller, {("name" if key == "caller_name" else key): rest[key] for key in rest}, where),
        caller_id=caller_id,
        name=name,
        cadence_ms=None if cadence is None else tuple((int(on), int(off)) for on, off in cadence),
    )
    return CallPlan(at_ms, incoming, Destination(), desk, far)


def _script_plan(table: Mapping[str, Any], where: str) -> ScriptPlan:
    rest = dict(table)
    at_ms = round(float(rest.pop("at", 0.0)) * 1000)
    steps = _script(rest.pop("steps", []), where)
    who = rest.pop("who", "second")
    if rest or who not in ("second", "lineman", "box"):
        raise ScenarioError(
            f"{where}: who is second, lineman or box; also unknown: {', '.join(sorted(rest))}"
        )
    return ScriptPlan(at_ms, who, steps)


def _script(steps: list[str], where: str) -> tuple[Step, ...]:
    try:
        return tuple(parse_step(step) for step in steps)
    except StepError as error:
        raise ScenarioError(f"{where}: {error}") from None


def _built(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """`kind(**table)`, with a readable error for a key it does not have."""
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = set(table) - known
    if unknown:
        raise ScenarioError(
            f"{where}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        )
    return kind(**table)

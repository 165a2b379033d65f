"""A scenario: what happens on one line, as data, and the run that makes it happen.

A scenario is a TOML file. Times are seconds of line time; scripts are lists of steps, see `sim.person`.

    name = "a resident calls, the desk answers in the second ring"
    seed = 7
    seconds = 40                        # optional: how long to run; else until the last script and call end

    [line]                              # LineSettings: battery_v, reversed_feed
    path = { noise_dbm0 = -60.0 }       # Path: hum_dbm0, loss_db, echo_ms, alaw, ...
    [exchange]                          # ExchangeSettings: call_waiting, busy_for_ms, ...
    [phone]                             # PhoneSettings: bounces, knows_call_waiting, dtmf = { on_ms, ... }

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

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from sim.agenda import NEVER_MS
from sim.call import CallerId, CallTruth, Destination, IncomingCall, Route
from sim.errors import SimulatorError
from sim.exchange import Exchange, ExchangeSettings
from sim.line import Line, LineSettings
from sim.person import Person, Step, Verbs, at_once, parse_step, verbs_of
from sim.phone import Phone, PhoneSettings, RemotePhone
from sim.signals.disturbances import DISTURBANCES
from sim.signals.levels import SAMPLES_PER_MS, to_pcm
from sim.signals.messages import Caller


class ScenarioError(SimulatorError):
    """A scenario that cannot be read; the text says where and why."""


def _script(steps: object) -> object:
    return tuple(parse_step(step) for step in steps) if isinstance(steps, list | tuple) else steps


Script = Annotated[tuple[Step, ...], BeforeValidator(_script)]


@dataclass(frozen=True)
class CallPlan:
    """One call, begun `at` seconds: by a caller ("in"), or by the desk ("out": `route`, `reversal`)."""

    at: float = 0.0
    name: str = ""
    direction: Literal["in", "out"] = "in"
    number: str = ""
    reason: Literal["", "P", "O"] = ""
    caller_name: str = ""
    date: str = "03170856"
    caller_id: CallerId = field(default_factory=CallerId)
    cadence_ms: tuple[tuple[int, int], ...] | None = None
    route: Route = "rings"
    reversal: bool = False
    desk: Script = ()
    far: Script = ()

    def incoming(self) -> IncomingCall:
        """The call as the exchange gets it."""
        caller = Caller(self.number, self.reason, self.caller_name, self.date)
        return IncomingCall(caller, self.caller_id, self.name, self.cadence_ms)


@dataclass(frozen=True)
class ScriptPlan:
    """Somebody's steps outside any call, begun `at` seconds."""

    steps: Script
    at: float = 0.0
    who: Literal["second", "lineman", "box"] = "second"

    def __post_init__(self) -> None:
        verbs = {"lineman": LINEMAN, "second": SECOND}.get(self.who)
        for step in self.steps:
            if verbs is not None and step.verb not in verbs:
                raise ValueError(f"a {self.who} cannot {step.verb!r}")
            if step.verb == "send" and step.word not in DISTURBANCES:
                raise ValueError(f"no disturbance {step.word!r}; there are {', '.join(DISTURBANCES)}")


LINEMAN = frozenset({"wait", "until", "cut", "mend", "swap", "send"})
SECOND = frozenset({"wait", "until", "lift", "hang up", "talk", "dial", "press", "tone"})


@dataclass(frozen=True)
class Scenario:
    """What happens on one line; the fields are the keys of the file."""

    name: str = ""
    seed: int = 1
    seconds: float | None = None
    line: LineSettings = field(default_factory=LineSettings)
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    phone: PhoneSettings = field(default_factory=PhoneSettings)
    call: tuple[CallPlan, ...] = ()
    script: tuple[ScriptPlan, ...] = ()


class ScenarioRun:
    """A line with its exchange, sets and persons, on which `scenario` happens as `line.step` is called.

    Args:
        box_verbs: what the scripts of "box" may do (a test switches its power).

    Attributes:
        happenings: what the exchange told and what everybody did so far ("ring 2", "desk lift"), with line
        time in ms.
    """

    def __init__(self, scenario: Scenario, box_verbs: Verbs | None = None) -> None:
        self.scenario = scenario
        self.line = Line(replace(scenario.line, seed=scenario.seed))
        self.exchange = Exchange(self.line, scenario.exchange)
        self.phone = Phone(self.exchange, settings=scenario.phone)
        self.second = Phone(self.exchange, "second", PhoneSettings(knows_call_waiting=False))
        self.far = RemotePhone(self.exchange)
        self.happenings: list[tuple[int, str]] = []
        self._persons: list[Person] = []
        verbs: dict[str, Verbs] = {
            "desk": verbs_of(self.phone)
            | {"pulse": lambda step: self.phone.pulse(step.word), "flash": at_once(self.phone.flash)},
            "far": verbs_of(self.far) | {"elsewhere": at_once(self.exchange.picked_up_elsewhere)},
            "second": verbs_of(self.second),
            "lineman": {
                "cut": at_once(partial(self.line.cut, True)),
                "mend": at_once(partial(self.line.cut, False)),
                "swap": at_once(self.line.swap),
                "send": self._disturb,
            },
            "box": box_verbs or {},
        }
        self._verbs = {who: self._noted(who, does) for who, does in verbs.items()}
        self.exchange.listeners.append(self._tell_persons)
        for call in scenario.call:
            self.line.agenda.after(call.at * 1000.0, partial(self.begin_call, call))
        for script in scenario.script:
            self.line.agenda.after(script.at * 1000.0, partial(self._begin_script, script))

    @property
    def truths(self) -> list[CallTruth]:
        """The calls so far, as the exchange saw them."""
        return self.exchange.truths

    def verbs(self, who: str) -> Verbs:
        """What `who` can do: "desk", "far", "second", "lineman" or "box".

        Raises:
            KeyError: nobody of that name is here.
        """
        return self._verbs[who]

    @property
    def is_over(self) -> bool:
        """True when the scenario's time is up, or when nothing more will happen on the line by itself."""
        if self.scenario.seconds is not None:
            return self.line.agenda.now_ms >= self.scenario.seconds * 1000.0
        return self.line.agenda.next_ms == NEVER_MS

    def begin_call(self, plan: CallPlan) -> None:
        """Begin a call now, whatever its `at` says; it need not be of the scenario."""
        if plan.direction == "out":
            self.exchange.destination = Destination(plan.route, plan.reversal, plan.name)
        for steps, who in ((plan.desk, "desk"), (plan.far, "far")):
            self._begin(Person(self.line.agenda, steps, self.verbs(who), goes_with_call=True))
        if plan.direction == "in":
            self.exchange.offer(plan.incoming())

    def _begin_script(self, plan: ScriptPlan) -> None:
        self._begin(Person(self.line.agenda, plan.steps, self.verbs(plan.who)))

    def _begin(self, person: Person) -> None:
        self._persons = [other for other in self._persons if not other.is_done] + [person]
        person.start()

    def _disturb(self, step: Step) -> float:
        signal = DISTURBANCES[step.word]()
        self.line.play(to_pcm(signal))
        return len(signal) / SAMPLES_PER_MS

    def _noted(self, who: str, verbs: Verbs) -> Verbs:
        """`verbs`, each noted among the happenings when it is carried out."""

        def act(step: Step) -> float:
            self.happenings.append((self.line.agenda.now_ms, f"{who} {step.verb}"))
            return verbs[step.verb](step)

        return dict.fromkeys(verbs, act)

    def _tell_persons(self, happening: str) -> None:
        self.happenings.append((self.line.agenda.now_ms, happening))
        for person in list(self._persons):
            person.hear(happening)


_SCENARIO = TypeAdapter(Scenario)


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
        return scenario_of(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"no TOML: {error}") from None


def scenario_of(table: object) -> Scenario:
    """Build a scenario from the tables of its TOML form.

    Raises:
        ScenarioError: the first unknown key or wrong value, with its place.
    """
    try:
        scenario = _SCENARIO.validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise ScenarioError(f"{place}: {first['msg']}") from None
    for unknown in _unknown_keys(table, scenario):
        raise ScenarioError(f"{unknown}: there is no such key")
    return scenario


def _unknown_keys(table: object, built: object, place: str = "") -> Iterator[str]:
    """Keys of `table` that its dataclass has no field for; pydantic ignores those of nested dataclasses."""
    if isinstance(table, dict) and is_dataclass(built):
        names = {item.name for item in fields(built)}
        for key, value in table.items():
            if key not in names:
                yield f"{place}{key}"
            else:
                yield from _unknown_keys(value, getattr(built, key), f"{place}{key}.")
    elif isinstance(table, list) and isinstance(built, tuple):
        for index, (item, part) in enumerate(zip(table, built, strict=False), 1):
            yield from _unknown_keys(item, part, f"{place}{index}.")

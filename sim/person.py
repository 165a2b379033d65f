"""Persons: scripts of steps that a set's user, a caller or a lineman takes.

A step is a verb and what it needs, written as text; a script is a list of them, taken one after the other:

    wait SECONDS            do nothing for so long
    until HAPPENING         wait for "ring N", "answer", "far hung up", "tone busy", "ringback N", "idle", ...
    lift · hang up · flash
    talk SECONDS            speak, and take the next step when done
    dial DIGITS             by DTMF;  pulse DIGITS  by loop breaks;  press KEYS  DTMF during a call
    tone NAME               one period of a tone, as machines send it (cng, ced)
    cut · mend · swap       the pair (a lineman); swap the two wires
    send NAME               a disturbance into the pair (a lineman), see `sim.signals.disturbances`
    elsewhere               another set, not on this pair, takes the ringing call

An `until` that names something that has already happened since the script began goes on at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.agenda import Agenda
from sim.errors import SimulatorError

SECONDS = frozenset({"wait", "talk"})
WORDS = frozenset({"until", "tone", "power", "send"})
KEYS = frozenset({"dial", "pulse", "press"})
BARE = frozenset({"lift", "hang up", "flash", "cut", "mend", "swap", "elsewhere"})
DIALLED_KEYS = frozenset("0123456789ABCD*#")
PULSED_KEYS = frozenset("0123456789")


class StepError(SimulatorError, ValueError):
    """A step that cannot be read; the text says which and why."""


@dataclass(frozen=True)
class Step:
    """One step: what to do, for how long (`seconds`), with what (`word`)."""

    verb: str
    seconds: float = 0.0
    word: str = ""


def parse_step(text: str) -> Step:
    """Read one step.

    Raises:
        StepError: unknown verb, or what it needs is missing or wrong.
    """
    clean = " ".join(text.split())
    if clean in BARE:
        return Step(clean)
    verb, _, rest = clean.partition(" ")
    if verb in SECONDS:
        return Step(verb, seconds=_seconds(text, rest))
    if verb in KEYS:
        allowed = PULSED_KEYS if verb == "pulse" else DIALLED_KEYS
        if not rest or not set(rest) <= allowed:
            raise StepError(f"{text!r}: {verb} needs keys of {''.join(sorted(allowed))}")
        return Step(verb, word=rest)
    if verb in WORDS:
        if not rest:
            raise StepError(f"{text!r}: {verb} needs a name")
        return Step(verb, word=rest)
    raise StepError(f"{text!r}: unknown step; there are {', '.join(sorted(BARE | SECONDS | WORDS | KEYS))}")


def _seconds(text: str, rest: str) -> float:
    try:
        seconds = float(rest)
    except ValueError:
        raise StepError(f"{text!r}: needs a number of seconds") from None
    if not 0.0 <= seconds <= 86_400.0:
        raise StepError(f"{text!r}: seconds are 0..86400")
    return seconds


Verbs = Mapping[str, Callable[[Step], float]]
"""Verb → who carries it out and returns how long it takes, ms."""


class Person:
    """Takes the steps of a script in line time.

    Args:
        goes_with_call: when the line is idle again, a person who still waits for something goes away: what a
            later call does is not theirs to wait for.
    """

    def __init__(
        self, agenda: Agenda, script: Sequence[Step], verbs: Verbs, *, goes_with_call: bool = False
    ) -> None:
        self._agenda, self._verbs, self._goes_with_call = agenda, verbs, goes_with_call
        self._script = list(script)
        self._awaited = ""
        self._happened: set[str] = set()
        self.is_done = False

    def start(self) -> None:
        """Take the first step now."""
        self._go_on()

    def hear(self, happening: str) -> None:
        """Something happened on the line."""
        self._happened.add(happening)
        if happening == self._awaited:
            self._awaited = ""
            self._agenda.after(0, self._go_on)
        elif happening == "idle" and self._goes_with_call and self._awaited:
            self._awaited, self.is_done = "", True

    def _go_on(self) -> None:
        while self._script:
            step = self._script.pop(0)
            if step.verb == "until":
                if step.word not in self._happened:
                    self._awaited = step.word
                    return
            else:
                pause_ms = step.seconds * 1000.0 if step.verb == "wait" else self._verbs[step.verb](step)
                if pause_ms:
                    self._agenda.after(pause_ms, self._go_on)
                    return
        self.is_done = True


class HandSet(Protocol):
    """What both kinds of set can do."""

    def lift(self) -> None: ...
    def hang_up(self) -> None: ...
    def talk(self, duration_ms: float) -> None: ...
    def press(self, keys: str) -> float: ...
    def send_tone(self, name: str) -> float: ...


def at_once(action: Callable[[], object]) -> Callable[[Step], float]:
    """A verb that takes no time and needs nothing."""

    def do(_step: Step) -> float:
        action()
        return 0.0

    return do


def verbs_of(phone: HandSet) -> dict[str, Callable[[Step], float]]:
    """What the user of `phone` can do with it."""

    def talk(step: Step) -> float:
        phone.talk(step.seconds * 1000.0)
        return step.seconds * 1000.0

    return {
        "lift": at_once(phone.lift),
        "hang up": at_once(phone.hang_up),
        "talk": talk,
        "dial": lambda step: phone.press(step.word),
        "press": lambda step: phone.press(step.word),
        "tone": lambda step: phone.send_tone(step.word),
    }

"""The interactive line: commands typed at a terminal, carried out on a line while it runs.

Input is read by a thread of its own; everything else happens between two blocks of the line.
"""

import queue
import shlex
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from sim.call import CallerId, CallTruth, IncomingCall
from sim.errors import SimulatorError
from sim.person import StepError, Verbs, parse_step
from sim.scenario import ScenarioRun
from sim.signals.messages import UNAVAILABLE, WITHHELD, Caller

HELP = """\
call NUMBER [mdmf|sdmf|v23|dtmf|none]   somebody calls; NUMBER may be withheld or unavailable
lift · hang up · flash · talk SECONDS   the desk's phone
dial DIGITS · pulse DIGITS · press KEYS
far lift | hang up | talk SECONDS | press KEYS     the other party
second lift | hang up | talk SECONDS | press KEYS  another set on the same pair
cut · mend                              the pair
status · help · quit"""
REASONS = {"withheld": WITHHELD, "unavailable": UNAVAILABLE}
CALLER_IDS = {
    "mdmf": CallerId("mdmf"),
    "sdmf": CallerId("sdmf"),
    "v23": CallerId("mdmf", standard="v23"),
    "dtmf": CallerId("dtmf"),
    "none": CallerId("none"),
}


SHOWN_DIGITS = 7
"""A longer number is masked: what the line tells may go to a log."""


class CommandError(SimulatorError):
    """A command that cannot be carried out; the sentence says why."""


class Terminal:
    """Carries typed commands out on `run` and tells what happens on its line.

    Args:
        tell: prints one line.
    """

    def __init__(self, run: ScenarioRun, tell: Callable[[str], None]) -> None:
        self.has_quit = False
        self._run, self._tell = run, tell
        self._typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._told = 0
        self._plain: dict[str, Callable[[], None]] = {
            "help": lambda: tell(HELP),
            "status": self._status,
            "quit": self._quit,
        }
        run.exchange.listeners.append(self._happened)

    def read(self, stream: TextIO = sys.stdin) -> None:
        """Begin to read commands from `stream`, in a thread that ends with the process."""
        threading.Thread(target=self._read, args=(stream,), name="commands", daemon=True).start()

    def obey(self) -> None:
        """Carry out what has been typed by now; a command that fails is told, the line goes on."""
        while not self._typed.empty():
            try:
                self.carry_out(self._typed.get().strip())
            except (CommandError, StepError) as error:
                self._tell(str(error))

    def carry_out(self, command: str) -> None:
        """Carry out one command.

        Raises:
            CommandError, StepError: it cannot be read, or the line is in use.
        """
        words = command.split()
        if not words:
            return
        if words[0] == "call":
            self._call(words[1:])
        elif command in self._plain:
            self._plain[command]()
        elif words[0] in ("far", "second"):
            self._take_step(" ".join(words[1:]), self._run.verbs(words[0]))
        else:
            who = "lineman" if words[0] in ("cut", "mend") else "desk"
            self._take_step(command, self._run.verbs(who))

    def _read(self, stream: TextIO) -> None:
        for line in stream:
            self._typed.put(line)

    def _take_step(self, text: str, verbs: Verbs) -> None:
        step = parse_step(text)
        if step.verb not in verbs:
            raise CommandError(f"{shlex.quote(text)}: they cannot do that; `help` lists the commands")
        verbs[step.verb](step)

    def _call(self, words: list[str]) -> None:
        number, kind = words[0] if words else "", words[1] if len(words) > 1 else "mdmf"
        reason = REASONS.get(number, "")
        if kind not in CALLER_IDS or len(words) > 2 or not (reason or number.isdigit()):
            raise CommandError(f"call NUMBER|{'|'.join(REASONS)} [{'|'.join(CALLER_IDS)}]")
        caller = Caller("" if reason else number, reason)
        if not self._run.exchange.offer(IncomingCall(caller, CALLER_IDS[kind], "typed")):
            raise CommandError("the line is in use; the caller hears busy")

    def _happened(self, happening: str) -> None:
        self._tell(f"{self._run.line.agenda.now_ms / 1000.0:9.3f} s  {happening}")
        while self._told < len(self._run.truths) and self._run.truths[self._told].ended_ms is not None:
            truth = self._run.truths[self._told]
            self._told += 1
            talk_s = truth.talk_ms / 1000.0
            self._tell(f"{'':11}  = {truth.direction} {_who(truth)}: {truth.outcome}, {talk_s:.3f} s")

    def _status(self) -> None:
        sets = [phone.name for phone in (self._run.phone, self._run.second) if phone.is_off_hook]
        cut = ", cut" if self._run.line.is_cut else ""
        self._tell(f"{self._run.exchange.state.name.lower()}{cut}; off-hook: {', '.join(sets) or 'nobody'}")

    def _quit(self) -> None:
        self.has_quit = True


def _who(truth: CallTruth) -> str:
    reasons = {reason: word for word, reason in REASONS.items()}
    if len(truth.number) > SHOWN_DIGITS:
        return f"{truth.number[:3]}****{truth.number[-4:]}"
    return truth.number or reasons.get(truth.reason, "no number")

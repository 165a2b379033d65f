"""The box takes the line itself: dial for the agent, hang up.

Safety, each rule checked before the contact closes (the device opens it by itself after its maximum):
    1. Never a line in use, ringing, announced by a caller ID, or cut.
    2. One dial at a time; a contact that closed without the loop answering is opened again.
    3. Anybody who lifts a handset while the box holds the line gets it: the box lets go.
    4. A fault in the loop, a reset and the watchdog leave the contact open.

    IDLE --dial--> WAITING (dial tone) --tone, or time--> SENDING (digits) --> HOLDING (for a handset)
      ^                |                                      |                   |
      +---- hang_up, handset lifted, line cut, nobody lifted in time, maximum ----+
"""

from array import array

from micropython import const

from firmware.board.clock import since_ms
from firmware.dsp.sine import dual_tone
from firmware.dsp.tables import SINE, phase_step
from firmware.line import facts
from firmware.line.state import ON_HOOK
from protocol.const import BLOCK_SAMPLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from firmware.board.clock import Clock
    from firmware.board.device import Device
    from firmware.config import Config
    from firmware.line.state import LineState

_IDLE = const(0)
_WAITING = const(1)
_SENDING = const(2)
_HOLDING = const(3)
_BLOCK_MS = const(32)
_KEYS = "123A456B789C*0#D"
_LOW_HZ = (697, 770, 852, 941)
_HIGH_HZ = (1209, 1336, 1477, 1633)
_ENDS = (facts.HUNG_UP, facts.LINE_CUT, facts.LEVEL_LOW)


class Dialer:
    """Holds the line for one dial command at a time."""

    def __init__(self, device: "Device", state: "LineState", config: "Config") -> None:
        self._device = device
        self._state = state
        self._config = config
        self._phase = _IDLE
        self._since = 0
        self._digits = ""
        self._place = 0  # block of the train of digits
        self._answer: "Callable[[str, str], None] | None" = None
        self._block = array("h", bytes(2 * BLOCK_SAMPLES))
        self._silence = array("h", bytes(2 * BLOCK_SAMPLES))
        self._phases = array("H", bytes(4))

    def dial(self, digits: str, answer: "Callable[[str, str], None]") -> str:
        """Seize the line and dial; why not, or an empty text. `answer` gets (result, reason) once, later."""
        if self._phase != _IDLE or self._state.state != ON_HOOK:
            return "line_in_use"
        if not all(digit in _KEYS for digit in digits) or len(digits) > 32:
            return "digits"
        self._digits = digits
        self._answer = answer
        self._place = 0
        self._enter(_WAITING)
        self._device.seize(True)
        return ""

    def hang_up(self) -> bool:
        """Let go of the line; False when the box does not hold it."""
        if self._phase == _IDLE:
            return False
        self._release("hang_up")
        return True

    def handle_heard(self, kind: str, fields: "dict[str, Any]") -> None:
        """Dial tone ends the wait for it."""
        if self._phase == _WAITING and kind == "tone_detected" and fields["tone"] == "dial":
            self._enter(_SENDING)

    def handle_fact(self, fact: int) -> None:
        """A handset lifted in parallel, or the end of the line, makes the box let go."""
        if self._phase != _IDLE and fact in _ENDS:
            self._release("line")

    def step(self, clock: "Clock") -> None:
        """One block."""
        if self._phase == _IDLE:
            return
        waited_ms = since_ms(clock.read(), self._since)
        if not self._device.is_seized:
            self._release("maximum")
        elif self._phase == _WAITING and waited_ms >= self._config.values["dial_tone_wait_ms"]:
            if self._state.is_off_hook:
                self._enter(_SENDING)
            else:
                self._release("no_line")
        elif self._phase == _SENDING:
            self._send()
        elif self._phase == _HOLDING and waited_ms >= self._config.values["answer_wait_ms"]:
            self._release("not_lifted")

    def _send(self) -> None:
        """The next block of the digits: each as many blocks of tone as of silence."""
        blocks = (self._config.values["dtmf_ms"] + _BLOCK_MS - 1) // _BLOCK_MS
        at, place = divmod(self._place, 2 * blocks)
        if at >= len(self._digits):
            self._enter(_HOLDING)
            self._tell("done", "")
            return
        self._place += 1
        if place >= blocks:
            self._device.audio_write(self._silence)
            return
        row, column = divmod(_KEYS.index(self._digits[at]), 4)
        low, high = phase_step(_LOW_HZ[row]), phase_step(_HIGH_HZ[column])
        dual_tone(self._block, SINE, self._phases, BLOCK_SAMPLES, low, high)
        self._device.audio_write(self._block)

    def _release(self, reason: str) -> None:
        self._device.seize(False)
        self._enter(_IDLE)
        self._tell("failed", reason)

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._since = self._device.clock.read()

    def _tell(self, result: str, reason: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(result, reason)

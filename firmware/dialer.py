"""The box takes the line itself: dial for the agent, hang up.

Safety, each rule checked here before the contact closes (the device opens it by itself after its maximum):
    1. Never a line in use, ringing, announced by a caller ID, or cut.
    2. One dial at a time.
    3. Anybody who lifts a handset while the box holds the line gets it: the box lets go.
    4. A fault in the loop, a reset and the watchdog leave the contact open.

    IDLE ─seize─▶ WAITING (for dial tone) ─▶ SENDING (digits) ─▶ HOLDING (until a handset is lifted)
      ▲                │                        │                   │
      └──── release: hang_up, handset lifted, nobody lifted, line cut ┘
"""

from array import array

from protocol.const import BLOCK_SAMPLES

IDLE, WAITING, SENDING, HOLDING = "idle", "waiting", "sending", "holding"


class Dialer:
    """Holds the line for one dial command at a time."""

    def __init__(self, device, state, config):
        self.phase = IDLE
        self._device = device
        self._state = state
        self._config = config
        self._since = 0
        self._silence = array("h", [0] * BLOCK_SAMPLES)

    def handle_heard(self, kind, fields):
        """Dial tone ends the wait for it."""

    def handle_fact(self, fact):
        """A handset lifted in parallel, or the end of the line, makes the box let go."""

    def step(self, now):
        """One block."""

"""When a call becomes a screen pop: once with what is known, while it is still news."""

from dataclasses import dataclass

from telephony.calls import Call, CallState
from telephony.numbers import NumberState

FRESH_MS = 30_000
"""An effect (pop, sound, notification) is only for facts younger than this by cloud time."""

RINGS_WITHOUT_NUMBER = 2
"""FSK caller ID comes between ring 1 and ring 2: from the second ring on there will be none."""


@dataclass(frozen=True, slots=True)
class Pop:
    """A screen pop that is due. `key` makes it fire once."""

    desk: str
    call_id: str
    at_ms: int
    number: str | None
    e164: str | None

    @property
    def key(self) -> str:
        return f"pop:{self.call_id}:{self.number or ''}"


def find_pop(desk: str, call: Call, *, latest_ms: int, now_ms: int) -> Pop | None:
    """The pop a call is worth now, or None.

    Args:
        latest_ms: `at` of the newest fact about the call.
        now_ms: cloud time. A clock ahead of the cloud's counts as now.
    """
    if call.direction != "in" or call.state is CallState.ENDED or now_ms - latest_ms >= FRESH_MS:
        return None
    known = call.number_state is not NumberState.NONE
    if not known and call.ring_count < RINGS_WITHOUT_NUMBER and call.state is CallState.RINGING:
        return None
    return Pop(desk, call.id, latest_ms, call.number, call.e164)

"""Call waiting: a second caller announced while the line is in use.

The exchange sends a CAS (2130 + 2750 Hz, 75-85 ms), a telephone that knows it answers with DTMF D or A within
100 ms, the exchange sends its FSK message. The box only listens to the three.
Source: TIA-777 and ETSI EN 300 659-2, by the MT88E45's data sheet.
"""

try:
    from micropython import const
except ImportError:  # CPython
    from firmware.dsp.portable import const

from array import array

from firmware.dsp.tone_bank import find_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.line.caller_id import Fields

CAS = (2130, 2750)
ACKNOWLEDGEMENTS = "DA"
SHORTEST_HOPS, LONGEST_HOPS = 7, 13  # 56-104 ms in whole hops of 8 ms
_WINDOW_HOPS = const(250)  # 2 s in which acknowledgement and message have to come


class CallWaiting:
    """Follows CAS and acknowledgement; says when the FSK receivers should listen off-hook."""

    def __init__(self) -> None:
        self._pairs = 0  # one bit a hop of the block
        self._lasted = 0
        self._window = 0
        self._acknowledged = False

    def is_open(self) -> bool:
        """A message may follow now."""
        return self._window > 0

    def judge(self, sums: "array[int]", energies: "array[int]", tones: int, first: int, hop: int) -> int:
        """Look for CAS in the four hops of a block; not 0 if there is something to follow: then `step`
        takes each."""
        self._pairs = find_pairs(sums, energies, tones, first, hop)
        return self._pairs or self._lasted or self._window

    def step(self, hop: int) -> "Fields | None":
        """Take one hop; returns the fields of a call_waiting whose caller stayed unknown."""
        if self._pairs >> (hop & 3) & 1:
            self._lasted += 1
        else:
            if SHORTEST_HOPS <= self._lasted <= LONGEST_HOPS:
                self._window = _WINDOW_HOPS
                self._acknowledged = False
            self._lasted = 0
        if not self._window:
            return None
        self._window -= 1
        return {} if self._window == 0 and self._acknowledged else None

    def takes_key(self, key: str) -> bool:
        """True if `key` is the telephone's acknowledgement, not something dialled."""
        if self._window and key in ACKNOWLEDGEMENTS:
            self._acknowledged = True
            return True
        return False

    def close(self, caller_id: "Fields") -> "Fields":
        """The message came: fields of the call_waiting."""
        self._window = 0
        fields: "Fields" = {}
        for name in ("number", "reason"):
            if name in caller_id:
                fields[name] = caller_id[name]
        return fields

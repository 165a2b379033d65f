"""Call-progress tones: which tone stands on the line, and what its cadence says."""

try:
    from micropython import const
except ImportError:  # CPython
    from firmware.dsp.portable import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    Cadence = tuple[str, int, int, int, int, int]

# (name, tone, on ms, off ms, cycles, last): off 0 = it only has to last; `last` = ms of the burst, and of the
# pause, that must end the cycles, 0 = none. Source: GB 3380, YD/T (TELEPHONY: China).
CHINA = (
    ("dial", 450, 1600, 0, 1, 0),
    ("ringback", 450, 1000, 4000, 1, 0),
    ("busy", 450, 350, 350, 2, 0),
    ("congestion", 450, 700, 700, 2, 0),
    ("vacant", 450, 100, 100, 3, 400),  # digits over a dial tone leave 100 / 100 of it
    ("waiting", 450, 400, 4000, 1, 0),
    ("howler", 950, 1000, 0, 1, 0),
    ("cng", 1100, 500, 3000, 1, 0),
)
PROGRESS_FREQS = (450, 950, 1100, 1400)
HOP_MS = 8
_BRIDGE_HOPS = const(3)  # a gap or a burst of at most 24 ms changes nothing
_LONG_OFF_HOPS = const(150)  # 1200 ms: an off of 3 s and more is told after this, without waiting for its end
_END_HOPS = const(750)  # 6 s without a tone: the next one is told anew
_SOUNDS_MS = const(100)  # of a tone, to believe that it still comes: speech may cover the rest of a burst
_OVERDUE_MS = const(5000)  # after a ringback burst: the next was due within 4 s + 10 % (GB 3380)
CONNECTED = "connected"


class ToneDetector:
    """Follows the tone of each hop; names a cadence once while it lasts.

    Ringback that does not come again where it was due, with no other tone in its place, is told as CONNECTED:
    speech in its pause alone says nothing, for it may be that of the one who waits.
    """

    def __init__(self, profile: "tuple[Cadence, ...]" = CHINA) -> None:
        self._profile = profile
        self._tone = 0  # what stands now, after bridging
        self._pending = 0
        self._pending_hops = 0
        self._hops = 0  # since it stands
        self._on_ms = 0
        self._on_tone = 0
        self._cycles = 0
        self._last = ("", 0, 0, 0, 0, 0)
        self._told = ""
        self._is_dialled = False
        self._is_void = False  # the tone that stands is cut by the one who dials
        self._awaited = 0  # Hz of the ringback that must come again; 0 = none was told
        self._without_ms = 0  # since it last sounded, up to the last change

    def cut(self) -> None:
        """A digit, or the loop opened: the tone before was cut by this and tells nothing by its length."""
        self._is_dialled = True
        self._is_void = self._tone != 0
        self._on_ms = 0

    def step(self, freq_hz: int) -> "tuple[str, int] | None":
        """Take the tone of one hop (0 = none); returns (name, freq_hz) when a cadence is recognised."""
        self._hops += 1
        if freq_hz == self._tone:
            self._pending_hops = 0
            return self._check_lasting()
        if freq_hz != self._pending:
            self._pending = freq_hz
            self._pending_hops = 0
        self._pending_hops += 1
        if self._pending_hops <= _BRIDGE_HOPS:
            return self._check_lasting()
        return self._change(freq_hz)

    def rest(self, hops: int) -> bool:
        """Take hops of silence at once; False, and none is taken, where something may be told in them."""
        end = self._hops + hops
        if self._tone or self._awaited or self._hops < _LONG_OFF_HOPS <= end or self._hops < _END_HOPS <= end:
            return False
        self._hops = end
        self._pending_hops = 0
        return True

    def _change(self, freq_hz: int) -> "tuple[str, int] | None":
        lasted_ms = (self._hops - self._pending_hops) * HOP_MS
        was = self._tone
        self._tone = freq_hz
        self._hops = self._pending_hops
        self._pending_hops = 0
        self._without_ms += lasted_ms
        if was:
            if not self._awaited or (was == self._awaited and lasted_ms >= _SOUNDS_MS):
                self._without_ms = 0
            self._on_ms = 0 if self._is_void else lasted_ms
            self._is_void = False
            self._on_tone = was
            return None
        return self._end_of_pause(lasted_ms)

    def _end_of_pause(self, off_ms: int) -> "tuple[str, int] | None":
        name, tone, _, _, cycles, last = self._last
        if last and self._cycles >= cycles and self._has_sounded(tone, last, off_ms, last):
            self._cycles = 0
            return self._tell(name, tone)
        for entry in self._profile:
            name, tone, on, off, cycles, last = entry
            if off and self._has_sounded(tone, on, off_ms, off):
                self._cycles = self._cycles + 1 if self._cycles and self._last is entry else 1
                self._last = entry
                is_told = off < 3000 and not last and self._cycles >= cycles
                return self._tell(name, tone) if is_told else None
        self._cycles = 0
        return None

    def _has_sounded(self, tone: int, on_ms: int, was_off_ms: int, off_ms: int) -> bool:
        return tone == self._on_tone and _near(self._on_ms, on_ms) and _near(was_off_ms, off_ms)

    def _check_lasting(self) -> "tuple[str, int] | None":
        hops = self._hops
        lasted_ms = hops * HOP_MS
        if self._tone:
            for name, tone, on, off, _, _ in self._profile:
                if not off and tone == self._tone and lasted_ms == on:
                    return self._tell(name, tone)
        elif hops == _LONG_OFF_HOPS and self._on_ms:
            for entry in self._profile:
                name, tone, on, off, _, _ = entry
                if off >= 3000 and tone == self._on_tone and _near(self._on_ms, on) and self._fits(entry):
                    return self._tell(name, tone)
            if not self._awaited:
                self._told = ""
        elif self._awaited and hops >= _LONG_OFF_HOPS and self._without_ms + lasted_ms >= _OVERDUE_MS:
            self._awaited = 0
            return (CONNECTED, 0)
        elif hops == _END_HOPS and not self._awaited:
            self._told = ""
        return None

    def _fits(self, entry: "Cadence") -> bool:
        """Whether the last burst can be of `entry`.

        Not if it ended another cadence; a dial tone that was cut is no ringback, and ringback that was cut,
        or spoken into, is no waiting call.
        """
        if self._cycles and self._last is not entry:
            return False
        if entry[0] == "ringback":
            return self._is_dialled or self._cycles > 0
        return entry[1] != self._awaited

    def _tell(self, name: str, tone: int) -> "tuple[str, int] | None":
        if name == self._told or (self._awaited and name == "ringback"):
            return None
        self._told = name
        if name == "ringback":
            self._awaited = tone
        elif tone == self._awaited:
            self._awaited = 0
        return (name, tone)


def _near(measured_ms: int, nominal_ms: int) -> bool:
    return abs(measured_ms - nominal_ms) * 5 <= nominal_ms + 100

"""The loop sensor: readings of the pair each 5 ms in, facts out (facts.py).

Rules:
    1. A reading is CUT (under 3 V), CLOSED (3 to 18 V: some set is off-hook) or OPEN, by its size.
    2. While ringing stands on the pair, single readings say nothing: the mean over one period (40 ms)
       decides.
    3. A fact is stated after it has stood for its debounce time; `at` is the tick at which it began.
    4. One fact a reading: each is found by comparing what is with what was said, so the next reading finds
       the next.
    5. While nothing is going on (_is_calm), a reading within _CALM_MV of the mean says nothing and need not
       be fed: nearly all are of that kind, and the loop has little time.
"""

from array import array

from micropython import const

from firmware.board.clock import MASK, since_ms
from firmware.board.readings import RING
from firmware.line import facts
from firmware.line.pulses import DIGIT, FLASHED, PulseCounter

_CUT_MV = const(3000)
_IN_USE_MV = const(18000)
"""China: off-hook 6-12 V; on-hook 48 V, 24 V on a small PBX (TELEPHONY 5)."""

_FIRST_VERDICT_MS = const(100)
_RING_QUIET_MS = const(100)
"""Ringing has ended when its detector was silent for this long (25 Hz: twice in 40 ms)."""
_MIN_RING_MS = const(60)
_MIN_BURST_MS = const(150)
_LIFT_MS = const(40)
_SETTLED_MS = const(15)
"""A reversal of the open pair passes through the voltage of a closed one; the shortest make of a dial is
33 % of 91 ms."""
_LIFT_RINGING_MS = const(60)
"""Longer than the window of the mean, which the end of a burst or a cut disturbs."""
_LEVEL_MS = const(160)
_HANG_UP_MS = const(600)
_CUT_IDLE_MS = const(300)
_CUT_BUSY_MS = const(1500)
"""Longer than the open interval with which some exchanges tell that the far end hung up."""
_POLARITY_MS = const(60)
_REFERENCE_MS = const(3000)
"""So long the pair stands open before its polarity is taken for the usual one, where it was cut or in use at
boot: longer than an exchange takes to turn the feed back after a call."""
_LEVEL_STEP_PERCENT = const(10)
_RING_DELAY_MS = const(28)
"""How much later than the pair the mean over a period falls from 48 V below _IN_USE_MV."""
_PERIOD = const(8)
"""Readings in one period of 25 Hz."""
_LEVEL_READINGS = const(32)
_CALM_MV = const(500)
_CALM_READINGS = const(16)
"""Readings without anything going on, before those that follow are taken for more of the same."""

CUT, CLOSED, OPEN = 0, 1, 2


class LoopSensor:
    """Turns readings into facts.

    Attributes:
        at: tick of the last fact. digit: of the last PULSE_DIGIT. loop_mv: slow mean of the size, mV.
        calm_low_mv, calm_high_mv: a reading between them without ringing says nothing; equal: all do.
        bursting: ringing stands on the line.
    """

    def __init__(self) -> None:
        self.at = 0
        self.loop_mv = 0
        self.bursting = False
        self.pulses = PulseCounter()
        self._state = -1  # what was said: CUT, CLOSED, OPEN; -1 before the first verdict
        self._seen = -1  # the class that stands now, since _seen_at
        self._seen_at = 0
        self._left_open_at = 0
        self._first_at = -1
        self._unread = _PERIOD  # readings until the window is whole
        self._window = array("i", [0] * _PERIOD)
        self._place = 0
        self._sum = 0
        self._ring_run = False
        self._ring_first = 0
        self._ring_last = 0
        self._is_referenced = False
        self._reference_reversed = False
        self._reversed = False
        self._reversed_seen = False
        self._reversed_at = 0
        self._broken = False
        self._broken_at = 0
        self._was_cut = False
        self._level_mv = 0
        self._level_sum = 0
        self._level_count = 0
        self._is_low = False
        self._seen_low = False
        self._level_at = 0
        self._left_ringing = False
        self._calm_readings = 0
        self.calm_low_mv = self.calm_high_mv = 0

    @property
    def digit(self) -> str:
        """The last pulse-dialled digit."""
        return self.pulses.digit

    @property
    def is_closed(self) -> bool:
        """True while some set is known to be off-hook."""
        return self._state == CLOSED

    def feed(self, at: int, loop_mv: int, flags: int) -> int:
        """Judge one reading; those between calm_low_mv and calm_high_mv without ringing may be left out.

        Args:
            at: its tick. loop_mv: signed. flags: readings.RING.
        Returns:
            A fact of facts.py, mostly NOTHING.
        """
        fact = self._judge(at, loop_mv, flags)
        self._look_for_calm()
        return fact

    def _judge(self, at: int, loop_mv: int, flags: int) -> int:
        window, place = self._window, self._place
        self._sum += loop_mv - window[place]
        window[place] = loop_mv
        self._place = (place + 1) & (_PERIOD - 1)
        mean_mv = self._sum >> 3
        if self._state < 0:
            return self._find_first(at, mean_mv)
        fact = self._follow_ring(at, flags & RING)
        if fact:
            return fact
        ringing = self._is_ringing(at)
        self._classify(at, mean_mv if ringing else loop_mv)
        if self._state == CLOSED:
            return self._follow_closed(at, loop_mv, mean_mv)
        fact = self._follow_open(at, mean_mv)
        if fact or ringing:
            return fact
        return self._follow_polarity(at, mean_mv)

    def _look_for_calm(self) -> None:
        self.calm_low_mv = self.calm_high_mv = 0
        if not self._is_calm():
            self._calm_readings = 0
        elif self._calm_readings < _CALM_READINGS:
            self._calm_readings += 1
        else:
            mean_mv = self._sum >> 3
            low_mv, high_mv = mean_mv - _CALM_MV, mean_mv + _CALM_MV
            if _classify(low_mv) == _classify(high_mv) == self._state and not self._is_step(low_mv, high_mv):
                self.calm_low_mv, self.calm_high_mv = low_mv, high_mv

    def _is_calm(self) -> bool:
        """Nothing is going on: all that is seen was said, and nothing is being counted or timed."""
        if self._seen != self._state or self._ring_run or self._reversed_seen != self._reversed:
            return False
        if self._state != CLOSED:
            return self._is_referenced or self._state == CUT  # an open pair is watched until it has stood
        is_level_said = self._level_mv > 0 and self._seen_low == self._is_low
        return is_level_said and not self._broken and self.pulses.is_idle

    def _is_step(self, low_mv: int, high_mv: int) -> bool:
        """Off-hook, the two lie on different sides of the level that tells a second set."""
        return self._state == CLOSED and self._is_under(low_mv) != self._is_under(high_mv)

    def _is_under(self, loop_mv: int) -> bool:
        size = loop_mv if loop_mv >= 0 else -loop_mv
        return size * 100 < self._level_mv * (100 - _LEVEL_STEP_PERCENT)

    def _find_first(self, at: int, mean_mv: int) -> int:
        if self._first_at < 0:
            self._first_at = at
        if self._unread:  # a mean over the zeros of an empty window would look like a lifted handset
            self._unread -= 1
        if self._unread or since_ms(at, self._first_at) < _FIRST_VERDICT_MS:
            return facts.NOTHING
        self.at = at
        self._state = self._seen = _classify(mean_mv)
        self._seen_at = at
        self._is_referenced = self._state == OPEN
        self._reference_reversed = self._reversed_seen = mean_mv < 0
        self._level_mv = 0
        self.loop_mv = mean_mv
        return (facts.FOUND_CUT, facts.FOUND_OFF_HOOK, facts.FOUND_ON_HOOK)[self._state]

    def _follow_ring(self, at: int, is_active: int) -> int:
        if is_active:
            if not self._ring_run:
                self._ring_run = True
                self._ring_first = at
            self._ring_last = at
            if not self.bursting and since_ms(at, self._ring_first) >= _MIN_BURST_MS and self._state == OPEN:
                self.bursting = True
                self.at = self._ring_first
                return facts.BURST_BEGAN
        elif self._ring_run and since_ms(at, self._ring_last) >= _RING_QUIET_MS:
            self._ring_run = False
            if self.bursting:
                self.bursting = False
                self.at = self._ring_last
                return facts.BURST_ENDED
        return facts.NOTHING

    def _is_ringing(self, at: int) -> bool:
        """A step of the voltage moves the ring detector for 50 ms too; and no ringing stands on a closed
        loop."""
        return self._ring_run and self._state != CLOSED and since_ms(at, self._ring_first) >= _MIN_RING_MS

    def _classify(self, at: int, loop_mv: int) -> None:
        seen = _classify(loop_mv)
        if seen == self._seen:
            return
        if self._seen == OPEN:
            self._left_open_at = at
            self._left_ringing = self._is_ringing(at)
        elif seen == CLOSED and since_ms(at, self._seen_at) > _LIFT_MS:
            self._left_open_at = at  # it was cut for a while, and then lifted
        self._seen = seen
        self._seen_at = at

    def _follow_open(self, at: int, mean_mv: int) -> int:
        """The pair was open or cut; has a set been lifted, the line been cut or mended?"""
        seen = self._seen
        if seen == self._state:
            self.loop_mv = mean_mv
            return facts.NOTHING
        stood_ms = since_ms(at, self._seen_at)
        began_at, since_open_ms, needed_ms = self._seen_at, stood_ms, _LIFT_MS
        if self._state == OPEN:
            began_at = self._left_open_at
            since_open_ms = since_ms(at, began_at)
            if self._left_ringing:
                began_at = (began_at - _RING_DELAY_MS) & MASK
                needed_ms = _LIFT_RINGING_MS
        if seen == CLOSED:
            if stood_ms < _SETTLED_MS or since_open_ms < needed_ms:
                return facts.NOTHING
            self._state = CLOSED
            self._broken = False
            self._level_mv = self._level_sum = self._level_count = 0
            self._is_low = self._seen_low = False
            self.pulses.reset()
            return self._state_fact(facts.LIFTED, began_at, mean_mv)
        if stood_ms < _CUT_IDLE_MS:
            return facts.NOTHING
        self._state = seen
        return self._state_fact(facts.LINE_CUT if seen == CUT else facts.RESTORED, began_at, mean_mv)

    def _follow_closed(self, at: int, loop_mv: int, mean_mv: int) -> int:
        """A set is off-hook: breaks of the loop, the end, the level, the polarity."""
        seen = self._seen
        if seen == CLOSED:
            if self._broken:
                if since_ms(at, self._seen_at) < _SETTLED_MS:
                    return facts.NOTHING
                self._broken = False
                self.at = self._broken_at
                if self._was_cut:
                    return facts.LOOP_CLOSED
                if self.pulses.closed(self._broken_at, self._seen_at) == FLASHED:
                    return facts.FLASH
                return facts.LOOP_CLOSED
            if self.pulses.pause(at) == DIGIT:
                self.at = at
                return facts.PULSE_DIGIT
            self.loop_mv = mean_mv
            fact = self._follow_level(at, loop_mv)
            return fact if fact else self._follow_polarity(at, mean_mv)
        if not self._broken:
            self._broken = True
            self._was_cut = False
            self._broken_at = self._seen_at
            self.at = self._seen_at
            return facts.LOOP_OPENED
        if seen == CUT and since_ms(at, self._seen_at) >= _SETTLED_MS:
            self._was_cut = True  # by the exchange: a set that opens the loop leaves the battery on the pair
        if seen == OPEN and since_ms(at, self._broken_at) >= _HANG_UP_MS:
            self._state = OPEN
            return self._state_fact(facts.HUNG_UP, self._broken_at, mean_mv)
        if seen == CUT and since_ms(at, self._broken_at) >= _CUT_BUSY_MS:
            self._state = CUT
            return self._state_fact(facts.LINE_CUT, self._broken_at, mean_mv)
        if seen == OPEN and self._reversed:  # a reversal of an open loop is no answer; its end may be told
            return self._follow_polarity(at, mean_mv)
        return facts.NOTHING

    def _follow_level(self, at: int, loop_mv: int) -> int:
        """A step of the off-hook voltage against the mean of the first 160 ms."""
        size = loop_mv if loop_mv >= 0 else -loop_mv
        if not self._level_mv:
            self._level_sum += size
            self._level_count += 1
            if self._level_count == _LEVEL_READINGS:
                self._level_mv = self._level_sum // _LEVEL_READINGS
            return facts.NOTHING
        is_low = self._is_under(loop_mv)
        if is_low != self._seen_low:
            self._seen_low = is_low
            self._level_at = at
        if is_low == self._is_low or since_ms(at, self._level_at) < _LEVEL_MS:
            return facts.NOTHING
        self._is_low = is_low
        self.at = self._level_at
        return facts.LEVEL_LOW if is_low else facts.LEVEL_NORMAL

    def _follow_polarity(self, at: int, mean_mv: int) -> int:
        if -_CUT_MV < mean_mv < _CUT_MV:
            return facts.NOTHING
        if not self._is_referenced:
            if self._state == OPEN and since_ms(at, self._seen_at) >= _REFERENCE_MS:
                self._is_referenced = True
                self._reference_reversed = self._reversed_seen = mean_mv < 0
            return facts.NOTHING
        is_reversed = (mean_mv < 0) != self._reference_reversed
        if is_reversed != self._reversed_seen:
            self._reversed_seen = is_reversed
            self._reversed_at = at
        if is_reversed == self._reversed or since_ms(at, self._reversed_at) < _POLARITY_MS:
            return facts.NOTHING
        self._reversed = is_reversed
        self.at = self._reversed_at
        return facts.REVERSED if is_reversed else facts.STRAIGHT

    def _state_fact(self, fact: int, at: int, mean_mv: int) -> int:
        self.at = at
        self.loop_mv = mean_mv
        return fact


def _classify(loop_mv: int) -> int:
    size = loop_mv if loop_mv >= 0 else -loop_mv
    return CUT if size < _CUT_MV else CLOSED if size < _IN_USE_MV else OPEN

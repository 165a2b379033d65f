"""DTMF: keys on an open line, and the caller ID some exchanges send before the first ring."""

from array import array

from firmware.dsp.dtmf import FLOOR, NO_DIGIT, POWERS_KEPT, judge_dtmf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.line.caller_id import Fields

DIGITS = "123A456B789C*0#D"
FREQS = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
HOP_MS = 8
# Accept 1.5 % + 2 Hz (MT8870), refuse 3.5 %: the border stands at 2.4 %; phase a hop in 1/256 turns.
LIMITS = bytes([freq * 24 * 256 * HOP_MS // 1000000 for freq in FREQS])


class KeyDetector:
    """Follows one hop after another and tells each key once.

    A key goes down when two judgements of 24 ms, 8 ms apart, agree (behind a dial tone, one). It is told when
    it is up again or 96 ms old, if it looked like a key nearly all the time: a vowel may pass for one for a
    moment, not longer.
    """

    def __init__(self) -> None:
        self.rest = STRICT_REST  # 32nds of the energy that may be something else on a quiet line
        self.onset = 0  # hop in which the key last told went down
        self._digits = bytearray(4)  # what each hop of the block looks like
        self._powers = array("I", [0] * (POWERS_KEPT + 1))
        self._powers[FLOOR] = LOUD_FLOOR
        self._rests = True  # no key stands, nor anything that one leaves behind
        self._candidate = NO_DIGIT
        self._key = NO_DIGIT
        self._down = 0
        self._told = False
        self._length = 0  # hops since the key's first judgement
        self._passed = 0  # hops of these that were judged to be the key
        self._peak = 0
        self._quiet = 0
        self._last = NO_DIGIT  # the key before, while its echo may still sound
        self._last_peak = 0
        self._since = 0
        self._dial_tone = 0  # hops in which it stood
        self._cut = 0  # hops left in which what it leaves behind still sounds

    def judge(self, sums: "array[int]", energies: "array[int]", tones: int, hop: int) -> bool:
        """Judge the four hops of a block; True if there is something in them: then `step` takes each."""
        found = judge_dtmf(sums, energies, LIMITS, self._digits, self._powers, tones, hop, self.rest)
        return found > 0 or not self._rests

    def step(self, sums: "array[int]", tones: int, hop: int, dial_tone: bool = False) -> int:
        """Take one hop that was judged; returns a key's index when it is certain, else NO_DIGIT.

        dial_tone: it holds the line now.
        """
        if dial_tone:
            self._dial_tone += 1
            if self._dial_tone >= DIAL_TONE_HOPS:
                self._cut = CUT_HOPS
        else:
            self._dial_tone = 0
            if self._cut:
                self._cut -= 1
        digit = self._digits[hop & 3]
        told = NO_DIGIT
        if self._key != NO_DIGIT:
            at = (hop & 7) * tones
            low, high = at + (self._key >> 2), at + 4 + (self._key & 3)
            told = self._follow(digit, min(_power(sums, low), _power(sums, high)) >> 4)
        elif self._since:
            self._since -= 1
        # A dial tone leaves little of the key that cuts it: there one judgement will do.
        if digit != NO_DIGIT and (digit == self._candidate or self._cut) and digit != self._key:
            if told == NO_DIGIT:
                told = self._release()
            # A key comes out of silence or out of the dial tone, which clicks when it is cut by the key. A
            # vowel glides into the right frequencies while it sounds.
            power = self._powers[hop & 15]
            before = self._least_power(hop) if self._cut else self._powers[hop - 4 & 15]
            if self.rest == LENIENT_REST or before << 1 < power:
                self._press(digit, power // 3, hop)
        self._candidate = digit
        self._rests = digit == self._key == NO_DIGIT and not (self._since or self._cut or self._dial_tone)
        return told

    def _least_power(self, hop: int) -> int:
        """Of the 64 ms before."""
        return min([self._powers[hop - i & 15] for i in range(1, 9)])

    def _press(self, digit: int, power: int, hop: int) -> None:
        if self._since and digit == self._last and power << 2 < self._last_peak:
            return
        self._key = digit
        self._peak = power
        self._quiet = 0
        self._down = hop
        self._length = self._passed = 2
        self._told = False

    def _follow(self, digit: int, power: int) -> int:
        """A key is up after two hops 9 dB down; one such hop is an interruption."""
        self._length += 1
        if digit == self._key:
            self._passed += 1
        if power > self._peak:
            self._peak = power
        if power << 3 >= self._peak:
            self._quiet = 0
            return self._tell() if self._length == LONG_KEY_HOPS else NO_DIGIT
        self._quiet += 1
        return self._release() if self._quiet == 2 else NO_DIGIT

    def _release(self) -> int:
        if self._key == NO_DIGIT:
            return NO_DIGIT
        told = self._tell()
        self._last = self._key
        self._last_peak = self._peak
        self._since = ECHO_HOPS
        self._key = NO_DIGIT
        return told

    def _tell(self) -> int:
        """The key, if it was not told yet and three quarters of its hops passed (two at its end may not)."""
        if self._told or self._passed * 4 < (self._length - 3) * 3:
            return NO_DIGIT
        self._told = True
        self.onset = self._down
        return self._key


def _power(sums: "array[int]", at: int) -> int:
    re, im = sums[2 * at], sums[2 * at + 1]
    return re * re + im * im


STRICT_REST = 3  # off-hook, against talk-off
LENIENT_REST = 32  # on-hook nobody talks
LONG_KEY_HOPS = 12
DIAL_TONE_HOPS = 25  # 200 ms: speech does not hold 450 Hz for so long
CUT_HOPS = 8
LOUD_FLOOR = 1 << 24  # before the first hop
ECHO_HOPS = 12  # 96 ms in which the same key has to come back within 6 dB, or it is an echo

CODES = "ABCD*#"
TRAIN_END_HOPS = 40  # 320 ms without a key: the train is over
MIN_DIGITS, MAX_DIGITS = 3, 20


class TrainReceiver:
    """Joins the keys heard on-hook into a caller ID: start code, digits, end code, one steady rhythm."""

    def __init__(self) -> None:
        self._keys: "list[str]" = []
        self._onsets: "list[int]" = []
        self._silence = 0

    def is_idle(self) -> bool:
        """No train is under way."""
        return not self._keys

    def step(self, key: int, onset: int) -> "Fields | None":
        """Take the key told in this hop (or NO_DIGIT) and when it went down; returns a caller ID's fields."""
        if key != NO_DIGIT:
            if len(self._keys) > MAX_DIGITS + 2:
                self._keys.clear()
                self._onsets.clear()
            self._keys.append(DIGITS[key])
            self._onsets.append(onset)
            self._silence = 0
            return None
        if not self._keys:
            return None
        self._silence += 1
        if self._silence < TRAIN_END_HOPS:
            return None
        fields = decode_train("".join(self._keys), self._onsets)
        self._keys.clear()
        self._onsets.clear()
        return fields


def decode_train(keys: str, onsets: "list[int]") -> "Fields | None":
    """Fields of the caller ID that a train of keys spells, None if it is none.

    onsets: hop in which each key went down. A train whose rhythm breaks has lost or won a key: it is
    `uncertain` and carries no number. Without start and end code, or too short, it is no caller ID at all.
    """
    if len(keys) < MIN_DIGITS + 2 or keys[0] not in CODES or keys[-1] not in CODES:
        return None
    number = keys[1:-1]
    steps = [onsets[i + 1] - onsets[i] for i in range(len(onsets) - 1)]
    steady = max(steps) - min(steps) <= 3 + min(steps) // 4
    if steady and len(number) <= MAX_DIGITS and all("0" <= digit <= "9" for digit in number):
        return {"format": "dtmf", "number": number}
    return {"format": "dtmf", "uncertain": True}

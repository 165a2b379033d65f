"""DTMF: keys on an open line, and the caller ID some exchanges send before the first ring."""

from array import array

from firmware.dsp.dtmf import DIGIT, HELD_POWER, NO_DIGIT, POWER, judge_dtmf

DIGITS = "123A456B789C*0#D"
FREQS = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
HOP_MS = 8
# Accept 1.5 % + 2 Hz (MT8870), refuse 3.5 %: the border stands at 2.4 %; phase a hop in 1/256 turns.
LIMITS = bytes([freq * 24 * 256 * HOP_MS // 1000000 for freq in FREQS])


class KeyDetector:
    """Follows one hop after another and tells when a key goes down and up."""

    def __init__(self, hops_needed: int) -> None:
        """hops_needed: judgements of 24 ms, 8 ms apart, that must agree before a key counts."""
        self._needed = hops_needed
        self._result = array("I", [0] * 4)
        self._candidate = NO_DIGIT
        self._agreed = 0
        self._peak = 0
        self._quiet = 0
        self.key = NO_DIGIT
        self.length = 0  # hops since the key's first judgement

    def step(self, sums: "array[int]", energies: "array[int]", tones: int, hop: int) -> int:
        """Judge the hop; returns the key's index when one goes down, else NO_DIGIT."""
        result = self._result
        held = self.key if self.key != NO_DIGIT else 0
        judge_dtmf(sums, energies, LIMITS, result, tones, hop, held)
        digit = result[DIGIT]
        if self.key != NO_DIGIT:
            self._follow(result[HELD_POWER])
        if digit == NO_DIGIT or digit != self._candidate:
            self._candidate = digit
            self._agreed = 1
        else:
            self._agreed += 1
        if digit != NO_DIGIT and digit != self.key and self._agreed >= self._needed:
            self.key = digit
            self._peak = result[POWER] // 3
            self._quiet = 0
            self.length = self._agreed
            return digit
        return NO_DIGIT

    def _follow(self, power: int) -> None:
        """A key is up after two hops 9 dB down; one such hop is an interruption."""
        self.length += 1
        if power > self._peak:
            self._peak = power
        if power << 3 >= self._peak:
            self._quiet = 0
            return
        self._quiet += 1
        if self._quiet == 2:
            self.key = NO_DIGIT
            self._candidate = NO_DIGIT


CODES = "ABCD*#"
TRAIN_END_HOPS = 40  # 320 ms without a key: the train is over
MIN_DIGITS, MAX_DIGITS = 2, 20


class TrainReceiver:
    """Joins the keys heard on-hook into a caller ID: start code, digits, end code, one steady rhythm."""

    def __init__(self) -> None:
        self._keys = []
        self._onsets = []
        self._silence = 0

    def step(self, key: int, hop: int) -> "dict | None":
        """Take the key that went down in this hop (or NO_DIGIT); returns a caller ID's fields."""
        if key != NO_DIGIT:
            if len(self._keys) > MAX_DIGITS + 2:
                self._keys.clear()
                self._onsets.clear()
            self._keys.append(DIGITS[key])
            self._onsets.append(hop)
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


def decode_train(keys: str, onsets: "list[int]") -> "dict | None":
    """Fields of the caller ID that a train of keys spells, None if it is none.

    onsets: hop in which each key went down. A train whose rhythm breaks has lost or won a key: it is
    `uncertain` and carries no number.
    """
    if len(keys) < MIN_DIGITS + 2 or keys[0] not in CODES:
        return None
    number = keys[1:-1]
    steps = [onsets[i + 1] - onsets[i] for i in range(len(onsets) - 1)]
    steady = max(steps) - min(steps) <= 3 + min(steps) // 4
    if steady and keys[-1] in CODES and all("0" <= digit <= "9" for digit in number):
        return {"format": "dtmf", "number": number}
    return {"format": "dtmf", "uncertain": True}

"""Repair of a caller ID message: a few weak bits are changed so that structure and checksum hold.

What is known beforehand is used first: parameters fill the message, digits are digits. Then the cheapest set
of changes that mends the checksum is found (cost = the soft values overruled). It is believed only when every
other set costs clearly more; a burst of up to eight doubtful bits, wherever it starts, has just one solution,
for it holds each weight of the sum once. A bit that looks about as sure as the rest is
overruled only where the byte is no digit at all: a message sent wrong on a clean line is not repaired.
"""

try:
    from micropython import const
except ImportError:  # CPython
    from firmware.dsp.portable import const

from array import array

from firmware.dsp.checksum import MAX_CHANGES, UNREACHED, cheapest_paths, list_changes
from firmware.line.caller_id import (
    DATE_TIME,
    MAX_NAME,
    MAX_NUMBER,
    MDMF,
    NAME,
    NUMBER,
    NUMBER_REASON,
    REASONS,
)

# Between the cheapest set of changes (often none) and the next, in soft units of which 5.5 are a factor e of
# likelihood at 4 dB: the message is wrong once in 3,000 at the border, and most are far from it.
_MARGIN = const(44)
_MAX_COST = const(400)
_DOUBTFUL = const(6)  # eighths of the message's mean strength: a bit above is sure, and never overruled
_STRUCTURE_BITS = const(12)  # weakest bits tried to mend the structure
_NAME_REASON = const(0x08)
# What a byte may be. From 1 to DIGITS_KIND: a digit below that number.
FIXED_KIND, DIGITS_KIND, FREE_KIND = 0, 10, 11
_ZERO = const(0x30)
_DATE_KINDS = b"\x02\x0a\x04\x0a\x03\x0a\x06\x0a"  # MMDDhhmm


class Repairer:
    """Holds the work space; one serves every receiver."""

    def __init__(self) -> None:
        self._best = array("H", [0] * 512)
        self._second = array("H", [0] * 512)
        self._paths = array("I", [0] * 512)
        self._costs = array("H", [0] * MAX_CHANGES)
        self._deltas = bytearray(MAX_CHANGES)
        self._groups = bytearray(MAX_CHANGES)
        self._places = bytearray(MAX_CHANGES)

    def mend(self, data: bytearray, strengths: "array[int]") -> bool:
        """Make `data` (type .. checksum) a message whose structure and sum hold, if it is clear how.

        strengths: eight soft values a byte (0..127), least significant bit first; 127 is sure. Returns
        False, and leaves `data` in any state, when it is not clear.
        """
        doubtful = sum(strengths) * _DOUBTFUL // (8 * len(strengths))
        kinds = find_layout(data)
        cost = 0
        if kinds is None and sum(data) & 0xFF == 0:
            kinds = find_layout(data, unknown=True)
        if kinds is None:
            kinds, cost = _mend_structure(data, strengths, doubtful)
            if kinds is None:
                return False
        cost += _snap_digits(data, strengths, kinds)
        # Changes of bytes that give the structure are listed too: they are never made, but they compete.
        best, costs, deltas, groups = self._best, self._costs, self._deltas, self._groups
        n = len(data)
        count = list_changes(0, 0, 0, data, kinds, strengths, n, best, costs, deltas, groups, self._places)
        cheapest_paths(0, 0, 0, best, self._second, self._paths, costs, deltas, groups, count)
        residue = -sum(data) & 0xFF
        least = best[residue]
        if least == UNREACHED or cost + least > _MAX_COST:
            return False
        if self._second[residue] - least < _MARGIN:
            return False
        return self._change(data, strengths, kinds, self._paths[residue], doubtful)

    def _change(
        self, data: bytearray, strengths: "array[int]", kinds: bytearray, path: int, doubtful: int
    ) -> bool:
        """Make the changes of `path`; False if one of them must not be."""
        i = 0
        while path >> i:
            if path >> i & 1:
                at = self._places[i]
                mended = data[at] + self._deltas[i] & 0xFF
                if kinds[at] == FIXED_KIND or _surest(strengths, at, mended ^ data[at]) > doubtful:
                    return False
                data[at] = mended
            i += 1
        return True


def find_layout(data: bytearray, unknown: bool = False) -> "bytearray | None":
    """What each byte of a message may be; None if it cannot be one.

    unknown: parameters of unknown types may be among them.
    """
    end = len(data) - 1
    if end < 2 or data[1] != end - 2:
        return None
    kinds = bytearray(len(data))
    kinds[end] = FREE_KIND
    if data[0] != MDMF:
        if not 9 <= end - 2 <= 8 + MAX_NUMBER:
            return None
        last = FIXED_KIND if end - 2 == 9 and data[10] in REASONS else DIGITS_KIND
        kinds[2:10] = _DATE_KINDS
        kinds[10:end] = bytes([last]) * (end - 10)
        return kinds
    at = 2
    seen = 0
    while at < end:
        kind = data[at]
        least, most = _LENGTHS.get(kind, (0, 255) if unknown else (1, 0))
        if at + 2 > end or seen & 1 << kind:
            return None
        length = data[at + 1]
        if not (least <= length <= most and at + 2 + length <= end):
            return None
        seen |= 1 << kind
        of_data = _KIND_OF_DATA.get(kind, FIXED_KIND)
        if kind == NUMBER and length == 1 and data[at + 2] in REASONS:
            of_data = FIXED_KIND
        at += 2 + length
        kinds[at - length : at] = _DATE_KINDS if kind == DATE_TIME else bytes([of_data]) * length
    return kinds if seen & (1 << NUMBER | 1 << NUMBER_REASON) else None


_KIND_OF_DATA = {NUMBER: DIGITS_KIND, NAME: FREE_KIND}
_LENGTHS = {
    DATE_TIME: (8, 8),
    NUMBER: (1, MAX_NUMBER),
    NUMBER_REASON: (1, 1),
    NAME: (1, MAX_NAME),
    _NAME_REASON: (1, 1),
}


def _mend_structure(
    data: bytearray, strengths: "array[int]", doubtful: int
) -> "tuple[bytearray | None, int]":
    """Change one or two of the weakest bits, or one byte, so that the parameters fit.

    Returns (kinds, cost) or (None, 0). doubtful: a bit above this is not changed.
    """
    tries = _structure_changes(data, strengths, doubtful)
    tries.sort()
    found = None
    for one in tries:
        cost, at, difference, other, other_difference = one
        if found and cost > found[0] + _MARGIN:
            break
        data[at] ^= difference
        data[other] ^= other_difference
        layout = find_layout(data)
        data[at] ^= difference
        data[other] ^= other_difference
        if layout is None:
            continue
        if found and layout != kinds:
            return None, 0
        if not found:
            found = one
            kinds = layout
    if not found:
        return None, 0
    cost, at, difference, other, other_difference = found
    data[at] ^= difference
    data[other] ^= other_difference
    return kinds, cost


def _structure_changes(
    data: bytearray, strengths: "array[int]", doubtful: int
) -> "list[tuple[int, int, int, int, int]]":
    """(cost, byte, its bits, other byte, its bits) of every change of doubtful bits worth a try."""
    weak: "list[tuple[int, int]]" = []
    for bit in range(8, len(data) * 8):
        if strengths[bit] <= doubtful and (len(weak) < _STRUCTURE_BITS or strengths[bit] < weak[-1][0]):
            weak.append((strengths[bit], bit))
            weak.sort()
            del weak[_STRUCTURE_BITS:]
    changes = []
    hit = set()
    for i, (price, bit) in enumerate(weak):
        at, difference = bit >> 3, 1 << (bit & 7)
        changes.append((price, at, difference, at, 0))
        for other_price, other in weak[:i]:
            changes.append((price + other_price, at, difference, other >> 3, 1 << (other & 7)))
            if other >> 3 == at:
                hit.add(at)
    for at in hit:
        for value in range(1, MAX_NAME + 1):
            difference = value ^ data[at]
            if difference and _surest(strengths, at, difference) <= doubtful:
                changes.append((_distance(strengths, at, difference), at, difference, at, 0))
    return changes


def _distance(strengths: "array[int]", at: int, difference: int) -> int:
    """Cost of changing the bits `difference` of byte `at`."""
    cost = 0
    for bit in range(8):
        if difference >> bit & 1:
            cost += strengths[at * 8 + bit]
    return cost


def _surest(strengths: "array[int]", at: int, difference: int) -> int:
    """The largest soft value among the bits `difference` of byte `at`."""
    return max([strengths[at * 8 + bit] for bit in range(8) if difference >> bit & 1])


def _snap_digits(data: bytearray, strengths: "array[int]", kinds: bytearray) -> int:
    """Make every digit that is none the cheapest digit; returns what that cost."""
    cost = 0
    for at in range(2, len(data)):
        kind = kinds[at]
        if FIXED_KIND < kind < FREE_KIND and not 0 <= data[at] - _ZERO < kind:
            codes = b"0123456789"[:kind]
            price, code = min([(_distance(strengths, at, code ^ data[at]), code) for code in codes])
            for bit in range(8):
                if (code ^ data[at]) >> bit & 1:
                    strengths[at * 8 + bit] = 0
            data[at] = code
            cost += price
    return cost

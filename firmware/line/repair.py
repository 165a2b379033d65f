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

from firmware.dsp.checksum import MAX_CHANGES, UNREACHED, cheapest_paths
from firmware.line.caller_id import (
    DATE_TIME,
    MAX_NAME,
    MAX_NUMBER,
    MDMF,
    NAME,
    NUMBER,
    NUMBER_REASON,
    REASONS,
    is_digits,
)

_MARGIN = const(40)  # soft units between the cheapest set of changes and the next
_MARGIN_UNTOUCHED = const(12)  # the same when the cheapest set is empty
_MAX_COST = const(400)
_DOUBTFUL = const(6)  # eighths of the message's mean strength: a bit above is sure, and never overruled
_STRUCTURE_BITS = const(12)  # weakest bits tried to mend the structure
_NAME_REASON = const(0x08)
DIGITS_KIND, FREE_KIND, FIXED_KIND = 1, 2, 0
DIGIT_CODES = bytes(range(0x30, 0x3A))


class Repairer:
    """Holds the work space; one serves every receiver."""

    def __init__(self) -> None:
        self._best = array("H", [0] * 512)
        self._second = array("H", [0] * 512)
        self._paths = array("I", [0] * 512)
        self._costs = array("H", [0] * MAX_CHANGES)
        self._deltas = bytearray(MAX_CHANGES)
        self._groups = bytearray(MAX_CHANGES)

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
        changes = _possible_changes(data, strengths, kinds)
        residue = -sum(data) & 0xFF
        for i, (price, _, group, delta, _) in enumerate(changes):
            self._costs[i] = price
            self._deltas[i] = delta
            self._groups[i] = group
        cheapest_paths(
            self._best, self._second, self._paths, self._costs, self._deltas, self._groups, len(changes)
        )
        best = self._best[residue]
        if best == UNREACHED or cost + best > _MAX_COST:
            return False
        touched = cost + best
        if self._second[residue] - best < (_MARGIN if touched else _MARGIN_UNTOUCHED):
            return False
        path = self._paths[residue]
        for i, (_, at, _, delta, _) in enumerate(changes):
            if path >> i & 1:
                mended = data[at] + delta & 0xFF
                if kinds[at] == FIXED_KIND or _surest(strengths, at, mended ^ data[at]) > doubtful:
                    return False
                data[at] = mended
        return True


def find_layout(data: bytearray, unknown: bool = False) -> "bytearray | None":
    """What each byte of a message may be: FIXED_KIND, DIGITS_KIND or FREE_KIND; None if it cannot be one.

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
        for i in range(2, end):
            kinds[i] = DIGITS_KIND if i < 10 else last
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
        for i in range(at + 2, at + 2 + length):
            kinds[i] = of_data
        at += 2 + length
    return kinds if seen & (1 << NUMBER | 1 << NUMBER_REASON) else None


_KIND_OF_DATA = {DATE_TIME: DIGITS_KIND, NUMBER: DIGITS_KIND, NAME: FREE_KIND}
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
    """Change one or two of the weakest bits so that the parameters fit; (kinds, cost) or (None, 0).

    doubtful: a bit above this is not changed.
    """
    weak = [(price, bit) for price, bit in _weakest(strengths, len(data)) if price <= doubtful]
    tries = [(price, bit, -1) for price, bit in weak]
    for i, (price, bit) in enumerate(weak):
        for other_price, other in weak[:i]:
            tries.append((price + other_price, bit, other))
    tries.sort()
    found = None
    for cost, bit, other in tries:
        if found and cost > found[0] + _MARGIN:
            break
        _flip(data, bit)
        _flip(data, other)
        kinds = find_layout(data)
        _flip(data, bit)
        _flip(data, other)
        if kinds is None:
            continue
        if found and kinds != found[3]:
            return None, 0
        if not found:
            found = (cost, bit, other, kinds)
    if not found:
        return None, 0
    _flip(data, found[1])
    _flip(data, found[2])
    return found[3], found[0]


def _weakest(strengths: "array[int]", count: int) -> "list[tuple[int, int]]":
    """(strength, bit number) of the weakest bits of bytes 1..count - 1, weakest first."""
    weak: "list[tuple[int, int]]" = []
    for bit in range(8, count * 8):
        if len(weak) < _STRUCTURE_BITS or strengths[bit] < weak[-1][0]:
            weak.append((strengths[bit], bit))
            weak.sort()
            del weak[_STRUCTURE_BITS:]
    return weak


def _flip(data: bytearray, bit: int) -> None:
    if bit >= 0:
        data[bit >> 3] ^= 1 << (bit & 7)


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
    for at in range(len(data)):
        if kinds[at] == DIGITS_KIND and not is_digits(data[at : at + 1]):
            price, code = min([(_distance(strengths, at, code ^ data[at]), code) for code in DIGIT_CODES])
            for bit in range(8):
                if (code ^ data[at]) >> bit & 1:
                    strengths[at * 8 + bit] = 0
            data[at] = code
            cost += price
    return cost


def _possible_changes(
    data: bytearray, strengths: "array[int]", kinds: bytearray
) -> "list[tuple[int, int, int, int, int]]":
    """The cheapest changes (cost, at, group, delta, bit), neighbours by group.

    Changes of bytes that give the structure are among them: they are never made, but they compete.
    """
    changes = []
    for at in range(2, len(data)):
        if kinds[at] == DIGITS_KIND:
            for code in DIGIT_CODES:
                if code != data[at]:
                    price = _distance(strengths, at, code ^ data[at])
                    changes.append((price, at, 0, code - data[at] & 0xFF, 0))
        else:
            for bit in range(8):
                delta = -(1 << bit) if data[at] >> bit & 1 else 1 << bit
                changes.append((strengths[at * 8 + bit], at, bit, delta & 0xFF, 0))
        if len(changes) > 2 * MAX_CHANGES:  # all of them at once do not fit into the board's heap
            _keep_cheapest(changes)
    _keep_cheapest(changes)
    changes.sort(key=lambda change: change[1] * 8 + change[2])
    numbered = []
    group = 0
    for i, (price, at, part, delta, _) in enumerate(changes):
        if i and changes[i - 1][1] * 8 + changes[i - 1][2] != at * 8 + part:
            group += 1
        numbered.append((price, at, group, delta, part))
    return numbered


def _keep_cheapest(changes: "list[tuple[int, int, int, int, int]]") -> None:
    changes.sort()
    del changes[MAX_CHANGES:]

"""Where fuzz inputs come from: a seeded generator and mutations of a small corpus.

Plain enough for MicroPython, so that both runtimes see the same inputs.
"""

MAX_INPUT = 700
_EDGES = (0x00, 0x01, 0x17, 0x18, 0x1F, 0x7F, 0x80, 0xBF, 0xFE, 0xFF)


class Draw:
    """Marsaglia's xorshift32: the same numbers on every runtime."""

    def __init__(self, seed: int) -> None:
        self._state = seed & 0xFFFFFFFF or 1

    def below(self, bound: int) -> int:
        """A number 0..bound-1."""
        state = self._state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self._state = state
        return state % bound

    def take_bytes(self, count: int) -> bytes:
        return bytes([self.below(256) for _ in range(count)])


def mutate(draw: Draw, corpus: "list[bytes]") -> bytes:
    """One input: a corpus entry with 0 to 4 mutations, or, one time in sixteen, random bytes."""
    if draw.below(16) == 0:
        return draw.take_bytes(draw.below(80))
    data = bytearray(corpus[draw.below(len(corpus))])
    for _ in range(draw.below(5)):
        data = _MUTATIONS[draw.below(len(_MUTATIONS))](draw, data, corpus)
    return bytes(data[:MAX_INPUT])


def _at(draw: Draw, data: bytearray) -> int:
    return draw.below(len(data) + 1)


def _flip(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    if data:
        data[draw.below(len(data))] ^= 1 << draw.below(8)
    return data


def _edge(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    if data:
        data[draw.below(len(data))] = _EDGES[draw.below(len(_EDGES))]
    return data


def _replace(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    if data:
        data[draw.below(len(data))] = draw.below(256)
    return data


def _insert(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    at = _at(draw, data)
    return data[:at] + draw.take_bytes(1 + draw.below(8)) + data[at:]


def _delete(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    at = _at(draw, data)
    return data[:at] + data[at + 1 + draw.below(16) :]


def _double(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    at = _at(draw, data)
    end = at + 1 + draw.below(64)
    return data[:end] + data[at:end] + data[end:]


def _splice(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    other = corpus[draw.below(len(corpus))]
    return data[: _at(draw, data)] + bytearray(other[draw.below(len(other) + 1) :])


def _cut(draw: Draw, data: bytearray, corpus: "list[bytes]") -> bytearray:
    return data[: _at(draw, data)]


_MUTATIONS = (_flip, _replace, _edge, _insert, _delete, _double, _splice, _cut)

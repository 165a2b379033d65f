"""Expected events as text, and how they are compared with what a box stated.

One expectation is `type key=value ... @seconds`; only what it names is compared, times within TOLERANCE_MS of
line time. `key=-`: the field is absent. `?` in front: the event may be missing; `N x` in front: N of them.
Every event of the box must be expected, in this order; the first `boot` alone needs no word.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE_MS = 150
_EXPECTATION = re.compile(r"(?P<optional>\?\s*)?(?:(?P<count>\d+) x )?(?P<type>\w+)(?P<rest>.*)")
_FIELD = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)|@([\d.]+)")


@dataclass(frozen=True)
class Expectation:
    """One event that must (or, if `optional`, may) come next."""

    text: str
    type: str
    fields: tuple[tuple[str, str], ...]
    at_ms: float | None
    optional: bool

    def holds(self, at_ms: int, event_type: str, fields: dict[str, Any]) -> bool:
        """True if that event is the expected one."""
        if event_type != self.type:
            return False
        if self.at_ms is not None and abs(at_ms - self.at_ms) > TOLERANCE_MS:
            return False
        return all(as_text(fields.get(name)) == value for name, value in self.fields)


def as_text(value: object) -> str:
    """A field's value as expectations write it."""
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.decode("gb18030", errors="replace")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def read_expectations(lines: Sequence[str]) -> list[Expectation]:
    """Read a scenario's `expect`.

    Raises:
        ValueError: a line that is no expectation.
    """
    return [expectation for line in lines for expectation in _read(line)]


def _read(line: str) -> Iterator[Expectation]:
    match = _EXPECTATION.fullmatch(line.strip())
    if match is None or _FIELD.sub("", match["rest"]).strip():
        raise ValueError(f"no expectation: {line!r}")
    parts = _FIELD.findall(match["rest"])
    fields = tuple((name, value.strip('"')) for name, value, _ in parts if name)
    times = [float(seconds) * 1000.0 for _, _, seconds in parts if seconds]
    at_ms = times[0] if times else None
    for _ in range(int(match["count"] or 1)):
        yield Expectation(line, match["type"], fields, at_ms, match["optional"] is not None)


def first_difference(
    expected: Sequence[Expectation], stated: Sequence[tuple[int, str, dict[str, Any]]]
) -> str | None:
    """What first differs between expectation and fact, as a sentence; None when they agree."""
    place = 0
    for at_ms, event_type, fields in stated:
        while place < len(expected) and not expected[place].holds(at_ms, event_type, fields):
            if not expected[place].optional:
                return f"expected `{expected[place].text}`, the box stated {_told(at_ms, event_type, fields)}"
            place += 1
        if place == len(expected):
            return f"nothing more was expected, the box stated {_told(at_ms, event_type, fields)}"
        place += 1
    for expectation in expected[place:]:
        if not expectation.optional:
            return f"expected `{expectation.text}`, the box stated nothing more"
    return None


def _told(at_ms: int, event_type: str, fields: dict[str, Any]) -> str:
    values = [f"{name}={as_text(value)}" for name, value in sorted(fields.items()) if name != "call"]
    return " ".join([event_type, *values, f"@{at_ms / 1000.0:.3f}"])

"""Expected events as text, and how they are compared with what a box stated.

One expectation is `type key=value ... @seconds`; only what it names is compared, times within TOLERANCE_MS of
line time. `key=-`: the field is absent. `?` in front: the event may be missing; `N x` in front: N of them.
`~` in front: the event must come, no matter when. Every event of the box must be expected, in this order; the
first `boot` alone needs no word.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

Happening = tuple[int, str]
Moved = Callable[[float], float | None]

TOLERANCE_MS = 150
_EXPECTATION = re.compile(r"(?P<mark>[?~]\s*)?(?:(?P<count>\d+) x )?(?P<type>\w+)(?P<rest>.*)")
_FIELD = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)|@([\d.]+)")


@dataclass(frozen=True)
class Expectation:
    """One event that must come next; may, if `optional`; must come at any time, if `floating`."""

    text: str
    type: str
    fields: tuple[tuple[str, str], ...]
    at_ms: float | None
    optional: bool
    floating: bool

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


def read_expectations(lines: Sequence[str], moved: Moved | None = None) -> list[Expectation]:
    """Read a scenario's `expect`.

    Args:
        moved: when what is written as at one time happens on this line; see `moved_times`.

    Raises:
        ValueError: a line that is no expectation.
    """
    expected = [expectation for line in lines for expectation in _read(line)]
    if moved is None:
        return expected
    return [one if one.at_ms is None else replace(one, at_ms=moved(one.at_ms)) for one in expected]


def moved_times(written: Sequence[Happening], played: Sequence[Happening]) -> Moved:
    """Times of the scenario as it is written, on a line where the same things happen at other times.

    A time belongs to the happening within TOLERANCE_MS of it, else to the last one before it, and moves
    with that. Nothing can be said (None) about what follows a happening that did not come.
    """

    def moved(at_ms: float) -> float | None:
        near = [one for one in written if abs(one[0] - at_ms) <= TOLERANCE_MS]
        before = [one for one in written if one[0] <= at_ms]
        if not near and not before:
            return at_ms
        anchor = min(near, key=lambda one: abs(one[0] - at_ms)) if near else before[-1]
        occurrence = [one for one in written if one[1] == anchor[1]].index(anchor)
        same = [ms for ms, what in played if what == anchor[1]]
        return same[occurrence] + at_ms - anchor[0] if occurrence < len(same) else None

    return moved


def _read(line: str) -> Iterator[Expectation]:
    match = _EXPECTATION.fullmatch(line.strip())
    if match is None or _FIELD.sub("", match["rest"]).strip():
        raise ValueError(f"no expectation: {line!r}")
    parts = _FIELD.findall(match["rest"])
    fields = tuple((name, value.strip('"')) for name, value, _ in parts if name)
    times = [float(seconds) * 1000.0 for _, _, seconds in parts if seconds]
    at_ms = times[0] if times else None
    for _ in range(int(match["count"] or 1)):
        mark = (match["mark"] or "").strip()
        yield Expectation(line, match["type"], fields, at_ms, mark == "?", mark == "~")


def first_difference(
    expected: Sequence[Expectation], stated: Sequence[tuple[int, str, dict[str, Any]]]
) -> str | None:
    """What first differs between expectation and fact, as a sentence; None when they agree."""
    in_order = [expectation for expectation in expected if not expectation.floating]
    floating = [expectation for expectation in expected if expectation.floating]
    place = 0
    for event in stated:
        found = next((index for index in _reachable(in_order, place) if in_order[index].holds(*event)), None)
        if found is not None:
            place = found + 1
            continue
        fitting = [expectation for expectation in floating if expectation.holds(*event)]
        if not fitting:
            wanted = f"`{in_order[place].text}`" if place < len(in_order) else "nothing more"
            return f"expected {wanted}, the box stated {_told(*event)}"
        floating.remove(fitting[0])
    missing = [*(one for one in in_order[place:] if not one.optional), *floating]
    return f"expected `{missing[0].text}`, the box never stated it" if missing else None


def _reachable(expected: Sequence[Expectation], place: int) -> Iterator[int]:
    """Places of what may come next: the one at `place`, and those behind optional ones."""
    for index in range(place, len(expected)):
        yield index
        if not expected[index].optional:
            return


def _told(at_ms: int, event_type: str, fields: dict[str, Any]) -> str:
    values = [f"{name}={as_text(value)}" for name, value in sorted(fields.items()) if name != "call"]
    return " ".join([event_type, *values, f"@{at_ms / 1000.0:.3f}"])

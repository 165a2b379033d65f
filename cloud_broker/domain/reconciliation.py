"""Is everything here that a source stated? The box's count, the agent's and the cloud's, day by day. Pure.

A source numbers its events in each boot: 1, 2, 3 … So a number is *held* (in the log),
*set aside* (a dead letter, or quarantined), or missing. A missing number is of the day of the next known one,
or of the first day on which its box had counted that far. Where it went:

    box      the box itself says that it lost it
    spool    it waits on the desk PC
    cloud    the desk PC was told that it is committed, and it is not here
    link     the desk PC has earlier and later ones, and never had it
    unknown  no desk PC has said anything of it: it is outside of its report, or there is none
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Range = tuple[int, int]
"""First and last, both included."""

WHOLE, WAITING, LOST, MISSING = "whole", "waiting", "lost", "missing"
STATES = (WHOLE, WAITING, LOST, MISSING)
PLACES = ("box", "spool", "cloud", "link", "unknown")


class Gap(NamedTuple):
    """What is missing. `kind` is event (`first`..`last` of `boot`), recording (`call`), or calls or
    recordings (`last` of them that the box counted, or the desk PC began, and nobody told of)."""

    kind: str
    where: str
    boot: str = ""
    first: int = 0
    last: int = 0
    call: str = ""

    @property
    def size(self) -> int:
        """How many events, recordings or calls."""
        return self.last - self.first + 1 if self.kind == "event" else self.last or 1

    def describe(self) -> dict[str, str | int]:
        """What of it is said, by name."""
        return {name: value for name, value in self._asdict().items() if value != ""}


class BoxCount(NamedTuple):
    """What a box had counted in a boot when the day ended."""

    day: str
    events: int
    calls: int
    recordings: int


class HeldEvent(NamedTuple):
    """An event of the log. `call`: the call that it opens, `recording`: that it begins to record."""

    seq: int
    day: str
    call: str = ""
    recording: str = ""


@dataclass(frozen=True)
class BootFacts:
    """One boot of one source, from `after` (the last number that is of an earlier day) on.

    Attributes:
        held: ascending. aside, lost: numbers that are accounted for otherwise.
        received, waiting: of the agent, ascending; None where none has said anything of this boot.
        told: the day of what only it knows: on which it first told of it, or the next boot began.
        calls, recordings: held of the whole boot.
        until: the last number that is looked at; what lies behind it is of later days.
    """

    boot: str
    after: int
    held: Sequence[HeldEvent] = ()
    aside: Sequence[Range] = ()
    lost: Sequence[Range] = ()
    received: Sequence[Range] | None = None
    waiting: Sequence[Range] = ()
    told: str = ""
    counts: Sequence[BoxCount] = ()
    calls: int = 0
    recordings: int = 0
    until: int | None = None


@dataclass
class DayResult:
    """One source and day: what each side counted, and what is missing. None: that side said nothing."""

    box: dict[str, int] = field(default_factory=dict)
    agent: dict[str, int] = field(default_factory=dict)
    cloud: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def state(self) -> str:
        """whole; waiting (on a desk PC); lost (a box says so); missing (nobody knows why)."""
        places = {gap.where for gap in self.gaps}
        if not places:
            return WHOLE
        if places <= {"spool"}:
            return WAITING
        return LOST if places <= {"spool", "box"} else MISSING


def compare(
    boots: Iterable[BootFacts],
    recordings: Mapping[str, str],
    agent_days: Mapping[str, Mapping[str, int]],
    untold: Mapping[str, int] | None = None,
) -> dict[str, DayResult]:
    """Compare the boots of one source.

    Args:
        recordings: call → how far its recording got: `verified` (or gone by a decision), `lost` (said so),
        `local` (on the desk PC), else anything.
        agent_days: day → what the agent counted of recordings.
        untold: day → how many recordings an agent began, and no event tells of them.
    Returns:
        day → result, of the days on which anything was stated.
    """
    days: dict[str, DayResult] = {}
    for boot in boots:
        _compare_boot(boot, days)
        for event in boot.held:
            _count_held(days.setdefault(event.day, DayResult()), event, recordings)
    for day, counted in agent_days.items():
        if day in days:
            days[day].agent |= counted
    for day, number in (untold or {}).items():
        if day in days and not _explains_recordings(days[day]):
            days[day].gaps.append(Gap("recordings", "unknown", last=number))
    return days


def _explains_recordings(result: DayResult) -> bool:
    """What tells of a recording may be among what is missing or set aside."""
    return bool(result.cloud.get("aside")) or any(gap.kind in ("event", "recordings") for gap in result.gaps)


def _compare_boot(boot: BootFacts, days: dict[str, DayResult]) -> None:
    spans = _split_by_day(boot)
    top = spans[-1][1] if spans else boot.after
    aside, lost = merge(boot.aside), merge(boot.lost)
    accounted = merge([*((event.seq, event.seq) for event in boot.held), *aside])
    absent = list(subtract([(boot.after + 1, top)], accounted))
    declared = intersect(absent, lost)
    unexplained = list(subtract(absent, lost))
    placed = [(one, "box") for one in declared]
    placed += [(one, where) for where, ranges in _locate(boot, unexplained) for one in ranges]
    for first, last, day in spans:
        result = days.setdefault(day, DayResult())
        span = [(first, last)]
        _add(result.box, "lost", total(intersect(span, declared)))
        _add(result.cloud, "events", 0)
        _add(result.cloud, "aside", total(intersect(span, aside)))
        if boot.received is not None:
            _add(result.agent, "events", total(intersect(span, boot.received)))
            _add(result.agent, "waiting", total(intersect(span, boot.waiting)))
        for missing, where in sorted(placed):
            result.gaps += [Gap("event", where, boot.boot, a, b) for a, b in intersect([missing], span)]
    _count_by_box(boot, spans, days, is_complete=not absent)


def _split_by_day(boot: BootFacts) -> list[tuple[int, int, str]]:
    """(first, last, day) of all numbers behind `after`, in order and without a hole."""
    marks = [(event.seq, event.day) for event in boot.held]
    marks += [(count.events, count.day) for count in boot.counts if count.events > boot.after]
    known_to = max([seq for seq, _ in marks], default=boot.after)
    said_to = max([last for _, last in [*(boot.received or ()), *boot.aside]], default=0)
    if said_to > known_to and (marks or boot.told):
        marks.append((said_to, max(marks)[1] if marks else boot.told))
    if boot.until is not None:
        marks = [(min(seq, boot.until), day) for seq, day in marks]
    spans: list[tuple[int, int, str]] = []
    first = boot.after + 1
    for seq, day in sorted(marks):
        if seq < first:
            continue
        if spans and spans[-1][2] == day:
            spans[-1] = (spans[-1][0], seq, day)
        else:
            spans.append((first, seq, day))
        first = seq + 1
    return spans


def _locate(boot: BootFacts, ranges: Sequence[Range]) -> Iterator[tuple[str, list[Range]]]:
    received = boot.received or ()
    told = [(received[0][0], received[-1][1])] if received else []
    there = intersect(ranges, received)
    yield "unknown", list(subtract(ranges, told))
    yield "link", list(subtract(intersect(ranges, told), received))
    yield "spool", intersect(there, boot.waiting)
    yield "cloud", list(subtract(there, boot.waiting))


def _count_by_box(
    boot: BootFacts, spans: Sequence[tuple[int, int, str]], days: dict[str, DayResult], *, is_complete: bool
) -> None:
    """What the box counted of each day, and what it counted beyond the events that are here."""
    counts = sorted(boot.counts)
    if not counts:
        return
    for first, last, day in spans:
        _add(days[day].box, "events", last - first + 1)
    before = BoxCount("", 0, 0, 0)
    for count in counts:
        result = days.get(count.day)
        if result is not None:
            _add(result.box, "calls", max(0, count.calls - before.calls))
            _add(result.box, "recordings", max(0, count.recordings - before.recordings))
        before = count
    result = days.get(before.day)
    if result is None or not is_complete:
        return
    for kind, counted, held in (
        ("calls", before.calls, boot.calls),
        ("recordings", before.recordings, boot.recordings),
    ):
        if counted > held:
            result.gaps.append(Gap(kind, "unknown", boot.boot, last=counted - held))


def _count_held(result: DayResult, event: HeldEvent, recordings: Mapping[str, str]) -> None:
    _add(result.cloud, "events", 1)
    _add(result.cloud, "calls", int(bool(event.call)))
    if not event.recording:
        return
    state = recordings.get(event.recording, "")
    _add(result.cloud, "recordings", 1)
    _add(result.cloud, "verified", int(state == "verified"))
    if state == "lost":
        result.gaps.append(Gap("recording", "box", call=event.recording))
    elif state != "verified":
        result.gaps.append(Gap("recording", "spool" if state == "local" else "unknown", call=event.recording))


def _add(counted: dict[str, int], name: str, number: int) -> None:
    counted[name] = counted.get(name, 0) + number


# ---- ranges: ascending and apart, both ends included -------------------------------------------------------


def subtract(ranges: Iterable[Range], taken: Sequence[Range]) -> Iterator[Range]:
    """What of `ranges` is in none of `taken`."""
    for first, last in ranges:
        wanted = first
        for start, end in taken:
            if end < wanted:
                continue
            if start > last:
                break
            if start > wanted:
                yield wanted, start - 1
            wanted = max(wanted, end + 1)
        if wanted <= last:
            yield wanted, last


def intersect(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """What of `ranges` is in one of `others`."""
    kept = list(others)
    return [
        (max(first, start), min(last, end))
        for first, last in ranges
        for start, end in kept
        if max(first, start) <= min(last, end)
    ]


def total(ranges: Iterable[Range]) -> int:
    """How many numbers."""
    return sum(last - first + 1 for first, last in ranges)


def merge(ranges: Iterable[Range]) -> list[Range]:
    """Ascending and apart: what overlaps or touches becomes one."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged

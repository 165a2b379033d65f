"""Gaps of a recording: which samples are missing, and why. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

NOT_RECEIVED = "not_received"
OVERRUN = "overrun"
"""The box had no samples and sent silence for them: it arrived, and is a gap all the same."""


class Gap(NamedTuple):
    """`samples` samples from `first` on, at 8 kHz, are silence because they never arrived."""

    first: int
    samples: int
    reason: str


def find_gaps(spans: Iterable[tuple[int, int]], samples: int, declared: list[Gap]) -> list[Gap]:
    """The holes between ascending (first, count) spans in a recording of `samples`, each with its reason.

    A hole takes the reason of the declared gaps it meets, piece by piece; the rest is `not_received`.
    """
    gaps: list[Gap] = []
    at = 0
    for first, count in spans:
        if first >= samples:
            break
        if first > at:
            gaps.extend(_name_hole(at, first, declared))
        at = max(at, first + count)
    if at < samples:
        gaps.extend(_name_hole(at, samples, declared))
    return gaps


def leave_out(spans: Iterable[tuple[int, int]], gaps: list[Gap]) -> Iterator[tuple[int, int]]:
    """The ascending (first, count) spans without the parts that lie in `gaps`."""
    ordered = sorted(gaps)
    for first, count in spans:
        end = first + count
        for gap in ordered:
            if gap.first < end and first < gap.first + gap.samples:
                if gap.first > first:
                    yield first, gap.first - first
                first = min(end, gap.first + gap.samples)
        if first < end:
            yield first, end - first


def bound(gaps: list[Gap], most: int) -> list[tuple[int, int]]:
    """(first, samples) of at most `most` stretches: adjoining ones are one, and if there are still more, the
    last reaches to the end of all: too much is declared then, never too little."""
    ranges: list[tuple[int, int]] = []
    for gap in sorted(gaps):
        if ranges and (len(ranges) == most or sum(ranges[-1]) >= gap.first):
            first, count = ranges[-1]
            ranges[-1] = first, max(first + count, gap.first + gap.samples) - first
        else:
            ranges.append((gap.first, gap.samples))
    return ranges


def covered_until(next_sample: int, declared: list[Gap]) -> int:
    """How far a recording is settled: what arrived, and the declared gaps that follow on it."""
    for gap in sorted(declared):
        if gap.first <= next_sample < gap.first + gap.samples:
            next_sample = gap.first + gap.samples
    return next_sample


def _name_hole(start: int, end: int, declared: list[Gap]) -> list[Gap]:
    named: list[Gap] = []
    at = start
    for gap in sorted(declared):
        first, last = max(at, gap.first), min(end, gap.first + gap.samples)
        if first >= last:
            continue
        if first > at:
            named.append(Gap(at, first - at, NOT_RECEIVED))
        named.append(Gap(first, last - first, gap.reason))
        at = last
    if at < end:
        named.append(Gap(at, end - at, NOT_RECEIVED))
    return named

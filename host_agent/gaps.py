"""Gaps of a recording: which samples are missing, and why. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

NOT_RECEIVED = "not_received"


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

"""The count: truth.jsonl against cloud.jsonl, and nothing else. Pure.

Rules:
- A row of the cloud belongs to the last call of its box that had begun by then (START_TOLERANCE_S early is
  still begun). The first row of a call is the call, each further one is double; a call without a row is lost.
- A call that lost its box's power (`interrupted` is allowed) may have begun late, and may lack its number; a
  wrong number is never right.
- A recording is accounted for when what is missing of it (silence that it declares, and length) is no more
  than the outage that was injected and GAP_TOLERANCE_S; and when it is as long as the line was off-hook,
  unless its box lost power, or there was no sample to store.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

START_TOLERANCE_S = 3.0
LENGTH_TOLERANCE_S = 0.1
GAP_TOLERANCE_S = 1.0

Row = dict[str, Any]
VERDICTS = (
    "lost", "double", "outcome_not_allowed", "number_wrong", "direction_wrong", "recording_unaccounted",
    "late_start", "out_of_order", "not_ended", "rings_wrong", "talk_wrong",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that is not right: which verdict, and the rows it is about."""

    verdict: str
    truth: Row | None
    cloud: Row | None
    detail: str = ""


@dataclass
class Result:
    """`findings` empty: everything arrived once and right."""

    truth_calls: int
    cloud_calls: int
    line_recording_s: float
    cloud_recording_s: float
    declared_gap_s: float
    findings: list[Finding] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return sum(finding.verdict == verdict for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        return self.truth_calls > 0 and not self.findings

    def as_json(self) -> Row:
        """The certificate."""
        return {
            "verdict": "nothing lost" if self.is_clean else "not proved",
            "calls": {"truth": self.truth_calls, "cloud": self.cloud_calls},
            "counts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "recording_seconds": {
                "line": round(self.line_recording_s, 3),
                "cloud": round(self.cloud_recording_s, 3),
                "declared_gaps": round(self.declared_gap_s, 3),
            },
            "tolerances_seconds": {
                "start": START_TOLERANCE_S,
                "recording": LENGTH_TOLERANCE_S,
                "gap": GAP_TOLERANCE_S,
            },
            "findings": [vars(finding) for finding in self.findings],
        }


def reconcile(truth: Sequence[Row], cloud: Sequence[Row]) -> Result:
    """Compare all rows."""
    result = Result(
        len(truth),
        len(cloud),
        sum(row["recording_seconds"] or 0.0 for row in truth),
        sum(row["recording_seconds"] or 0.0 for row in cloud),
        sum(row.get("gap_seconds") or 0.0 for row in cloud),
    )
    boxes = sorted({row["box"] for row in [*truth, *cloud]})
    for box in boxes:
        own = sorted((row for row in truth if row["box"] == box), key=_start)
        shown = sorted((row for row in cloud if row["box"] == box), key=_start)
        result.findings += _judge_box(own, shown)
    return result


def _start(row: Row) -> float:
    return float(row["start"])


def _judge_box(truth: Sequence[Row], cloud: Sequence[Row]) -> Iterator[Finding]:
    begun = [_start(row) - START_TOLERANCE_S for row in truth]
    found: dict[int, list[Row]] = defaultdict(list)
    for row in cloud:
        found[bisect_right(begun, _start(row)) - 1].append(row)
    for row in found.pop(-1, []):
        yield Finding("double", None, row, "no call of this box had begun")
    yield from _judge_order(truth, found)
    for index, call in enumerate(truth):
        rows = found.get(index, [])
        if not rows:
            yield Finding("lost", call, None)
            continue
        yield from (Finding("double", call, row) for row in rows[1:])
        yield from _judge_call(call, rows[0])


def _judge_order(truth: Sequence[Row], found: dict[int, list[Row]]) -> Iterator[Finding]:
    """Numbers in the order of the cloud must stand in the order of the line."""
    numbers = [call["number"] for call in truth]
    for index, rows in found.items():
        for row in rows:
            number = row["number"]
            if number and number != numbers[index] and number in numbers:
                yield Finding("out_of_order", truth[index], row, "this number belongs to another call")


def _judge_call(truth: Row, cloud: Row) -> Iterator[Finding]:
    was_cut = "interrupted" in truth["allowed_outcomes"]
    if cloud["outcome"] is None:
        yield Finding("not_ended", truth, cloud)
    elif cloud["outcome"] not in truth["allowed_outcomes"]:
        yield Finding("outcome_not_allowed", truth, cloud)
    if cloud["direction"] != truth["direction"]:
        yield Finding("direction_wrong", truth, cloud)
    if cloud["number"] != truth["number"] and not (was_cut and not cloud["number"]):
        yield Finding("number_wrong", truth, cloud)
    if not was_cut and abs(_start(cloud) - _start(truth)) > START_TOLERANCE_S:
        yield Finding("late_start", truth, cloud)
    if not was_cut and cloud["ring_count"] != truth["ring_count"]:
        yield Finding("rings_wrong", truth, cloud)
    if not was_cut and truth["direction"] == "in" and _differ(truth, cloud, "talk_seconds"):
        yield Finding("talk_wrong", truth, cloud)
    if reason := _find_unaccounted(truth, cloud, was_cut):
        yield Finding("recording_unaccounted", truth, cloud, reason)


def _differ(truth: Row, cloud: Row, key: str) -> bool:
    apart_s: float = abs((truth[key] or 0.0) - (cloud[key] or 0.0))
    return apart_s > LENGTH_TOLERANCE_S


def _find_unaccounted(truth: Row, cloud: Row, was_cut: bool) -> str:
    """Why the recording is not accounted for; empty if it is."""
    expected, stored = truth["recording_seconds"] or 0.0, cloud["recording_seconds"] or 0.0
    excused = truth["gap_seconds"] + GAP_TOLERANCE_S
    declared = (cloud.get("gap_seconds") or 0.0) if stored else 0.0  # without a file all of it is missing
    missing = max(0.0, expected - stored) + declared
    if missing > excused:
        return f"{missing:.3f} s are missing, {excused:.3f} s excused"
    if stored and not was_cut and abs(stored - expected) > LENGTH_TOLERANCE_S:
        return f"{stored:.3f} s are stored of {expected:.3f} s"
    return ""

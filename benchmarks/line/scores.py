"""Counting: right, wrong, and the SNR at which 95 % are right."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.line.peers import Answers
from benchmarks.line.recordings import Trial

GOAL_SHARE = 0.95


@dataclass(frozen=True)
class Score:
    """Of `trials` recordings `right` gave the truth and nothing else, `wrong` gave something untrue."""

    trials: int
    right: int
    wrong: int

    @property
    def share(self) -> float:
        return self.right / self.trials


def score(trials: Sequence[Trial], answers: Answers) -> Score:
    """Compare what was delivered with what was sent."""
    right = sum(answer == {trial.truth} for trial, answer in zip(trials, answers, strict=True))
    wrong = sum(bool(answer - {trial.truth}) for trial, answer in zip(trials, answers, strict=True))
    return Score(len(trials), right, wrong)


def threshold(points: Sequence[tuple[float, Score]]) -> float | None:
    """Highest SNR at which the curve crosses 95 %, linearly interpolated; None if it never gets there.

    The lowest SNR measured, if all of it lies above.
    """
    falling = sorted(points, key=lambda point: -point[0])
    if falling[0][1].share < GOAL_SHARE:
        return None
    for (high_db, high), (low_db, low) in itertools.pairwise(falling):
        if low.share < GOAL_SHARE:
            return low_db + (high_db - low_db) * (GOAL_SHARE - low.share) / (high.share - low.share)
    return falling[-1][0]

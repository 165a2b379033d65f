"""The count itself: rows made by hand, one thing wrong at a time."""

from typing import Any

import pytest

from sim.chaos.certificate import render
from sim.chaos.reconcile import reconcile

Row = dict[str, Any]
BOX, OTHER = "5117b0c00000", "5117b0c00001"


def told(start: float, **changes: Any) -> Row:
    """What the exchange says of one answered call."""
    row = {
        "box": BOX,
        "start": start,
        "direction": "in",
        "number": "13800138000",
        "outcome": "answered",
        "allowed_outcomes": ["answered"],
        "ring_count": 2,
        "talk_seconds": 10.0,
        "recording_seconds": 10.0,
        "gap_seconds": 0.0,
    }
    return row | changes


def shown(start: float, **changes: Any) -> Row:
    """The same call in the cloud."""
    row = told(start) | {"id": f"call at {start}"}
    del row["allowed_outcomes"]
    return row | changes


def cut(start: float, **changes: Any) -> Row:
    """A call whose box lost its power for two seconds."""
    return told(start, allowed_outcomes=["answered", "interrupted"], gap_seconds=2.0) | changes


def verdicts(truth: list[Row], cloud: list[Row]) -> list[str]:
    return [finding.verdict for finding in reconcile(truth, cloud).findings]


def test_what_arrived_once_and_right_is_clean() -> None:
    result = reconcile(
        [told(100), told(200, number="13900139000"), told(101, box=OTHER)],
        [shown(200.5, number="13900139000"), shown(99.2), shown(101, box=OTHER)],
    )
    assert result.is_clean
    assert result.as_json()["verdict"] == "nothing lost"


def test_no_calls_prove_nothing() -> None:
    assert not reconcile([], []).is_clean


@pytest.mark.parametrize(
    ("truth", "cloud", "expected"),
    [
        ([told(100), told(200)], [shown(200)], ["lost"]),
        ([told(100)], [shown(100), shown(104)], ["double"]),
        ([told(100)], [shown(100), shown(40)], ["double"]),
        ([told(100)], [shown(100), shown(100, box=OTHER)], ["double"]),
        ([told(100)], [shown(100, outcome="missed")], ["outcome_not_allowed"]),
        ([told(100)], [shown(100, outcome="interrupted")], ["outcome_not_allowed"]),
        ([told(100)], [shown(100, outcome=None)], ["not_ended"]),
        ([told(100)], [shown(100, direction="out")], ["direction_wrong"]),
        ([told(100)], [shown(100, number="13800138001")], ["number_wrong"]),
        ([told(100)], [shown(100, number=None)], ["number_wrong"]),
        ([told(100)], [shown(103.5)], ["late_start"]),
        ([told(100)], [shown(100, ring_count=1)], ["rings_wrong"]),
        ([told(100)], [shown(100, talk_seconds=0.0)], ["talk_wrong"]),
        ([told(100)], [shown(100, recording_seconds=None)], ["recording_unaccounted"]),
        ([told(100)], [shown(100, recording_seconds=9.8)], ["recording_unaccounted"]),
        ([told(100)], [shown(100, gap_seconds=1.2)], ["recording_unaccounted"]),
        ([cut(100)], [shown(100, number="13800138001")], ["number_wrong"]),
        ([cut(100)], [shown(100, recording_seconds=6.9)], ["recording_unaccounted"]),
    ],
)
def test_each_thing_wrong_has_its_name(truth: list[Row], cloud: list[Row], expected: list[str]) -> None:
    assert verdicts(truth, cloud) == expected


def test_numbers_that_changed_places_are_out_of_order() -> None:
    truth = [told(100, number="13800138000"), told(200, number="13900139000")]
    cloud = [shown(100, number="13900139000"), shown(200, number="13800138000")]
    assert set(verdicts(truth, cloud)) == {"out_of_order", "number_wrong"}


def test_a_box_without_power_excuses_outcome_number_start_and_the_time_it_was_off() -> None:
    cloud = shown(120, outcome="interrupted", number=None, recording_seconds=7.1)
    assert verdicts([cut(100)], [cloud]) == []


def test_declared_gaps_are_excused_by_an_outage_and_one_second() -> None:
    assert verdicts([told(100, gap_seconds=3.0)], [shown(100, gap_seconds=3.9)]) == []


def test_the_page_says_it_in_both_languages() -> None:
    clean = render(reconcile([told(100)], [shown(100)]).as_json())
    assert "没有丢失 · nothing lost" in clean
    dirty = render(reconcile([told(100)], []).as_json())
    assert "未能证明 · not proved" in dirty
    assert "calls lost" in dirty

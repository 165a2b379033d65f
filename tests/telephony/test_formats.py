"""How numbers, times and names are written."""

from datetime import UTC, datetime

import pytest

from telephony import formats

AT = datetime(2026, 3, 16, 16, 30, 5, tzinfo=UTC)  # half past midnight of the 17th in Shanghai


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13812345678", "138 1234 5678"),
        ("+8613812345678", "138 1234 5678"),
        ("013812345678", "0 138 1234 5678"),
        ("01062345678", "010 6234 5678"),
        ("+861062345678", "010 6234 5678"),
        ("075523451234", "0755 2345 1234"),
        ("03931234567", "0393 123 4567"),
        ("4008001234", "400 800 1234"),
        ("027-86375321", "027 8637 5321"),
        ("10086", "10086"),
        ("82345678", "82345678"),
        ("+85223456789", "+85223456789"),
        ("", ""),
    ],
)
def test_numbers_are_grouped_as_people_read_them(number: str, shown: str) -> None:
    assert formats.group_number(number) == shown


def test_times_are_shanghai_times() -> None:
    assert formats.clock(AT) == "00:30"
    assert formats.stamp(AT) == "2026-03-17 00:30:05"
    assert formats.machine(AT) == "2026-03-16T16:30:05.000Z"


def test_days_are_counted_in_shanghai() -> None:
    late_evening_before = datetime(2026, 3, 16, 15, 59, tzinfo=UTC)
    assert formats.days_ago(late_evening_before, AT) == 1


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "–"), (0, "0:00"), (59.6, "1:00"), (183.2, "3:03"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


def test_gaps_stay_inside_the_recording() -> None:
    gaps = [(0.0, 5.0, "x"), (90.0, 50.0, "y")]
    assert formats.gap_spans(gaps, 100.0) == [(0.0, 5.0), (90.0, 10.0)]
    assert formats.gap_spans(gaps, None) == []


@pytest.mark.parametrize(
    ("name", "family"),
    [("王建国", "王"), ("欧阳明远", "欧阳"), ("欧阳", "欧"), ("John Smith", "John Smith"), ("", "")],
)
def test_family_names(name: str, family: str) -> None:
    assert formats.family_name(name) == family

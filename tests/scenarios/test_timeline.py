"""How expectations are read and compared."""

import pytest

from tests.scenarios.timeline import first_difference, moved_times, read_expectations

STATED = [
    (1000, "ring_started", {"call": 2}),
    (1005, "ring_burst", {"call": 2, "burst": 1}),
    (3200, "caller_id", {"call": 2, "number": "138", "name": "张".encode("gb18030"), "repaired": True}),
]


@pytest.mark.parametrize(
    "expect",
    [
        ["ring_started @1.0", "ring_burst burst=1", "caller_id number=138 name=张 repaired=true reason=-"],
        ["ring_started", "? line_changed", "ring_burst", "caller_id", "? line_changed"],
        ["~ caller_id number=138", "ring_started", "ring_burst"],
        ["ring_started", "? 3 x ring_burst", "caller_id"],
    ],
)
def test_what_agrees(expect: list[str]) -> None:
    assert first_difference(read_expectations(expect), STATED) is None


@pytest.mark.parametrize(
    ("expect", "complaint"),
    [
        (["ring_started"], "expected nothing more, the box stated ring_burst burst=1 @1.005"),
        (["ring_burst"], "expected `ring_burst`, the box stated ring_started"),
        (["ring_started @2.0"], "expected `ring_started @2.0`"),
        (["ring_started", "2 x ring_burst"], "expected `2 x ring_burst`, the box stated caller_id"),
        (["ring_started", "ring_burst", "caller_id number=139"], "expected `caller_id number=139`"),
        (
            ["ring_started", "ring_burst", "caller_id", "on_hook"],
            "`on_hook`, the box never stated it",
        ),
        (["ring_started", "ring_burst", "caller_id", "~ boot"], "`~ boot`, the box never stated it"),
    ],
)
def test_what_differs_is_a_sentence(expect: list[str], complaint: str) -> None:
    assert complaint in str(first_difference(read_expectations(expect), STATED))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="no expectation"):
        read_expectations(["ring_started whenever"])


def test_times_move_with_what_happens_at_them() -> None:
    written = [(1000, "ring 1"), (6000, "ring 2"), (6500, "desk lift"), (7000, "ring 1")]
    moved = moved_times(written, [(1000, "ring 1"), (5600, "ring 2"), (6100, "desk lift")])
    assert [moved(at_ms) for at_ms in (500, 900, 1000, 5000)] == [500, 900, 1000, 5000]
    assert (moved(6000), moved(6550), moved(6700)) == (5600, 6150, 6300)
    assert moved(7000) is None, "the second `ring 1` never came"
    expected = read_expectations(["off_hook @6.5", "ring_stopped @7.1", "on_hook"], moved)
    assert [one.at_ms for one in expected] == [6100, None, None]

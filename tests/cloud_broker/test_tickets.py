"""The ticket's state machine and the words of the domain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_broker.domain.items import ITEMS, TYPES, find_item
from cloud_broker.domain.tickets import (
    TRANSITIONS,
    Draft,
    TicketState,
    build_number,
    check_draft,
    check_move,
    next_moves,
)
from cloud_broker.domain.units import read_room
from cloud_broker.domain.views import Invalid


@given(st.lists(st.sampled_from(range(10)), max_size=30))
def test_every_walk_stays_in_the_table_and_ends_where_it_says(choices: list[int]) -> None:
    state = TicketState.NEW
    for choice in choices:
        moves = next_moves(state)
        if not moves:
            assert state is TicketState.VOID
            return
        wanted = moves[choice % len(moves)]
        target, closing = check_move(state, wanted, "because")
        assert target in TRANSITIONS[state]
        assert (closing is not None) == (target is TicketState.CLOSED)
        state = target


def test_every_state_can_be_reached() -> None:
    reached = {TicketState.NEW}
    for _ in TicketState:
        reached |= {target for state in reached for target in TRANSITIONS[state]}
    assert reached == set(TicketState)


@pytest.mark.parametrize("wanted", ["closed", "closed_", "closed_maybe", "nowhere", "", "new"])
def test_moves_that_are_none(wanted: str) -> None:
    with pytest.raises(Invalid):
        check_move("new", wanted, "because")


def test_items_have_types_and_unique_codes() -> None:
    codes = [item.code for group in ITEMS for item in (group, *group.children)]
    assert len(codes) == len(set(codes))
    assert {group.type for group in ITEMS} <= set(TYPES)
    critical = {code for code in codes if (item := find_item(code)) and item.urgency == "critical"}
    assert {"lift.trapped", "heating.gas"} <= critical


def test_urgency_is_that_of_the_most_urgent_item() -> None:
    def urgency(*items: str) -> str:
        return check_draft(Draft("repair", items, "", "", None)).urgency

    assert (urgency("green"), urgency("green", "water.leak"), urgency("water.leak", "lift.trapped")) == (
        "normal",
        "major",
        "critical",
    )


def test_number_carries_the_chinese_day() -> None:
    assert build_number(42, 1_773_763_200_000) == "WO-20260318-0042"  # 16:00 UTC is the next day there


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("3-2-1102", "3栋-2单元-1102"),
        ("3#2-1102", "3栋-2单元-1102"),
        ("3号楼2单元1102室", "3栋-2单元-1102"),
        ("３幢 2单元 1102", "3栋-2单元-1102"),
        ("天屿二期-3栋-2单元-1102", "天屿二期-3栋-2单元-1102"),
        ("商-05", "商-05"),
        ("B2-117", "B2-117"),
        ("", ""),
    ],
)
def test_rooms_as_spoken(said: str, label: str) -> None:
    assert read_room(said) == label

"""Every word of the domain has a label, and a call without a number says why."""

from typing import get_args

import pytest

from cloud_broker.domain import items, tickets, views
from cloud_broker.web.pages import labels
from protocol.events import EVENTS
from tests.console.estate import NOW, build_call


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (labels.OUTCOMES, get_args(views.Outcome)),
        (labels.CALL_STATES, get_args(views.CallState)),
        (labels.RECORDINGS, get_args(views.RecordingState)),
        (labels.TICKET_STATES, list(tickets.TicketState)),
        (labels.TICKET_TYPES, items.TYPES),
    ],
)
def test_a_table_covers_its_vocabulary(table: dict[str, object], words: object) -> None:
    assert set(table) == set(words)  # type: ignore[call-overload]


def test_every_step_of_a_ticket_has_a_word() -> None:
    moves = {move for state in tickets.TicketState for move in tickets.next_moves(state)}
    assert moves <= set(labels.MOVES)
    assert moves <= set(labels.MOVED)


def test_every_event_of_a_call_has_a_word() -> None:
    of_a_call = {name for name, fields in EVENTS.items() if "call" in dict(fields)}
    assert of_a_call <= set(labels.TIMELINE)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"number_state": "withheld"}, "withheld"),
        ({"number_state": "unavailable"}, "unavailable"),
        ({"ring_count": 2}, "none"),
        ({"state": "ended"}, "none"),
        ({"state": "talking", "early_lift": True}, "early"),
        ({"ring_count": 1}, "waiting"),
    ],
)
def test_a_call_without_a_number_says_why(facts: dict[str, object], why: str) -> None:
    assert labels.no_number(build_call("c", NOW, None, **facts)) is labels.NO_NUMBER[why]


def test_the_four_reasons_read_differently() -> None:
    texts = [labels.NO_NUMBER[why].text for why in ("withheld", "unavailable", "none", "early")]
    assert len(set(texts)) == 4


@pytest.mark.parametrize(
    ("number", "facts", "may"),
    [
        ("13812345678", {"ring_count": 0}, True),  # DTMF caller ID comes before the first ring
        (None, {"ring_count": 1}, False),
        (None, {"ring_count": 2}, True),
        (None, {"number_state": "withheld", "ring_count": 1}, True),
        ("13812345678", {"state": "talking"}, False),
    ],
)
def test_the_phone_may_be_lifted_once_the_number_is_in(
    number: str | None, facts: dict[str, object], may: bool
) -> None:
    assert labels.may_answer(build_call("c", NOW, number, **facts)) is may

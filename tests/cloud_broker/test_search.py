"""A search finds who and what the user may see, and nothing by chance."""

import pytest
from sqlalchemy import insert

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import CallFilter
from tests.cloud_broker import world
from tests.cloud_broker.world import CALL, HQ, LI, NOW_MS, WANG, Box, take_in

ELSEWHERE = "haibin-1"
STRANGER, STRANGERS_NUMBER = 4, "13922223333"


@pytest.fixture
def estates(cloud: Cloud) -> Cloud:
    """A second project with its desk and its resident."""
    with cloud.database.write() as connection:
        project = {"id": 2, "branch": "华东", "name": "海滨", "area_code": "021"}
        connection.execute(insert(tables.project).values(**project))
        desk = {"id": ELSEWHERE, "name": "海滨", "lines": 1, "secret_generation": 1, "enrolled": False}
        connection.execute(insert(tables.desk).values(project_id=2, **desk))
        resident = {"id": STRANGER, "name": "赵小兰", "salutation": "赵女士", "tags": "[]", "created_ms": 0}
        connection.execute(insert(tables.resident).values(project_id=2, **resident))
        phone = {"raw": STRANGERS_NUMBER, "e164": f"+86{STRANGERS_NUMBER}", "kind": "mobile"}
        connection.execute(
            insert(tables.phone).values(
                resident_id=STRANGER, label="", source="roster", rules_version=1, **phone
            )
        )
    return cloud


def test_a_name_of_another_project_finds_no_call_of_ones_own_desk(estates: Cloud) -> None:
    take_in(estates, world.answered_call(STRANGERS_NUMBER))
    by_name, by_number = CallFilter(text="赵小兰"), CallFilter(text="139 2222")
    assert estates.reader.calls(WANG, by_name, None, 10).items == []
    assert [call.id for call in estates.reader.calls(HQ, by_name, None, 10).items] == [CALL]
    assert estates.reader.calls(WANG, by_number, None, 10).items == []
    take_in(estates, world.missed_call(box=Box(boot=world.LATER_BOOT, at_ms=NOW_MS + 60_000)))
    (own,) = estates.reader.calls(WANG, CallFilter(text="陈建国"), None, 10).items
    assert own.e164 == "+8613800138000"


def test_when_a_number_called_at_a_desk_is_not_told_at_another(estates: Cloud) -> None:
    take_in(estates, world.answered_call())
    seen = {user.username: estates.reader.resident(user, 1).phones[0].last_seen for user in (WANG, LI, HQ)}
    assert [seen[name] is not None for name in ("wang", "li", "hq")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3栋", {1, 2, 3}),  # by the room
        ("9栋", set()),  # many numbers have a 9
        ("陈 1", set()),
        ("138 0013-8000", {1}),
        ("+86 139", {3}),
        ("-", {1, 2, 3}),  # in the room
        ("+", set()),
    ],
)
def test_numbers_are_searched_only_by_what_may_be_one(cloud: Cloud, text: str, found: set[int]) -> None:
    assert {view.id for view in cloud.reader.residents(WANG, text, None, 10).items} == found

"""The roster for the hours without the cloud: the own project, no more than a pop needs, 304, bounds."""

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import insert, update

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import NotFound
from cloud_broker.handlers.roster import build_roster
from protocol.desk_page import derive_page_key, hash_token
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.world import AGENT, DESK, NOW_MS

PATH = "/api/v1/agent/roster"


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    with asking(cloud) as made:
        made.headers["Authorization"] = f"Bearer {world.enrol(cloud)}"
        yield made


def add_stranger(cloud: Cloud) -> None:
    """A resident of another project, with one of the numbers known here."""
    with cloud.database.write() as connection:
        connection.execute(insert(tables.project).values(id=9, branch="华中", name="他处", area_code="010"))
        connection.execute(
            insert(tables.resident).values(
                id=90, project_id=9, name="外人", salutation="", tags="[]", created_ms=0
            )
        )
        connection.execute(
            insert(tables.phone).values(
                resident_id=90, raw="", e164="+8613800138000", kind="mobile", label="", source="roster",
                rules_version=1,
            )
        )  # fmt: skip


def test_it_holds_what_a_pop_needs_of_the_own_project(client: httpx.Client, cloud: Cloud) -> None:
    add_stranger(cloud)
    with cloud.database.write() as connection:
        connection.execute(
            insert(tables.arrears).values(unit_id=1, item="物业费", amount_cents=128_640, as_of="2026-03-15")
        )
        connection.execute(  # 400 is a company with many callers, whatever a roster says
            insert(tables.phone).values(
                resident_id=1, raw="4001234567", e164="+864001234567", kind="toll_shared", label="",
                source="roster", rules_version=1,
            )
        )  # fmt: skip
    roster = client.get(PATH).json()
    assert set(roster) == {"v", "desk", "area_code", "rules", "complete", "residents", "items"}
    assert (roster["desk"]["id"], roster["area_code"], roster["complete"]) == (DESK, "027", True)
    chen, li, ma = roster["residents"]
    owed = ["3栋-2单元-1102", "物业费", 128_640, "2026-03-15"]
    assert chen == {
        "name": "陈建国", "salutation": "陈先生", "rooms": ["3栋-2单元-1102"], "role": "owner", "tags": [],
        "former": False, "numbers": ["+8613800138000", "+862156430144"], "arrears": [owed],
    }  # fmt: skip
    assert li["numbers"] == ["+862156430144"]
    assert (ma["former"], ma["arrears"]) == (True, [])
    assert [kind["kind"] for kind in roster["items"]][:2] == ["repair", "complaint"]
    assert roster["items"][0]["groups"][0]["items"][0]["code"] == "water.leak"


def test_what_the_agent_has_is_not_sent_again(client: httpx.Client, cloud: Cloud) -> None:
    first = client.get(PATH)
    tag = first.headers["etag"]
    assert client.get(PATH, headers={"If-None-Match": tag}).status_code == 304
    with cloud.database.write() as connection:
        connection.execute(update(tables.resident).where(tables.resident.c.id == 2).values(name="李海"))
    second = client.get(PATH, headers={"If-None-Match": tag})
    assert second.status_code == 200 and second.headers["etag"] != tag
    plain = client.get(PATH, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.json() == second.json()


def test_it_is_bounded_and_says_so(cloud: Cloud) -> None:
    roster = build_roster(cloud.database, DESK, NOW_MS, limit=2)
    assert "李海燕" in roster.body.decode() and "陈建国" not in roster.body.decode()
    assert b'"complete":false' in roster.body


def test_only_an_agent_that_is_not_revoked_gets_it(client: httpx.Client, cloud: Cloud) -> None:
    own = client.headers.pop("Authorization")
    assert client.get(PATH).status_code == 401
    person = client.post("/api/v1/tokens", json={"username": "wang", "password": world.PASSWORD}).json()
    assert client.get(PATH, headers={"Authorization": f"Bearer {person['token']}"}).status_code == 401
    assert client.get(PATH, headers={"Authorization": own}).status_code == 200
    cloud.enrolment.revoke(AGENT)
    refused = client.get(PATH, headers={"Authorization": own})
    assert (refused.status_code, refused.json()["error"]["reason"]) == (401, "not_signed_in")
    with pytest.raises(NotFound):
        cloud.enrolment.revoke(AGENT)


def test_the_page_key_is_made_from_the_token_on_both_sides(cloud: Cloud) -> None:
    token = world.enrol(cloud)
    assert cloud.enrolment.page_keys(DESK) == {AGENT: derive_page_key(hash_token(token))}
    assert cloud.enrolment.page_keys(world.OTHER_DESK) == {}
    cloud.enrolment.revoke(AGENT)
    assert cloud.enrolment.page_keys(DESK) == {}

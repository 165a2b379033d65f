"""The HTTP API as a program meets it: who gets in, what they see, what they may do."""

from collections.abc import Iterator

import httpx
import pytest

from cloud_broker.bootstrap import Cloud
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.world import AGENT, CALL, DESK, PASSWORD, take_in

API = "/api/v1"


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    with asking(cloud) as made:
        yield made


def sign_in(client: httpx.Client, username: str) -> None:
    answer = client.post(f"{API}/tokens", json={"username": username, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


@pytest.fixture
def wang(client: httpx.Client, cloud: Cloud) -> httpx.Client:
    take_in(cloud, world.answered_call())
    sign_in(client, "wang")
    return client


def test_calls_are_listed_and_read(wang: httpx.Client) -> None:
    listed = wang.get(f"{API}/calls", params={"outcome": "answered", "desk": DESK}).json()
    assert [call["id"] for call in listed["items"]] == [CALL]
    call = wang.get(f"{API}/calls/{CALL}").json()
    assert call["started_at"] == "2026-03-17T08:56:01.000Z"
    assert call["residents"][0]["rooms"] == ["3栋-2单元-1102"]
    assert call["timeline"][-1]["type"] == "on_hook"
    assert call["recording"] == {"state": "writing", "seconds": 4.0, "bytes": None, "gaps": []}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"number": "13800138000"}, 1), ({"number": "+8613800138000"}, 1), ({"number": "8000"}, 0),
        ({"text": "8000"}, 1), ({"text": "陈建"}, 1), ({"text": "1102"}, 1), ({"text": "%"}, 0),
        ({"since": "2026-03-17T08:56:00Z"}, 1), ({"until": "2026-03-17T08:56:00Z"}, 0),
        ({"direction": "out"}, 0),
    ],
)  # fmt: skip
def test_calls_are_narrowed(wang: httpx.Client, params: dict[str, str], found: int) -> None:
    assert len(wang.get(f"{API}/calls", params=params).json()["items"]) == found


def test_a_list_goes_on_where_it_was_left(client: httpx.Client, cloud: Cloud) -> None:
    for boot in range(1, 6):
        box = world.Box(boot=f"1f2e3d4c-{boot}", at_ms=world.NOW_MS - boot)
        take_in(cloud, world.missed_call(box=box))
    sign_in(client, "hq")
    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{API}/calls", params=params).json()
        seen += [call["id"] for call in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 5
    assert client.get(f"{API}/calls", params={"cursor": "nonsense"}).status_code == 422


def test_nobody_in_nothing_out(client: httpx.Client, cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    for path in ("/calls", f"/calls/{CALL}", "/tickets", "/residents", "/items", f"/desks/{DESK}/stream"):
        assert client.get(API + path).status_code == 401
    sign_in(client, "li")
    assert client.get(f"{API}/calls/{CALL}").status_code == 404
    assert client.get(f"{API}/desks/{DESK}/stream").status_code == 404
    assert client.post(f"{API}/calls/{CALL}/play").status_code == 404
    assert (
        client.post(f"{API}/tickets", json={"type": "repair", "call": CALL, "note": "x"}).status_code == 404
    )


def test_guessing_is_limited(client: httpx.Client, cloud: Cloud) -> None:
    wrong = {"username": "wang", "password": "guess"}
    assert [client.post(f"{API}/tokens", json=wrong).status_code for _ in range(6)] == [401] * 5 + [429]
    right = {"username": "wang", "password": PASSWORD}
    assert client.post(f"{API}/tokens", json=right).headers["Retry-After"] == "60"
    cloud.clock.ms += 60_000  # type: ignore[attr-defined]
    assert client.post(f"{API}/tokens", json=right).status_code == 201


def test_a_cookie_writes_only_with_its_token(client: httpx.Client, cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    client.post(f"{API}/session", json={"username": "wang", "password": PASSWORD})
    csrf = client.get(f"{API}/session").json()["csrf"]
    ticket = {"type": "repair", "items": ["water.leak"], "call": CALL}
    assert client.post(f"{API}/tickets", json=ticket).status_code == 403
    assert client.post(f"{API}/tickets", json=ticket, headers={"X-CSRF-Token": csrf}).status_code == 201
    assert client.delete(f"{API}/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert client.get(f"{API}/session").status_code == 401


def test_sessions_end(client: httpx.Client, cloud: Cloud) -> None:
    client.post(f"{API}/session", json={"username": "wang", "password": PASSWORD})
    cloud.clock.ms += 12 * 3_600_000  # type: ignore[attr-defined]
    assert client.get(f"{API}/session").status_code == 401


def test_a_ticket_is_made_once_bound_and_moved(wang: httpx.Client) -> None:
    body = {"type": "repair", "items": ["lift.trapped"], "call": CALL, "place": "3栋", "promise_minutes": 5}
    made = [
        wang.post(f"{API}/tickets", json=body, headers={"Idempotency-Key": "k1"}).json() for _ in range(2)
    ]
    ticket = made[0]
    assert made[1]["id"] == ticket["id"]
    assert (ticket["state"], ticket["urgency"], ticket["agent"]) == ("new", "critical", "小王")
    assert (ticket["call"], ticket["recording"]["state"]) == (CALL, "writing")
    assert ticket["resident"]["name"] == "陈建国"
    assert ticket["promised_at"] == "2026-03-17T09:01:00.000Z"
    assert wang.get(f"{API}/calls/{CALL}").json()["tickets"] == [ticket["id"]]
    path = f"{API}/tickets/{ticket['id']}"
    assert (
        wang.post(f"{path}/moves", json={"to": "arrived"}).json()["error"]["reason"] == "state:not_from_here"
    )
    assert wang.post(f"{path}/moves", json={"to": "void"}).json()["error"]["reason"] == "note:empty"
    for to in ("dispatched", "accepted", "departed", "arrived", "finished", "follow_up", "closed_confirmed"):
        moved = wang.post(f"{path}/moves", json={"to": to}).json()
    assert (moved["state"], moved["closing"], len(moved["history"])) == ("closed", "confirmed", 8)
    assert moved["history"][1]["who"] == "小王"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "party"}, "type:unknown"),
        ({"items": ["no.such"]}, "items:unknown_item"),
        ({"items": ["noise"]}, "items:unknown_item"),  # a complaint's
        ({"items": [], "note": "  "}, "items:items"),
        ({"note": "x" * 2001}, "note:too_long"),
        ({"promise_minutes": 0}, "promise:promise"),
        ({"resident": 999}, "resident:unknown"),
    ],
)
def test_a_wrong_ticket_is_refused(wang: httpx.Client, change: dict[str, object], reason: str) -> None:
    body = {"type": "repair", "items": ["water.leak"], "call": CALL} | change
    answer = wang.post(f"{API}/tickets", json=body)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (422, reason)
    assert wang.get(f"{API}/tickets").json()["items"] == []


def test_two_tickets_of_one_call_and_two_calls_of_one_ticket(wang: httpx.Client, cloud: Cloud) -> None:
    body = {"type": "enquiry", "note": "?", "call": CALL}
    first, second = (wang.post(f"{API}/tickets", json=body).json()["id"] for _ in range(2))
    assert wang.get(f"{API}/calls/{CALL}").json()["tickets"] == [first, second]
    box = world.Box(boot=world.LATER_BOOT, at_ms=world.NOW_MS + 60_000)
    take_in(cloud, world.outbound_call("13800138000", box))
    other = f"{world.BOX}-{world.LATER_BOOT}-2"
    bound = wang.post(f"{API}/tickets/{first}/calls", json={"call": other}).json()
    assert bound["call"] == CALL
    assert wang.get(f"{API}/calls/{other}").json()["tickets"] == [first]


def test_residents_are_found_by_name_room_and_number(wang: httpx.Client) -> None:
    def names(text: str) -> list[str]:
        return [r["name"] for r in wang.get(f"{API}/residents", params={"q": text}).json()["items"]]

    assert names("陈") == ["陈建国"]
    assert names("1102") == ["陈建国", "李海燕", "马文博"]
    assert names("2156430144") == ["陈建国", "李海燕"]
    assert names("没有") == []
    one = wang.get(f"{API}/residents/1").json()
    assert [phone["e164"] for phone in one["phones"]] == ["+8613800138000", "+862156430144"]
    assert [call["id"] for call in one["calls"]] == [CALL]
    assert one["phones"][0]["last_seen"] == "2026-03-17T08:56:01.000Z"


def test_the_right_resident_is_chosen(client: httpx.Client, cloud: Cloud) -> None:
    take_in(cloud, world.answered_call("02156430144"))
    sign_in(client, "wang")
    assert client.post(f"{API}/calls/{CALL}/resident", json={"resident": 3}).status_code == 404
    chosen = client.post(f"{API}/calls/{CALL}/resident", json={"resident": 2}).json()
    assert [r["name"] for r in chosen["residents"]] == ["李海燕"]
    assert client.post(f"{API}/calls/{CALL}/claim").json()["agent"] == "小王"


def test_enrolment_is_once(client: httpx.Client, cloud: Cloud) -> None:
    claim = {"claim_code": cloud.enrolment.make_code(DESK).lower(), "agent_id": AGENT, "hostname": "pc"}
    assert client.post(f"{API}/enrol", json=claim | {"agent_id": "x"}).status_code == 422
    enrolled = client.post(f"{API}/enrol", json=claim)
    assert enrolled.status_code == 201
    body = enrolled.json()
    assert (body["desk"], body["agent"], body["mqtt"]["username"]) == (DESK, AGENT, DESK)
    assert (body["mqtt"]["host"], body["mqtt"]["port"]) == ("broker.test", 1883)
    assert client.post(f"{API}/enrol", json=claim).json()["error"]["reason"] == "claim_code"


def test_time_and_health(client: httpx.Client) -> None:
    assert client.get(f"{API}/time").json() == {"now": "2026-03-17T08:56:00.000Z"}
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/openapi.json").json()["info"]["title"] == "CloudSeat"

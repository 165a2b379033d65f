"""Requests that are too long, too slow, too great or not text: one clear answer each, never a 500."""

import asyncio
import base64
import json
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import insert
from starlette.types import Message, Receive, Scope, Send

from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.handlers import people
from cloud_broker.web import incoming
from cloud_broker.web.api.recordings import parse_range
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.test_recordings import AUDIO, CALL, PATH, play, put
from tests.cloud_broker.world import DESK, HQ, PASSWORD, take_in

API = "/api/v1"


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    take_in(cloud, world.answered_call())
    with asking(cloud) as made:
        yield made


def sign_in(client: httpx.Client, username: str = "wang") -> None:
    answer = client.post(f"{API}/tokens", json={"username": username, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def test_a_body_that_is_too_long_is_not_collected(client: httpx.Client) -> None:
    answer = client.post(f"{API}/tokens", content=b" " * (incoming.MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["error"]["reason"]) == (413, "request")


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MAX_PAUSE_S", 0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def read(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()

    async def send(_message: Message) -> None:
        return None

    with pytest.raises(incoming.HTTPException) as refused:
        asyncio.run(incoming.BodyBounds(read)({"type": "http"}, never, send))
    assert refused.value.status_code == 408


@pytest.mark.parametrize("path", ["/tickets/{}", "/residents/{}"])
def test_a_number_beyond_every_row_is_refused(client: httpx.Client, path: str) -> None:
    sign_in(client)
    assert client.get(API + path.format(2**70)).status_code == 422


def test_a_body_with_a_number_beyond_every_row_is_refused(client: httpx.Client) -> None:
    sign_in(client)
    ticket = {"type": "repair", "items": ["water.leak"], "call": CALL, "resident": 2**70}
    assert client.post(f"{API}/tickets", json=ticket).status_code == 422
    assert client.post(f"{API}/calls/{CALL}/resident", json={"resident": 2**70}).status_code == 422


@pytest.mark.parametrize("cursor", [[2**70, 1], [1, 2**70], ["x"], [1, None]])
def test_a_forged_cursor_is_refused(client: httpx.Client, cursor: list[object]) -> None:
    sign_in(client)
    text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    assert client.get(f"{API}/tickets", params={"cursor": text}).status_code == 422


def test_a_cursor_of_nothing_but_brackets_is_refused(client: httpx.Client) -> None:
    sign_in(client)
    text = base64.urlsafe_b64encode(b"[" * 30_000).decode()
    assert client.get(f"{API}/tickets", params={"cursor": text}).status_code == 422


def test_a_nul_is_no_500(client: httpx.Client) -> None:
    assert client.post(f"{API}/tokens", json={"username": "a\0", "password": "x"}).status_code in (401, 422)
    sign_in(client)
    assert client.get(f"{API}/calls", params={"number": "\0"}).status_code in (200, 422)
    ticket = {"type": "repair", "items": ["water.leak"], "call": CALL, "note": "\0"}
    assert client.post(f"{API}/tickets", json=ticket).status_code in (201, 422)


def test_half_a_character_is_no_500(client: httpx.Client) -> None:
    body = b'{"username": "\\ud800", "password": "\\ud800"}'
    headers = {"Content-Type": "application/json"}
    answer = client.post(f"{API}/tokens", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (422, "body.username:malformed")


def test_what_was_sent_is_not_said_again(client: httpx.Client) -> None:
    answer = client.post(f"{API}/tokens", json={"username": 1, "password": ["secret"]})
    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_a_last_event_id_is_a_short_number_or_none() -> None:
    def read(text: str) -> int | None:
        headers = [(b"last-event-id", text.encode("latin-1"))]
        return incoming.read_last_event_id(incoming.Request({"type": "http", "headers": headers}))

    assert [read(text) for text in ("17", "", "x", "-1", "²", "9" * 5000)] == [17, *[None] * 5]


def test_ranges_that_are_no_ranges(client: httpx.Client, cloud: Cloud) -> None:
    client.headers["Authorization"] = f"Bearer {world.enrol(cloud)}"
    put(client, AUDIO)
    url = play(client)
    assert client.get(url, headers={"Range": "items=0-3"}).status_code == 200
    assert client.get(url, headers={"Range": f"bytes=0-{'9' * 5000}"}).status_code == 416
    assert parse_range("bytes=-0", 10) is None
    assert PATH.endswith(CALL)


def test_a_bearer_token_can_be_given_back(client: httpx.Client) -> None:
    sign_in(client)
    assert client.delete(f"{API}/session").status_code == 204
    assert client.get(f"{API}/items").status_code == 401


def add_stranger(cloud: Cloud) -> int:
    """A resident of another project; the id."""
    with cloud.database.write() as connection:
        connection.execute(insert(tables.project).values(id=9, branch="华北", name="别处", area_code="010"))
        values = {"name": "赵别人", "salutation": "赵女士", "tags": "[]", "created_ms": 0}
        connection.execute(insert(tables.resident).values(id=99, project_id=9, **values))
    return 99


def test_a_ticket_shows_nobody_of_another_project(client: httpx.Client, cloud: Cloud) -> None:
    sign_in(client)
    ticket = {"type": "repair", "items": ["water.leak"], "call": CALL, "resident": add_stranger(cloud)}
    answer = client.post(f"{API}/tickets", json=ticket)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (422, "resident:unknown")


def test_a_resident_is_saved_at_the_desk_of_the_call(cloud: Cloud) -> None:
    from cloud_broker.domain.views import Invalid, NewResident

    take_in(cloud, world.answered_call("13700000000"))
    new = NewResident(desk=world.OTHER_DESK, call=CALL, name="陈", salutation="", room="")
    with pytest.raises(Invalid, match="call"):
        cloud.writer.save_resident(HQ, new)
    assert cloud.reader.call(HQ, CALL).desk == DESK


def test_guesses_at_names_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MAX_WATCHED", 10)
    limit = people.GuessLimit()
    for number in range(100):
        limit.note_failure((f"name {number}", "127.0.0.1"), number * people.LOCK_MS)
    assert len(limit._failures) <= 11

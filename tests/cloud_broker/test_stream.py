"""Live effects: each once, in order, to the pages of its desk only; what was missed is caught up."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cloud_broker.adapters.notify import MAX_WAITING, OutboxHub, Subscriber
from cloud_broker.adapters.sql import outbox, tables
from cloud_broker.adapters.sql.bulk import insert_rows
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.views import Effect
from tests.cloud_broker import world
from tests.cloud_broker.serving import serving
from tests.cloud_broker.world import CALL, DESK, OTHER_DESK, PASSWORD, take_in


@pytest.fixture
def hub(cloud: Cloud) -> Iterator[OutboxHub]:
    cloud.hub.start()
    yield cloud.hub
    cloud.hub.close()


async def collect(
    hub: OutboxHub, desk: str, after: int | None, wanted: int, act: object = None
) -> list[Effect]:
    effects = hub.subscribe(desk, after)
    first = asyncio.ensure_future(anext(effects))
    await asyncio.sleep(0)
    if callable(act):
        await asyncio.to_thread(act)
    found = [await asyncio.wait_for(first, 10)]
    while len(found) < wanted:
        found.append(await asyncio.wait_for(anext(effects), 10))
    await effects.aclose()  # type: ignore[attr-defined]
    return found


def test_live_effects_come_once_and_in_order(cloud: Cloud, hub: OutboxHub) -> None:
    def act() -> None:
        take_in(cloud, [world.Box(source=world.OTHER_BOX).say("ring_started", 1, call=1)], desk=OTHER_DESK)
        for event in world.answered_call():
            take_in(cloud, [event])

    found = asyncio.run(collect(hub, DESK, None, 4, act))
    assert {(effect.desk, effect.kind, effect.subject) for effect in found} == {(DESK, "call", CALL)}
    assert [effect.fields.get("pop") for effect in found] == [None, None, "1", None]
    assert [effect.id for effect in found] == sorted({effect.id for effect in found})


def test_what_was_missed_is_caught_up(cloud: Cloud, hub: OutboxHub) -> None:
    take_in(cloud, world.answered_call()[:3])
    with cloud.database.read() as connection:
        seen = outbox.last_id(connection)
    take_in(cloud, world.answered_call()[3:])
    assert [effect.id for effect in asyncio.run(collect(hub, DESK, seen, 1))] == [seen + 1]


def test_a_page_that_knows_a_later_number_than_there_is_hears_what_comes(
    cloud: Cloud, hub: OutboxHub
) -> None:
    """The database was restored since."""
    found = asyncio.run(collect(hub, DESK, 1_000_000, 1, lambda: take_in(cloud, world.answered_call()[:3])))
    assert len(found) == 1


def test_numbers_of_effects_never_begin_anew(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call()[:2])
    with cloud.database.write() as connection:
        before = outbox.last_id(connection)
        outbox.forget_before(connection, world.NOW_MS + 10 * 86_400_000)
    take_in(cloud, world.answered_call()[2:])
    with cloud.database.read() as connection:
        assert outbox.last_id(connection) > before


def test_a_commit_of_another_worker_is_heard(cloud: Cloud, hub: OutboxHub) -> None:
    if cloud.database.is_sqlite:
        pytest.skip("SQLite serves one process")
    cloud.database.on_commit = lambda: None  # this process does not know: only NOTIFY can tell
    act = lambda: take_in(cloud, world.answered_call())  # noqa: E731
    assert asyncio.run(collect(hub, DESK, None, 1, act))[0].subject == CALL


def test_the_stream_over_http(cloud: Cloud) -> None:
    with serving(cloud) as client:
        token = client.post("/api/v1/tokens", json={"username": "wang", "password": PASSWORD}).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("GET", f"/api/v1/desks/{DESK}/stream", headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.iter_lines()
            assert next(lines) == ": here"
            threading.Thread(target=take_in, args=(cloud, world.answered_call()[:4])).start()
            event = read_event(lines)
    assert event["event"] == "call"
    body = json.loads(event["data"])
    assert (body["id"], body["state"], body["pop"], int(event["id"]) > 0) == (CALL, "ringing", True, True)


def read_event(lines: Iterator[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line and fields:
            return fields
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
    raise httpx.ReadError("the stream ended")


def test_a_page_that_missed_more_than_one_reading_gets_all(cloud: Cloud) -> None:
    rows = [(DESK, "call", CALL, 0, None, "{}")] * 1_201
    with cloud.database.write() as connection:
        insert_rows(connection, tables.outbox, ("desk", "kind", "subject", "at_ms", "once", "fields"), rows)
    found = asyncio.run(collect(cloud.hub, DESK, 0, 1_201))  # not started: nothing comes live
    assert len({effect.id for effect in found}) == 1_201


def test_a_page_that_does_not_read_is_cut_off_so_that_it_catches_up(cloud: Cloud) -> None:
    """Nothing is left out in the middle: the stream ends."""

    async def sleep_on() -> list[Effect | None]:
        subscriber = Subscriber(DESK)
        for number in range(MAX_WAITING + 5):
            subscriber._put(Effect(number, DESK, "call", CALL, datetime.now(UTC), {}))
        return [subscriber.queue.get_nowait() for _ in range(subscriber.queue.qsize())]

    assert asyncio.run(sleep_on()) == [None]


def test_a_pool_without_a_free_connection_stops_no_page(
    cloud: Cloud, hub: OutboxHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    read_after = outbox.read_after

    def fail_once(*args: object, **more: object) -> list[Effect]:
        if not failed.is_set():
            failed.set()
            raise PoolTimeout("QueuePool limit reached")
        return read_after(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "read_after", fail_once)
    assert failed.wait(10)
    found = asyncio.run(collect(hub, DESK, None, 1, lambda: take_in(cloud, world.answered_call())))
    assert found[0].subject == CALL


def test_a_stream_ends_with_its_session(cloud: Cloud) -> None:
    with serving(cloud) as client:
        token = client.post("/api/v1/tokens", json={"username": "wang", "password": PASSWORD}).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("GET", f"/api/v1/desks/{DESK}/stream", headers=headers) as response:
            lines = response.iter_lines()
            assert next(lines) == ": here"
            cloud.people.log_out(token)
            take_in(cloud, world.answered_call()[:4])
            assert not [line for line in lines if line.startswith("data")]

"""The consumer's thread outlives whatever fails: nothing good is set aside, nothing that fails stops it."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import InternalError, OperationalError, TimeoutError

from cloud_broker.adapters.mqtt import Incoming
from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.handlers import consumer as consumer_module
from cloud_broker.handlers.consumer import Consumer
from cloud_broker.handlers.ingest import BatchResult
from tests.cloud_broker import world
from tests.cloud_broker.world import message


class OneBatch:
    """A connection that has one batch; then the consumer is closed."""

    def __init__(self, batch: list[Incoming]) -> None:
        self.consumer: Consumer
        self.acknowledged: list[Incoming] = []
        self.said: list[tuple[str, bytes]] = []
        self._batches = [batch]

    def receive(self, _timeout_s: float) -> list[Incoming]:
        if not self._batches:
            self.consumer._closing.set()
            return []
        return self._batches.pop()

    def acknowledge(self, batch: Sequence[Incoming]) -> None:
        self.acknowledged += batch

    def publish(self, topic: str, payload: bytes) -> bool:
        self.said.append((topic, payload))
        return True

    def close(self) -> None:
        return None


def consume(cloud: Cloud, batch: list[Incoming]) -> OneBatch:
    connection = OneBatch(batch)
    connection.consumer = Consumer(connection, cloud.database, cloud.clock, lambda pop: b"{}")  # type: ignore[arg-type]
    connection.consumer._run()
    return connection


def incoming(topic: str, payload: bytes) -> Incoming:
    return Incoming(topic, payload, 1, 1, None)  # type: ignore[arg-type]


def count(cloud: Cloud, table: str) -> int:
    with cloud.database.read() as connection:
        return connection.execute(
            select(func.count()).select_from(tables.metadata.tables[table])
        ).scalar_one()


def fail(*_: object) -> None:
    raise RuntimeError("no")


def test_a_sweep_that_fails_costs_no_event(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "close_calls_of_absent_boxes", fail)
    batch = [incoming(*message(world.answered_call()[0])[:2])]
    connection = consume(cloud, batch)
    assert connection.acknowledged == batch
    assert (count(cloud, "event"), count(cloud, "dead_letter")) == (1, 0)


def test_a_database_that_goes_away_while_a_message_is_set_aside(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "ingest", fail)
    monkeypatch.setattr(consumer_module, "RETRY_S", 0.0)
    set_aside, tries = consumer_module.set_aside, []

    def away_once(*args: object) -> object:
        tries.append(args)
        if len(tries) == 1:
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))
        return set_aside(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(consumer_module, "set_aside", away_once)
    batch = [incoming(*message(world.answered_call()[0])[:2])]
    assert consume(cloud, batch).acknowledged == batch
    assert count(cloud, "dead_letter") == 1


def test_what_cannot_even_be_set_aside_is_not_acknowledged(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried until there is room for it; nothing passes it."""
    tries = []

    def fail_twice(*_: object) -> BatchResult:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError
        return BatchResult()

    monkeypatch.setattr(consumer_module, "ingest", fail)
    monkeypatch.setattr(consumer_module, "set_aside", fail_twice)
    monkeypatch.setattr(consumer_module, "RETRY_S", 0)
    one = incoming(*message(world.answered_call()[0])[:2])
    assert consume(cloud, [one]).acknowledged == [one]
    assert len(tries) == 3


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("no connection is free"),
        InternalError("INSERT", {}, psycopg.errors.ReadOnlySqlTransaction("a standby")),
    ],
)
def test_a_database_that_cannot_work_now_costs_no_event(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real, failures = consumer_module.ingest, [error, error]

    def ingest_later(*arguments: Any) -> BatchResult:
        if failures:
            raise failures.pop()
        return real(*arguments)

    monkeypatch.setattr(consumer_module, "ingest", ingest_later)
    monkeypatch.setattr(consumer_module, "RETRY_S", 0)
    one = incoming(*message(world.answered_call()[0])[:2])
    assert consume(cloud, [one]).acknowledged == [one]
    assert (count(cloud, "dead_letter"), count(cloud, "event")) == (0, 1)


@pytest.mark.parametrize(("boot", "seq"), [("no boot", 1), (world.BOOT, -1), (world.BOOT, 2**32)])
def test_an_impossible_id_is_not_listed_as_committed(cloud: Cloud, boot: str, seq: int) -> None:
    """An agent refuses a whole `committed` with such a range in it."""
    good = message(world.answered_call()[0])
    bad = json.dumps(json.loads(good.payload) | {"boot": boot, "seq": seq}).encode()
    connection = consume(cloud, [incoming(good.topic, bad), incoming(*good[:2])])
    ((_, said),) = connection.said
    assert json.loads(said)["ranges"] == [[world.BOOT, 1, 1]]

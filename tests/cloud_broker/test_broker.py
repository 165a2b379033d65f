"""Through a real broker: who may speak where, commit before acknowledgement, and a broker that goes away."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cloud_broker.adapters.mosquitto import (
    CLOUD_USER,
    build_acl,
    derive_password,
    encode_password,
    write_passwords,
)
from cloud_broker.adapters.mqtt import MAX_DELAY_S, Broker, Connection, backoff_s
from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud, build_connection, build_consumer
from cloud_broker.handlers.enrolment import Enrolment
from tests.cloud_broker import world
from tests.cloud_broker.brokers import DeskClient, Mosquitto, desk_topic, free_port
from tests.cloud_broker.world import BOX, CALL, DESK, HQ, OTHER_DESK, message

SECRET = b"k" * 32
SECOND_AGENT = "0c0c0c0c0c0c"
WAIT_S = 15.0


@pytest.fixture
def broker(tmp_path: Path, cloud: Cloud) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    enrolment = Enrolment(cloud.database, cloud.clock, SECRET, made.folder)
    for desk, agent in ((DESK, world.AGENT), (OTHER_DESK, "0b0b0b0b0b0b")):
        enrolment.enrol(enrolment.make_code(desk), agent, "pc", "1")
    with made:
        yield made


@contextmanager
def consuming(cloud: Cloud, broker: Mosquitto) -> Iterator[Connection]:
    settings = cloud.settings.model_copy(update={"mqtt_port": broker.port, "mosquitto_dir": broker.folder})
    placed = replace(cloud, settings=settings)
    connection = build_connection(placed)
    consumer = build_consumer(placed, connection)
    consumer.start()
    try:
        assert connection.connected.wait(WAIT_S)
        yield connection
    finally:
        consumer.close()


def desk_client(broker: Mosquitto, desk: str = DESK) -> DeskClient:
    return DeskClient(broker.port, desk, derive_password(SECRET, desk, 1))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def count_events(cloud: Cloud) -> int:
    with cloud.database.read() as connection:
        return connection.execute(select(func.count()).select_from(tables.event)).scalar_one()


@pytest.mark.needs("mosquitto")
def test_a_call_through_the_broker(cloud: Cloud, broker: Mosquitto) -> None:
    with consuming(cloud, broker):
        desk = desk_client(broker)
        desk.subscribe(desk_topic("+/committed"), desk_topic("pop"))
        for event in world.answered_call()[:4]:
            desk.publish(*message(event)[:2])
        assert desk.take("pop")["name"] == "陈建国"
        desk.publish(desk_topic(f"{BOX}/event"), b"noise")
        for event in world.answered_call()[4:]:
            desk.publish(*message(event)[:2])
        until(lambda: count_events(cloud) == 8)
        desk.close()
    assert cloud.reader.call(HQ, CALL).outcome == "answered"


@pytest.mark.needs("mosquitto")
def test_what_is_committed_is_said_after_the_commit(cloud: Cloud, broker: Mosquitto) -> None:
    with consuming(cloud, broker):
        desk = desk_client(broker)
        desk.subscribe(desk_topic("+/committed"))
        desk.publish(*message(world.answered_call()[0])[:2])
        assert desk.take("committed") == {"v": 1, "source": BOX, "ranges": [[world.BOOT, 1, 1]]}
        assert count_events(cloud) == 1
        desk.close()


@pytest.mark.needs("mosquitto")
def test_the_cloud_comes_back_to_a_broker_that_was_killed(cloud: Cloud, broker: Mosquitto) -> None:
    with consuming(cloud, broker) as connection:
        broker.kill()
        until(lambda: not connection.connected.is_set())
        assert not connection.publish(desk_topic("pop"), b"{}")
        broker.start()
        assert connection.connected.wait(WAIT_S)
        desk = desk_client(broker)
        desk.publish(*message(world.answered_call()[0])[:2])
        until(lambda: count_events(cloud) == 1)
        desk.close()


@pytest.mark.needs("mosquitto")
def test_one_message_that_cannot_be_stored_stops_no_other(cloud: Cloud, broker: Mosquitto) -> None:
    """PostgreSQL takes no NUL in a text; SQLite does, so there it is stored as it is."""
    events = world.answered_call()
    poison = events[3]._replace(fields={"call": 2, "format": "fsk\0mdmf", "number": "13800138000"})
    with consuming(cloud, broker):
        desk = desk_client(broker)
        for event in (events[1], poison, *events[4:]):
            desk.publish(*message(event)[:2])
        wanted = 6 if cloud.database.is_sqlite else 5
        until(lambda: count_events(cloud) == wanted)
        desk.close()
    with cloud.database.read() as connection:
        reasons = connection.execute(select(tables.dead_letter.c.reason)).scalars().all()
    assert reasons == ([] if cloud.database.is_sqlite else ["unstorable"])
    assert cloud.reader.call(HQ, CALL).outcome == "answered"


@pytest.mark.needs("mosquitto")
def test_a_desk_is_held_in_its_own_topics(cloud: Cloud, broker: Mosquitto) -> None:
    with consuming(cloud, broker):
        desk, other = desk_client(broker), desk_client(broker, OTHER_DESK)
        other.subscribe(desk_topic("#"), desk_topic(f"{BOX}/committed"), desk_topic("pop"))
        desk.subscribe(desk_topic("pop"))
        other.publish(*message(world.answered_call()[0], DESK)[:2])
        other.publish(desk_topic("pop"), b"{}")
        desk.publish(desk_topic(f"{BOX}/command"), b"{}")  # only the cloud commands
        for event in world.answered_call()[:4]:
            desk.publish(*message(event)[:2])
        assert desk.take("pop")["call"] == CALL
        assert other.received.empty()
        desk.close()
        other.close()
    assert cloud.reader.desk(HQ, OTHER_DESK).links.box is None


@pytest.mark.needs("mosquitto")
def test_strangers_and_revoked_desks_stay_out(cloud: Cloud, broker: Mosquitto) -> None:
    for client in (DeskClient(broker.port), DeskClient(broker.port, DESK, "guess")):
        assert not client.is_in
        client.close()
    known = desk_client(broker)
    assert known.is_in
    known.close()
    write_passwords(broker.folder, {CLOUD_USER: "x"})

    def is_out() -> bool:
        client = desk_client(broker)
        client.close()
        return not client.is_in

    until(is_out)


@pytest.mark.needs("mosquitto")
def test_with_the_last_pc_of_a_desk_its_broker_password_goes(cloud: Cloud, broker: Mosquitto) -> None:
    enrolment = Enrolment(cloud.database, cloud.clock, SECRET, broker.folder)

    def enrol(agent: str) -> str:
        return enrolment.enrol(enrolment.make_code(DESK), agent, "pc", "1").mqtt_password

    def is_let_in(password: str) -> bool:
        client = DeskClient(broker.port, DESK, password)
        client.close()
        return client.is_in

    password = enrol(SECOND_AGENT)
    assert enrolment.revoke(world.AGENT) == [SECOND_AGENT]
    assert is_let_in(password)
    assert enrolment.revoke(SECOND_AGENT) == []
    until(lambda: not is_let_in(password))
    password = enrol(SECOND_AGENT)
    until(lambda: is_let_in(password))


@pytest.mark.needs("mosquitto")
def test_the_open_connection_of_a_stolen_pc_is_cut(cloud: Cloud, broker: Mosquitto) -> None:
    enrolment = Enrolment(cloud.database, cloud.clock, SECRET, broker.folder)
    stolen, other = desk_client(broker), desk_client(broker, OTHER_DESK)
    assert stolen.is_in and other.is_in
    assert enrolment.revoke(world.AGENT) == []
    assert stolen.was_cut.wait(WAIT_S)
    assert other.subscribe(desk_topic("pop", OTHER_DESK)) == [True]
    assert not other.was_cut.is_set()
    for client in (stolen, other):
        client.close()


def test_no_broker_is_not_an_error() -> None:
    connection = Connection(Broker("127.0.0.1", free_port()))
    assert [connection.receive(0.0) for _ in range(3)] == [[], [], []]
    assert not connection.connected.is_set()
    assert not connection.publish("anywhere", b"")
    connection.close()


def test_backoff_is_jittered_and_bounded() -> None:
    rng = random.Random(1)
    delays = [backoff_s(attempt, rng) for attempt in range(200)]
    assert 0 <= min(delays) <= max(delays) <= MAX_DELAY_S
    assert max(delays[:3]) <= 2.0
    assert len(set(delays)) == 200


def test_password_form() -> None:
    """PBKDF2-SHA512: 12 bytes of salt, 64 of digest; that Mosquitto takes it, the tests above show."""
    encoded = encode_password("secret", bytes(12))
    head, rounds, salt, digest = encoded.strip("$").split("$")
    assert (head, rounds, salt, len(digest)) == ("7", "101", "AAAAAAAAAAAAAAAA", 88)
    assert derive_password(SECRET, DESK, 1) != derive_password(SECRET, DESK, 2)


def test_acl_gives_each_topic_its_direction() -> None:
    lines = build_acl().splitlines()
    assert "pattern write cloudseat/v1/%u/+/event" in lines
    assert "pattern read cloudseat/v1/%u/+/committed" in lines
    assert "pattern read cloudseat/v1/%u/+/command" in lines
    assert not [line for line in lines if "readwrite" in line and "%u" in line]

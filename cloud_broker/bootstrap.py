"""The one place that wires: settings in, the parts of a running cloud out."""

import json
from dataclasses import dataclass

from argon2 import PasswordHasher

from cloud_broker.adapters.clock import build_clock
from cloud_broker.adapters.mosquitto import CLOUD_USER, derive_password
from cloud_broker.adapters.mqtt import Broker, Connection
from cloud_broker.adapters.notify import OutboxHub
from cloud_broker.adapters.objects import open_store
from cloud_broker.adapters.secret import load_secret
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import migrate
from cloud_broker.adapters.sql.reader import SqlReader
from cloud_broker.adapters.sql.resident_views import match_numbers
from cloud_broker.adapters.sql.writer import SqlWriter
from cloud_broker.domain.pops import Pop
from cloud_broker.domain.times import iso_ms
from cloud_broker.errors import DemoPasswords
from cloud_broker.handlers.consumer import Consumer
from cloud_broker.handlers.enrolment import Enrolment, count_demo_users
from cloud_broker.handlers.nightly import Nightly
from cloud_broker.handlers.operations import SqlOperations
from cloud_broker.handlers.people import People
from cloud_broker.handlers.playback import Playback
from cloud_broker.handlers.recordings import Recordings
from cloud_broker.ports import Clock, ObjectStore
from cloud_broker.settings import Settings


@dataclass(frozen=True)
class Cloud:
    """Everything a web worker or a command works with."""

    settings: Settings
    clock: Clock
    database: Database
    store: ObjectStore
    people: People
    enrolment: Enrolment
    recordings: Recordings
    playback: Playback
    reader: SqlReader
    writer: SqlWriter
    operations: SqlOperations
    hub: OutboxHub
    secret: bytes

    def close(self) -> None:
        self.database.close()


def build_cloud(settings: Settings) -> Cloud:
    """Open the database, bring its schema up to date, and put the parts together.

    Raises:
        DatabaseUnreachable, TimeServiceLost, DemoPasswords.
    """
    secret = load_secret(settings.data_dir)
    database = Database(settings.database)
    try:
        database.check()
        migrate(database)
        if not settings.demo and count_demo_users(database):
            raise DemoPasswords
        clock = build_clock(settings.clock)
        return assemble(settings, clock, database, open_store(settings.recordings), secret)
    except BaseException:
        database.close()
        raise


def assemble(
    settings: Settings,
    clock: Clock,
    database: Database,
    store: ObjectStore,
    secret: bytes,
    hasher: PasswordHasher | None = None,
) -> Cloud:
    """Put ready parts together; tests bring their own clock and a cheaper password hash."""
    reader = SqlReader(database, clock)
    playback = Playback(database, clock, secret)
    return Cloud(
        settings=settings,
        clock=clock,
        database=database,
        store=store,
        people=People(database, clock, hasher),
        enrolment=Enrolment(database, clock, secret, settings.mosquitto_dir),
        recordings=Recordings(database, store, clock),
        playback=playback,
        reader=reader,
        writer=SqlWriter(database, clock, reader, playback.sign),
        operations=SqlOperations(database, clock),
        hub=OutboxHub(database),
        secret=secret,
    )


def build_connection(cloud: Cloud) -> Connection:
    """The way to the broker; the consumer's thread connects it."""
    return Connection(build_broker(cloud.settings, cloud.secret))


def build_consumer(cloud: Cloud, connection: Connection) -> Consumer:
    """The thread that works through what the broker has; not started."""
    return Consumer(connection, cloud.database, cloud.clock, lambda pop: describe_pop(cloud.database, pop))


def build_nightly(cloud: Cloud) -> Nightly:
    """The thread that works at night; not started."""
    return Nightly(cloud.database, cloud.clock, cloud.settings.reconcile_at_ms, cloud.recordings)


def build_broker(settings: Settings, secret: bytes) -> Broker:
    """Our own user where we keep the broker's passwords, else what the settings say."""
    username, password = settings.mqtt_username, settings.mqtt_password.get_secret_value()
    if settings.mosquitto_dir is not None and not username:
        username, password = CLOUD_USER, derive_password(secret, CLOUD_USER, 0)
    return Broker(
        settings.mqtt_host,
        settings.mqtt_port,
        username,
        password,
        settings.mqtt_client_id,
        settings.mqtt_share,
    )


def describe_pop(database: Database, pop: Pop) -> bytes:
    """The payload of the pop topic: a name only when exactly one present resident has the number."""
    with database.read() as connection:
        called = pop.desk, pop.e164
        matches = match_numbers(connection, [called]).get(called, [])
    present = [match for match in matches if not match.former]
    body = {
        "v": 1,
        "call": pop.call_id,
        "at": iso_ms(pop.at_ms),
        "number": pop.number,
        "name": present[0].name if len(present) == 1 else None,
        "rooms": list(present[0].rooms) if len(present) == 1 else [],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

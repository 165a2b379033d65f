"""A cloud on SQLite and on a private PostgreSQL cluster, with a clock that only moves when told."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cloud_broker.adapters.objects import FolderStore
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import migrate
from cloud_broker.adapters.sql.tables import metadata
from cloud_broker.bootstrap import Cloud, assemble
from cloud_broker.settings import Settings
from sim.postgres import Cluster
from tests.cloud_broker import world


class FakeClock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.ms = world.NOW_MS

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql(cluster: Cluster) -> Iterator[Database]:
    """One database for all tests: emptying it is ten times quicker than making another."""
    database = Database(cluster.create("cloud"))
    migrate(database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        shared: Database = request.getfixturevalue("postgresql")
        with shared.write() as connection:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        world.build(shared)
        yield shared
        return
    path = tmp_path / "cloud.sqlite3"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    opened = Database(f"sqlite:///{path}")
    world.build(opened)
    yield opened
    opened.close()


@pytest.fixture
def cloud(database: Database, clock: FakeClock, tmp_path: Path) -> Cloud:
    settings = Settings(data_dir=tmp_path, demo=True, agent_mqtt_host="broker.test", agent_mqtt_port=1883)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    made = assemble(settings, clock, database, FolderStore(tmp_path / "store"), b"k" * 32, hasher)
    world.add_users(made)
    return made

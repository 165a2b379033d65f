"""A whole cloud goes into a folder and comes back, from either database into either, and works on."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from argon2 import PasswordHasher
from sqlalchemy import select

from cloud_broker.adapters.objects import FolderStore
from cloud_broker.adapters.secret import load_secret
from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import build_config
from cloud_broker.adapters.sql.tables import metadata
from cloud_broker.bootstrap import Cloud, assemble
from cloud_broker.domain.views import NewTicket
from cloud_broker.errors import BackupRefused
from cloud_broker.handlers.backup import MANIFEST, Report, back_up, restore
from cloud_broker.settings import Settings
from sim.postgres import Cluster
from tests.cloud_broker import world
from tests.cloud_broker.world import AGENT, CALL, DESK, HQ, PASSWORD, WANG, Box, take_in

AUDIO = b"OggS" + bytes(range(256)) * 3000
Told = list[tuple[str, int, int]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database that has not even a schema."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'restored.sqlite3'}")
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        opened = Database(cluster.create(f"restored{abs(hash(tmp_path))}"))
    yield opened
    opened.close()


@pytest.fixture
def lived_in(cloud: Cloud) -> Cloud:
    """A cloud with a day's work in it."""
    load_secret(cloud.settings.data_dir)
    world.enrol(cloud)
    take_in(cloud, world.answered_call())
    take_in(cloud, [Box(boot=world.LATER_BOOT).say("fault", 1, part="loop", reason="\u00e9\n")])
    take_in(cloud, [world.answered_call("13900000000")[3]])  # a conflict: a letter with bytes, an alarm
    cloud.recordings.put_whole(DESK, CALL, AUDIO, world.digest_of(AUDIO), 32_000)
    cloud.recordings.put_part(DESK, f"{world.BOX}-{world.LATER_BOOT}-1", 0, b"part", world.digest_of(b"part"))
    new = NewTicket(DESK, CALL, "repair", ["water.leak"], "3-2-1102", "漏水", 60, None, "k")
    cloud.writer.create_ticket(WANG, new)
    return cloud


def save(cloud: Cloud, folder: Path, told: Told | None = None) -> Report:
    tell: Callable[..., Any] = (lambda *what: told.append(what)) if told is not None else (lambda *_: None)
    return back_up(cloud.database, cloud.store, cloud.settings.data_dir, folder, world.NOW_MS, tell)


def bring_back(target: Database, home: Path, folder: Path) -> Cloud:
    store = FolderStore(home / "store")
    restore(target, store, home, folder, lambda *_: None)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    clock = type("Clock", (), {"now_ms": lambda self: world.NOW_MS})()
    return assemble(Settings(data_dir=home), clock, target, store, load_secret(home), hasher)


def read_all(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as connection:
        found = {}
        for table in metadata.sorted_tables:
            rows = connection.execute(select(table)).all()
            values = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]
            found[table.name] = sorted(values, key=repr)
        return found


def test_everything_comes_back_and_works_on(lived_in: Cloud, target: Database, tmp_path: Path) -> None:
    folder, home, told = tmp_path / "backup", tmp_path / "home", []  # type: Path, Path, Told
    report = save(lived_in, folder, told)
    assert (report.recordings, report.damaged) == (1, [])
    assert sum(done for what, done, _ in told if what == "tables") == report.rows == told[0][2]
    before = read_all(lived_in.database)
    take_in(lived_in, [Box(boot="1f2e3d4c-9").say("fault", 1, part="x", reason="after the back-up")])
    restored = bring_back(target, home, folder)
    after = read_all(target)
    uploading = [row for row in before["recording"] if row[1] == "uploading"]
    assert len(uploading) == 1
    before["recording"] = [row for row in before["recording"] if row not in uploading]
    assert after == before
    assert restored.store.get_range(f"calls/{CALL}.ogg", 0, len(AUDIO)) == AUDIO
    assert (home / "secret.key").read_bytes() == (lived_in.settings.data_dir / "secret.key").read_bytes()
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600
    works_on(restored)


def works_on(cloud: Cloud) -> None:
    """People log in, old calls are there, new ones come, and numbers of rows go on."""
    assert cloud.people.log_in("wang", PASSWORD, address="x").user.name == "小王"
    assert cloud.reader.call(HQ, CALL).recording.state == "verified"
    take_in(cloud, world.answered_call())  # sent again: known
    later = Box(boot="1f2e3d4c-9")
    take_in(cloud, world.missed_call(box=later))
    assert len(cloud.reader.calls(HQ, world.ANY_CALL, None, 10).items) == 2
    new = NewTicket(DESK, None, "repair", ["water.leak"], "1-1-101", "x", 60, None, "other")
    first = cloud.reader.tickets(HQ, world.ANY_TICKET, None, 10).items[0]
    assert cloud.writer.create_ticket(WANG, new).id == first.id + 1


def test_a_damaged_recording_is_named_and_the_rest_is_saved(lived_in: Cloud, tmp_path: Path) -> None:
    lived_in.store.put(f"calls/{CALL}.ogg", iter([AUDIO[:-1] + b"!"]))
    report = save(lived_in, tmp_path / "backup")
    assert (report.recordings, report.damaged) == (0, [CALL])
    lived_in.store.delete(f"calls/{CALL}.ogg")
    assert save(lived_in, tmp_path / "second").damaged == [CALL]


def test_a_recording_that_was_damaged_can_be_sent_again(
    lived_in: Cloud, target: Database, tmp_path: Path
) -> None:
    lived_in.store.delete(f"calls/{CALL}.ogg")
    send_again(lived_in)  # to the cloud that lost it
    lived_in.store.delete(f"calls/{CALL}.ogg")
    save(lived_in, tmp_path / "backup")
    send_again(bring_back(target, tmp_path / "home", tmp_path / "backup"))


def send_again(cloud: Cloud) -> None:
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(AUDIO).digest()).decode()}:"
    stored = cloud.recordings.put_whole(DESK, CALL, AUDIO, digest, 32_000)
    assert (stored.state, stored.created) == ("verified", True)
    assert cloud.store.size(f"calls/{CALL}.ogg") == len(AUDIO)


def refuse(database: Database, home: Path, folder: Path, sentence: str) -> None:
    with pytest.raises(BackupRefused, match=sentence):
        restore(database, FolderStore(home / "store"), home, folder, lambda *_: None)
    assert not (home / "secret.key").exists()
    assert not list((home / "store").rglob("*.ogg"))


def damage(folder: Path) -> Iterator[str]:
    """Ways to damage a back-up; yields what a refusal says after each."""
    manifest = folder / MANIFEST
    good = manifest.read_bytes()
    recording = folder / "recordings" / f"{CALL}.ogg"
    recording.write_bytes(AUDIO[:-1])
    yield f"recordings/{CALL}.ogg is missing or damaged"
    recording.unlink()
    yield "missing or damaged"
    recording.write_bytes(AUDIO)
    manifest.write_bytes(good.replace(b"tables/call.jsonl.gz", b"../../call.jsonl.gz"))
    yield "leaves tables out"
    body = json.loads(good)
    body["files"]["../outside"] = {"sha256": "", "bytes": 0}
    manifest.write_text(json.dumps(body))
    yield "outside the back-up"
    manifest.write_text(json.dumps(json.loads(good) | {"format": 99}))
    yield "has format 99"
    manifest.write_text(json.dumps(json.loads(good) | {"revision": "9999"}))
    yield "made by a newer cloud"
    manifest.unlink()
    yield "is no back-up"
    manifest.write_bytes(good)


def test_nothing_is_touched_where_a_restore_is_refused(lived_in: Cloud, tmp_path: Path) -> None:
    folder, home = tmp_path / "backup", tmp_path / "home"
    save(lived_in, folder)
    empty = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    for sentence in damage(folder):
        refuse(empty, home, folder, sentence)
    assert not metadata.tables.keys() & set(_names(empty))
    refuse(lived_in.database, home, folder, "The database is not empty")
    FolderStore(home / "store").put("calls/other", iter([b"x"]))
    refuse(empty, home, folder, "The store of recordings is not empty")
    with pytest.raises(BackupRefused, match="is not empty"):
        save(lived_in, folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret.key").write_bytes(b"x" * 32)
    with pytest.raises(BackupRefused, match="another key"):
        restore(empty, FolderStore(other / "store"), other, folder, lambda *_: None)
    assert (other / "secret.key").read_bytes() == b"x" * 32
    empty.close()


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        query = "SELECT name FROM sqlite_master"
        return [row[0] for row in connection.exec_driver_sql(query)]


def test_a_restore_that_was_cut_is_done_again(lived_in: Cloud, tmp_path: Path) -> None:
    folder, home = tmp_path / "backup", tmp_path / "home"
    save(lived_in, folder)
    empty = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    def cut(what: str, _done: int, _total: int) -> None:
        if what == "tables":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(empty, FolderStore(home / "store"), home, folder, cut)
    assert restore(empty, FolderStore(home / "store"), home, folder, lambda *_: None).recordings == 1
    assert len(read_all(empty)["event"]) == 9
    empty.close()


def test_a_backup_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    old = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    with old.engine.connect() as connection:
        command.upgrade(build_config(connection), "0002")
    with old.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO dead_letter (at_ms, topic, reason, payload) VALUES (5, 't', 'json', x'00ff')"
        )
    folder = tmp_path / "backup"
    back_up(old, FolderStore(tmp_path / "none"), tmp_path / "nowhere", folder, 0, lambda *_: None)
    new = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    restore(new, FolderStore(tmp_path / "store2"), tmp_path / "home", folder, lambda *_: None)
    with new.read() as connection:
        row = connection.execute(tables.dead_letter.select()).one()
    assert (bytes(row.payload), row.count, row.last_ms) == (b"\x00\xff", 1, 5)
    old.close()
    new.close()


def test_one_moment_is_saved_whatever_comes_meanwhile(lived_in: Cloud, tmp_path: Path) -> None:
    """A call that is committed while tables are written is in none of them."""
    folder, told = tmp_path / "backup", []  # type: Path, Told

    def commit_meanwhile(what: str, done: int, total: int) -> None:
        if not told:
            take_in(lived_in, world.missed_call(box=Box(boot="1f2e3d4c-9")))
        told.append((what, done, total))

    home = tmp_path / "home"
    back_up(
        lived_in.database, lived_in.store, lived_in.settings.data_dir, folder, world.NOW_MS, commit_meanwhile
    )
    target = Database(f"sqlite:///{tmp_path / 'restored.sqlite3'}")
    restored = bring_back(target, home, folder)
    rows = read_all(restored.database)
    assert (len(rows["event"]), len(rows["call"])) == (9, 1)
    assert {row[1] for row in rows["boot"] if row[0] != AGENT} == {world.BOOT, world.LATER_BOOT}
    target.close()
    shutil.rmtree(folder)

"""Back-up and restore of a whole cloud: the database first, at one moment, then the recordings its rows name.

    DIR/tables/<table>.jsonl.gz   DIR/recordings/<call>.ogg   DIR/secret.key   DIR/manifest.json

The manifest comes last and has the SHA-256 of every file: a folder without one is no back-up. A restore reads
all of it before it touches anything, and goes only into an empty cloud. Parts of uploads under way are left
out: the desk PCs send them again. The folder holds the secret key and all numbers: keep it as the server.
"""

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from cloud_broker.adapters.secret import KEY_FILE
from cloud_broker.adapters.sql import dump, tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.adapters.sql.migrate import knows_revision, migrate
from cloud_broker.domain.times import iso_ms
from cloud_broker.errors import BackupRefused
from cloud_broker.handlers.recordings import key_of, read_range
from cloud_broker.ports import ObjectStore

MANIFEST = "manifest.json"
FORMAT = 1
HELD = ("verified", "legal_hold")
READ_BYTES = 1024 * 1024
Tell = Callable[[str, int, int], None]
"""Called with what is done (`tables`, `recordings`, `check`), how much of it more, and how much it is."""


@dataclass(frozen=True)
class Report:
    """What a back-up or a restore did. `damaged`: recordings that are not in the store as their rows say."""

    rows: int
    recordings: int
    bytes: int
    damaged: list[str] = field(default_factory=list)


def back_up(
    database: Database, store: ObjectStore, data_dir: Path, folder: Path, now_ms: int, tell: Tell
) -> Report:
    """Write a back-up into `folder`; the cloud may run meanwhile.

    Raises:
        BackupRefused: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupRefused(f"The folder {folder} is not empty. Name a new one for each back-up.")
    for room in (folder, folder / "tables", folder / "recordings"):
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
    with dump.open_snapshot(database) as connection:
        revision = dump.read_revision(connection)
        counted = dump.count_rows(connection)
        total = sum(counted.values())
        for name in counted:
            path = folder / "tables" / f"{name}.jsonl.gz"
            dump.write_table(connection, name, path, lambda rows: tell("tables", rows, total))
        recording = tables.recording.c
        query = select(recording.call_id, recording.sha256, recording.bytes).where(recording.state.in_(HELD))
        rows = connection.execute(query.order_by(recording.call_id)).all()
    damaged = []
    for row in rows:
        if not _copy_recording(store, row, folder / "recordings" / f"{row.call_id}.ogg"):
            damaged.append(row.call_id)
        tell("recordings", 1, len(rows))
    if (key := data_dir / KEY_FILE).exists():
        _write(folder / KEY_FILE, iter([key.read_bytes()]))
    files = _hash_files(folder)
    manifest = {
        "format": FORMAT,
        "made_at": iso_ms(now_ms),
        "version": importlib.metadata.version("cloudseat"),
        "revision": revision,
        "rows": counted,
        "damaged": damaged,
        "files": files,
    }
    _write(folder / MANIFEST, iter([json.dumps(manifest, indent=1).encode()]))
    written = sum(file["bytes"] for file in files.values())
    return Report(total, len(rows) - len(damaged), written, damaged)


def restore(database: Database, store: ObjectStore, data_dir: Path, folder: Path, tell: Tell) -> Report:
    """Bring a back-up into an empty cloud, after every file of it was checked.

    Raises:
        BackupRefused: no back-up, of a newer cloud, damaged, or the cloud is not empty; nothing was changed.
    """
    manifest = _read_manifest(folder)
    files: dict[str, Any] = manifest["files"]
    for name, wanted in files.items():
        _check_file(folder, name, wanted)
        tell("check", 1, len(files))
    calls = {Path(name).stem for name in files if name.startswith("recordings/")}
    _check_target(database, store, {key_of(call) for call in calls})
    if KEY_FILE in files:
        _check_key(data_dir / KEY_FILE, folder / KEY_FILE)
    for call in sorted(calls):
        store.put(key_of(call), _read_pieces(folder / "recordings" / f"{call}.ogg"))
        tell("recordings", 1, len(calls))
    if KEY_FILE in files:
        data_dir.mkdir(parents=True, exist_ok=True)
        _write(data_dir / KEY_FILE, _read_pieces(folder / KEY_FILE))
    total = sum(manifest["rows"].values())
    paths = {name: folder / "tables" / f"{name}.jsonl.gz" for name in manifest["rows"]}
    dump.read_tables(database, manifest["revision"], paths, lambda rows: tell("tables", rows, total))
    migrate(database)
    with database.write() as connection:  # their parts were left out
        connection.execute(delete(tables.recording).where(tables.recording.c.state == "uploading"))
        for call in manifest["damaged"]:  # there is no file: the desk PC may send its own again
            connection.execute(delete(tables.recording).where(tables.recording.c.call_id == call))
    return Report(total, len(calls), sum(f["bytes"] for f in files.values()), manifest["damaged"])


def _copy_recording(store: ObjectStore, row: Any, path: Path) -> bool:
    """False, and no file, when what the store has is not what the row says."""
    size = store.size(key_of(row.call_id))
    if size is None:
        return False
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for piece in read_range(store, row.call_id, 0, size - 1):
            digest.update(piece)
            yield piece

    _write(path, pieces())
    if digest.hexdigest() == row.sha256:
        return True
    path.unlink()
    return False


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        known = {name: manifest[name] for name in ("format", "revision", "rows", "files", "damaged")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(f"{folder} is no back-up: it has no readable {MANIFEST}.") from error
    if known["format"] != FORMAT:
        raise BackupRefused(f"This back-up has format {known['format']}; this cloud reads {FORMAT}.")
    if not knows_revision(str(known["revision"])):
        raise BackupRefused(
            f"This back-up was made by a newer cloud (schema {known['revision']}). Install that one first."
        )
    if {f"tables/{name}.jsonl.gz" for name in known["rows"]} - set(known["files"]):
        raise BackupRefused(f"{folder} is no back-up: its manifest leaves tables out.")
    return known


def _check_file(folder: Path, name: str, wanted: dict[str, Any]) -> None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BackupRefused(f"The manifest names a file outside the back-up: {name}.")
    if not path.is_file() or _hash(path) != wanted["sha256"]:
        raise BackupRefused(
            f"The file {name} is missing or damaged. Take another back-up; nothing was changed."
        )


def _check_target(database: Database, store: ObjectStore, keys: set[str]) -> None:
    with database.read() as connection:
        filled = [name for name, rows in dump.count_rows(connection).items() if rows]
    if filled:
        raise BackupRefused(
            f"The database is not empty ({', '.join(filled[:3])}). "
            "Restore into a new one; nothing was changed."
        )
    other = next((key for key in store.keys("calls/") if key not in keys), None)
    if other is not None:
        raise BackupRefused(
            f"The store of recordings is not empty ({other}). Restore into a new one; nothing was changed."
        )


def _check_key(path: Path, restored: Path) -> None:
    if path.exists() and path.read_bytes() != restored.read_bytes():
        raise BackupRefused(
            f"{path} is another key than the back-up's. "
            "Restore into a new data directory; nothing was changed."
        )


def _hash_files(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"sha256": _hash(path), "bytes": path.stat().st_size}
        for path in paths
    }


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in _read_pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            yield piece


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    """Readable by its owner only, on the disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())

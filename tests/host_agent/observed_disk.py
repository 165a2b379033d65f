"""Notes what the agent asks of the file system below one folder, while it does it for real.

Python's own file operations are noted where they are called; SQLite's by a VFS (apsw), under the calls of
`sqlite3` that the agent makes.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

from tests.host_agent.disk_log import Change

VFS = "observed"


class ObservedDisk:
    """The changes so far, in order.

    Attributes:
        room: how many more writes find room; None: all do.
        refused: writes that found none.
        opened: file descriptor → path, of the newest file that had it.
    """

    def __init__(self, root: Path) -> None:
        self.changes: list[Change] = []
        self.room: int | None = None
        self.refused = 0
        self.opened: dict[int, Path] = {}
        self._root = root.resolve()
        self._known: set[str] = set()

    def note(self, kind: str, path: str | os.PathLike[str], **facts: Any) -> None:
        """One change, if it is below the folder."""
        name = self.name_of(path)
        if name is None:
            return
        if kind == "make":
            if name in self._known:
                return
            self._known.add(name)
        elif kind in ("remove", "rename"):
            self._known.discard(name)
            self._known.add(str(facts.get("to", "")))
        self.changes.append(Change(kind, name, **facts))

    def promise(self, what: object) -> None:
        """Somebody was told this now."""
        self.changes.append(Change("promise", promise=what))

    def take_room(self) -> None:
        """One write; raises OSError ENOSPC when there is no room."""
        if self.room is not None:
            if self.room <= 0:
                self.refused += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= 1

    def name_of(self, path: str | os.PathLike[str]) -> str | None:
        try:
            return str(Path(path).absolute().relative_to(self._root)) if path else None
        except ValueError:
            return None


@contextmanager
def observed(root: Path) -> Iterator[ObservedDisk]:
    """While open, every change below `root` is noted."""
    disk = ObservedDisk(root)
    vfs = _Vfs(disk)
    with (
        patch("sqlite3.connect", lambda path, **_: Connection(path)),
        patch("pathlib.Path.open", _observe_open(disk)),
        patch("pathlib.Path.mkdir", _observe_mkdir(disk)),
        patch("os.open", _observe_os_open(disk)),
        patch("os.fsync", _observe_fsync(disk)),
        patch("os.replace", _observe_replace(disk)),
        patch("os.unlink", _observe_unlink(disk)),
        patch("shutil.rmtree", _observe_rmtree(disk)),
    ):
        yield disk
    vfs.unregister()


class _File:
    """A raw file whose writes are noted."""

    def __init__(self, file: Any, path: Path, disk: ObservedDisk) -> None:
        self._file, self._path, self._disk = file, path, disk

    def write(self, data: bytes) -> int:
        self._disk.take_room()
        at = self._file.tell()
        count = int(self._file.write(data))
        self._disk.note("write", self._path, at=at, data=bytes(data[:count]))
        return count

    def truncate(self, size: int | None = None) -> int:
        size = self._file.tell() if size is None else size
        self._disk.note("truncate", self._path, at=size)
        return int(self._file.truncate(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _observe_open(disk: ObservedDisk) -> Callable[..., Any]:
    real = Path.open

    def open_path(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if disk.name_of(path) is None or not set(mode) & set("wax+") or path.suffix == ".new":
            file = real(path, mode, *arguments, **options)
            disk.opened[file.fileno()] = path
            return file
        if not path.exists():
            disk.take_room()
            disk.note("make", path)
        return _File(real(path, mode, *arguments, **options), path, disk)

    return open_path


def _observe_mkdir(disk: ObservedDisk) -> Callable[..., None]:
    real = Path.mkdir

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:
        is_new = not path.exists()
        real(path, *arguments, **options)  # its missing parents come by here too
        if is_new:
            disk.note("make_folder", path)

    return mkdir


def _observe_os_open(disk: ObservedDisk) -> Callable[..., int]:
    real = os.open

    def open_file(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT and not Path(path).exists():
            disk.note("make", path)
        if flags & os.O_TRUNC:
            disk.note("truncate", path, at=0)
        descriptor = real(path, flags, *arguments, **options)
        disk.opened[descriptor] = Path(path)
        return descriptor

    return open_file


def _observe_fsync(disk: ObservedDisk) -> Callable[[int], None]:
    """What a whole file held when it was synced was written before: files made by others (PyAV) too."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = disk.opened[descriptor]
        if path.is_dir():
            disk.note("sync_folder", path)
        else:
            if path.suffix == ".new" and disk.name_of(path) is not None:
                disk.take_room()
                disk.note("make", path)
                disk.note("truncate", path, at=0)
                disk.note("write", path, data=path.read_bytes())
            disk.note("sync", path)
        real(descriptor)

    return fsync


def _observe_replace(disk: ObservedDisk) -> Callable[..., None]:
    real = os.replace

    def replace(old: Any, new: Any, **options: Any) -> None:
        real(old, new, **options)
        disk.note("rename", old, to=disk.name_of(new))

    return replace


def _observe_unlink(disk: ObservedDisk) -> Callable[..., None]:
    real = os.unlink

    def unlink(path: Any, **options: Any) -> None:
        real(path, **options)
        disk.note("remove", path)

    return unlink


def _observe_rmtree(disk: ObservedDisk) -> Callable[..., None]:
    real = shutil.rmtree

    def rmtree(folder: Any, *arguments: Any, **options: Any) -> None:
        for path in sorted(Path(folder).rglob("*"), reverse=True):
            disk.note("remove", path)
        if Path(folder).exists():
            disk.note("remove", folder)
        real(folder, *arguments, **options)

    return rmtree


class _Vfs(apsw.VFS):  # type: ignore[misc]
    """SQLite's own, noted on its way."""

    def __init__(self, disk: ObservedDisk) -> None:
        self.disk = disk
        super().__init__(VFS, "")

    def xOpen(self, name: Any, flags: Any) -> Any:
        return _VfsFile(name, flags, self.disk)

    def xDelete(self, name: str, syncdir: bool) -> None:
        super().xDelete(name, syncdir)
        self.disk.note("remove", name)
        if syncdir:
            self.disk.note("sync_folder", Path(name).parent)


class _VfsFile(apsw.VFSFile):  # type: ignore[misc]
    """The first sync of a journal or a WAL makes its folder certain too (os_unix.c: UNIXFILE_DIRSYNC)."""

    def __init__(self, name: Any, flags: list[int], disk: ObservedDisk) -> None:
        self.path = str(name.filename()) if isinstance(name, apsw.URIFilename) else str(name or "")
        self.disk = disk
        self._is_new = bool(self.path) and not Path(self.path).exists()
        super().__init__("", name, flags)
        if self._is_new:
            disk.note("make", self.path)

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            self.disk.take_room()
        except OSError as error:
            raise apsw.FullError("database or disk is full") from error
        super().xWrite(data, offset)
        self.disk.note("write", self.path, at=offset, data=bytes(data))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self.disk.note("truncate", self.path, at=size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self.disk.note("sync", self.path)
        if self._is_new and self.path.endswith(("-wal", "-journal")):
            self._is_new = False
            self.disk.note("sync_folder", Path(self.path).parent)


class Connection:
    """As much of `sqlite3.Connection` as the agent uses, on the noted disk."""

    def __init__(self, path: Path | str) -> None:
        self._db = apsw.Connection(str(path), vfs=VFS)
        self._db.execute(
            "PRAGMA locking_mode = EXCLUSIVE"
        )  # a VFS of Python has no shared memory for the WAL

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> "Cursor":
        return Cursor(self._db, statement, values)

    def executescript(self, statements: str) -> None:
        Cursor(self._db, statements, ())

    def close(self) -> None:
        self._db.close()


class Cursor:
    """All rows at once."""

    def __init__(self, db: Any, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._rows = iter(db.execute(statement, values or None).fetchall())
        except (apsw.FullError, apsw.IOError) as error:
            raise sqlite3.OperationalError(str(error)) from error
        self.rowcount = db.changes()

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)

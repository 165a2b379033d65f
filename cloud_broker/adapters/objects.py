"""Where recordings lie: a folder, or an S3-compatible store. A key appears whole or not at all."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.store import S3Store

from cloud_broker.ports import ObjectStore

_KEY = re.compile(r"[a-z0-9][a-z0-9./-]{0,200}")


class FolderStore:
    """Files under one folder: written aside, synced, then renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, chunks: Iterator[bytes]) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self._path(key).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        return path.stat().st_size if path.is_file() else None

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        for path in (self._root / prefix).rglob("[!.]*"):
            if path.is_file():
                yield path.relative_to(self._root).as_posix()

    def _path(self, key: str) -> Path:
        _check_key(key)
        return self._root / key


class BucketStore:
    """Objects of a bucket, through obstore."""

    def __init__(self, url: str) -> None:
        self._store = S3Store.from_url(url)

    def put(self, key: str, chunks: Iterator[bytes]) -> None:
        _check_key(key)
        obstore.put(self._store, key, chunks)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        _check_key(key)
        return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def size(self, key: str) -> int | None:
        _check_key(key)
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        _check_key(key)
        obstore.delete(self._store, key)

    def keys(self, prefix: str) -> Iterator[str]:
        for page in obstore.list(self._store, prefix):
            yield from (found["path"] for found in page)


def open_store(place: str) -> ObjectStore:
    """`s3://bucket/prefix`, else a folder."""
    return BucketStore(place) if place.startswith("s3://") else FolderStore(Path(place))


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"not a key: {key!r}")


def _sync_folder(folder: Path) -> None:
    """The rename itself must survive a power cut; Windows has no handle for folders and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

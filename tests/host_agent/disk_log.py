"""A disk as power loss leaves it: what a program asked of the file system, and every image that may be found.

Rules of the model, no kinder than POSIX:
- What was written to a file and not synced since may be there or not, in any order, each sector of 512 bytes
  by itself; so may a truncation. What lies between may read as zeros.
- A name made, moved or removed is certain once its folder was synced; until then any first part of the
  folder's changes, in order, may be there.
- A killed program loses nothing that it had asked for; only power does.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SECTOR = 512
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where images are opened: their own syncs need not be waited for."""

Choose = Callable[[], bool]
"""Whether one unsynced change reached the disk."""


@dataclass(frozen=True)
class Change:
    """One thing asked for. `kind`: write, truncate, sync, make, make_folder, rename, remove, sync_folder, or
    `promise`: not of the disk, but what was told to somebody at this moment.

    Attributes:
        path: below the observed folder.
        at: offset of a write, size of a truncation.
        to: new name of a rename.
    """

    kind: str
    path: str = ""
    at: int = 0
    data: bytes = b""
    to: str = ""
    promise: object = None


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        self.durable = self.read(lambda: True)
        self.unsynced = []

    def read(self, choose: Choose) -> bytearray:
        content = bytearray(self.durable)
        for change in self.unsynced:
            if change.kind == "truncate":
                if choose():
                    del content[change.at :]
                    content.extend(bytes(change.at - len(content)))
                continue
            for first, sector in _sectors(change.at, change.data):
                if choose():
                    content.extend(bytes(max(0, first - len(content))))
                    content[first : first + len(sector)] = sector
        return content


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    end = at + len(data)
    first = at
    while first < end:
        upto = min(end, (first // SECTOR + 1) * SECTOR)
        yield first, data[first - at : upto - at]
        first = upto


class Disk:
    """The state after some of the changes. Apply them in order; look at images in between."""

    def __init__(self) -> None:
        self._durable: dict[str, _File | None] = {}  # None: a folder
        self._now: dict[str, _File | None] = {}
        self._unsynced: list[tuple[str, Callable[[dict[str, _File | None]], None]]] = []

    def apply(self, change: Change) -> None:
        """One more."""
        getattr(self, f"_{change.kind}", lambda _: None)(change)

    def write_image(self, folder: Path, choose: Choose) -> None:
        """What is found in `folder` after the cut."""
        names = dict(self._durable)
        held_back: set[str] = set()
        for parent, act in self._unsynced:
            if parent not in held_back and choose():
                act(names)
            else:
                held_back.add(parent)
        for name, file in sorted(names.items()):
            if not all(str(parent) in names for parent in PurePosixPath(name).parents if str(parent) != "."):
                continue  # the folder that it lies in never reached the disk
            path = folder / name
            if file is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read(choose))

    def _write(self, change: Change) -> None:
        file = self._now.get(change.path)
        if file is not None:
            file.unsynced.append(change)

    _truncate = _write

    def _sync(self, change: Change) -> None:
        file = self._now.get(change.path)
        if file is not None:
            file.sync()

    def _make(self, change: Change) -> None:
        file = _File()
        self._rename_or_so(change.path, lambda names: names.update({change.path: file}))

    def _make_folder(self, change: Change) -> None:
        self._rename_or_so(change.path, lambda names: names.update({change.path: None}))

    def _remove(self, change: Change) -> None:
        self._rename_or_so(change.path, lambda names: names.pop(change.path, None))

    def _rename(self, change: Change) -> None:
        def act(names: dict[str, _File | None]) -> None:
            if change.path in names:
                names[change.to] = names.pop(change.path)

        self._rename_or_so(change.path, act)

    def _rename_or_so(self, path: str, act: Callable[[dict[str, _File | None]], object]) -> None:
        act(self._now)
        self._unsynced.append((parent_of(path), act))

    def _sync_folder(self, change: Change) -> None:
        for parent, act in self._unsynced:
            if parent == change.path:
                act(self._durable)
        self._unsynced = [(parent, act) for parent, act in self._unsynced if parent != change.path]


def parent_of(path: str) -> str:
    """The folder of a name; the observed folder itself is `.`."""
    return str(PurePosixPath(path).parent)


def choices(draw: random.Random) -> dict[str, Choose]:
    """The ways in which a cut may turn out: the program was killed, all that was unsynced is lost, or any
    part of it."""
    return {"killed": lambda: True, "lost": lambda: False, "torn": lambda: draw.random() < 0.5}

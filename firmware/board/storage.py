"""Small files on the board's littlefs, below /data. littlefs keeps the old or the new file, never half of
one."""

import os

DATA = "/data"


def prepare() -> None:
    """Make the folder where it is absent."""
    try:
        os.mkdir(DATA)
    except OSError:  # it is there
        pass


def names(prefix: str) -> "list[str]":
    """Files whose name starts with `prefix`, sorted."""
    try:
        return sorted(name for name in os.listdir(DATA) if name.startswith(prefix))
    except OSError:
        return []


def read(name: str) -> "bytes | None":
    """The file's bytes, or None when it is absent or cannot be read."""
    return read_part(name, 0, -1)


def read_part(name: str, offset: int, size: int) -> "bytes | None":
    """At most `size` bytes from `offset` on, or None when the file is absent or cannot be read."""
    try:
        with open(DATA + "/" + name, "rb") as file:
            file.seek(offset)
            return bytes(file.read(size))
    except OSError:
        return None


def write(name: str, data: bytes) -> None:
    """Replace the file.

    Raises:
        OSError: the flash is full or broken.
    """
    with open(DATA + "/" + name, "wb") as file:
        file.write(data)


def append(name: str, data: bytes) -> None:
    """Add to the end of the file, which is made when it is absent.

    Raises:
        OSError: the flash is full or broken.
    """
    with open(DATA + "/" + name, "ab") as file:
        file.write(data)


def size(name: str) -> int:
    """Bytes of the file; 0 when it is absent."""
    try:
        return os.stat(DATA + "/" + name)[6]
    except OSError:
        return 0


def remove(name: str) -> None:
    """Delete the file; harmless when it is absent."""
    try:
        os.remove(DATA + "/" + name)
    except OSError:
        pass

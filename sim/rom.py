"""ROM images: a read-only file system in one piece of memory, from which MicroPython runs .mpy files in
place.

Format: MicroPython's ROMFS, docs/reference/romfs: 0xD2 0xCD 0x31, the size, then records of (kind, length,
payload), all numbers in groups of 7 bits, most significant first, bit 7 set on all but the last.
"""

_HEADER = b"\xd2\xcd\x31"
_DATA, _FOLDER, _FILE = 2, 4, 5


def build_image(files: dict[str, bytes]) -> bytes:
    """The image of `files` (path with `/` -> contents)."""
    body = _build_folder(files)
    size = _number(len(body))
    if (len(_HEADER) + len(size) + len(body)) % 2:
        size = b"\x80" + size
    return _HEADER + size + body


def _build_folder(files: dict[str, bytes]) -> bytes:
    folders: dict[str, dict[str, bytes]] = {}
    body = b""
    for path, data in sorted(files.items()):
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = data
        else:
            body += _record(_FILE, _name(name) + _record(_DATA, data))
    for name, inside in folders.items():
        body += _record(_FOLDER, _name(name) + _build_folder(inside))
    return body


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _name(name: str) -> bytes:
    encoded = name.encode()
    return _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))

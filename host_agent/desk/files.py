"""One file by one range (RFC 9110 14), for the player of the page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

READ_BYTES = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Portion:
    """What of a file is answered: status 200, 206 or 416, and the bytes first..last of `size`."""

    status: int
    size: int
    first: int = 0
    last: int = -1

    @property
    def headers(self) -> dict[str, str]:
        """Those that say which bytes they are."""
        length = {"Accept-Ranges": "bytes", "Content-Length": str(self.last - self.first + 1)}
        if self.status == 206:
            return length | {"Content-Range": f"bytes {self.first}-{self.last}/{self.size}"}
        return length | ({"Content-Range": f"bytes */{self.size}"} if self.status == 416 else {})


def choose_portion(wanted: str, size: int) -> Portion:
    """The portion that a Range header asks for; of other units, and of many ranges, no notice is taken."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found.groups() == ("", ""):
        return Portion(200, size, 0, size - 1)
    start, end = found.groups()
    if not start:
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(start), min(int(end) if end else size - 1, size - 1)
    return Portion(206, size, first, last) if first <= last else Portion(416, size)


def read_portion(path: Path, portion: Portion) -> Iterator[bytes]:
    """The bytes, in pieces."""
    left = portion.last - portion.first + 1
    with path.open("rb") as file:
        file.seek(portion.first)
        while left > 0 and (piece := file.read(min(left, READ_BYTES))):
            left -= len(piece)
            yield piece

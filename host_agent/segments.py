"""A recording on disk while it is written: A-law frames in files of five minutes.

Layout of a file `NNNNN.alaw` (NNNNN = first sample // SEGMENT_SAMPLES), repeated to its end, big-endian:

    first_sample u32 | count u16 | CRC-32 u32 of the six bytes before and the samples | count A-law bytes

Frames ascend without overlap; a sample that no frame holds is a gap. A tail that is torn or fails its CRC is
cut to the last whole frame, so power loss costs at most what the operating system had not written.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from protocol.const import SAMPLE_RATE_HZ

SEGMENT_SAMPLES = 300 * SAMPLE_RATE_HZ
SUFFIX = ".alaw"

_HEAD = struct.Struct(">IH")
_CRC = struct.Struct(">I")
_OVERHEAD = _HEAD.size + _CRC.size


def encode_segment_frame(first_sample: int, alaw: bytes) -> bytes:
    """One frame; `first_sample` 0..2^32-1, 1..65535 samples."""
    head = _HEAD.pack(first_sample, len(alaw))
    return head + _CRC.pack(crc32(alaw, crc32(head))) + alaw


def read_frames(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(first sample, A-law) of each whole frame, up to the end or the first damage.

    While the caller handles one, `file.tell()` is the end of that frame.
    """
    while len(head := file.read(_OVERHEAD)) == _OVERHEAD:
        first_sample, count = _HEAD.unpack_from(head)
        alaw = file.read(count)
        if len(alaw) != count or _CRC.unpack_from(head, _HEAD.size)[0] != crc32(
            alaw, crc32(head[: _HEAD.size])
        ):
            return
        yield first_sample, alaw


def list_segments(folder: Path) -> list[Path]:
    """The files of one recording in order."""
    return sorted(folder.glob("*" + SUFFIX))


def read_recording(folder: Path) -> Iterator[tuple[int, bytes]]:
    """(first sample, A-law) of every frame of the recording, ascending."""
    for path in list_segments(folder):
        with path.open("rb") as file:
            yield from read_frames(file)


def cut_torn_tail(folder: Path) -> int:
    """Cut every file to its last whole frame; returns the sample after the last one held."""
    next_sample = 0
    for path in list_segments(folder):
        end = 0
        with path.open("r+b") as file:
            for first_sample, alaw in read_frames(file):
                end = file.tell()
                next_sample = first_sample + len(alaw)
            if end < path.stat().st_size:
                file.truncate(end)
    return next_sample


class SegmentWriter:
    """Appends to one recording. Samples already held are dropped: a doubled frame writes nothing twice."""

    def __init__(self, folder: Path) -> None:
        """Go on where the folder ends; a torn tail is cut first. The folder is made by the first frame."""
        self._folder = folder
        self._file: BinaryIO | None = None
        self._number = -1
        self.next_sample = cut_torn_tail(folder)

    def append(self, first_sample: int, alaw: bytes) -> None:
        """Write the part of the samples that lies beyond `next_sample`.

        Raises:
            OSError: nothing of it is held (a part that reached the file is cut off again).
        """
        held = self.next_sample - first_sample
        if held > 0:
            first_sample, alaw = first_sample + held, alaw[held:]
        if not alaw:
            return
        file = self._open_segment(first_sample // SEGMENT_SAMPLES)
        start = file.tell()
        frame = encode_segment_frame(first_sample, alaw)
        try:
            if file.write(frame) != len(frame):
                raise OSError("short write")
        except OSError:
            file.seek(start)
            file.truncate()
            raise
        self.next_sample = first_sample + len(alaw)

    def close(self) -> None:
        """Close the current file; the writer may be used again."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._number = -1

    def _open_segment(self, number: int) -> BinaryIO:
        if self._file is None or number != self._number:
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{number:05d}{SUFFIX}"
            self._file = path.open("ab", buffering=0)
            self._number = number
        return self._file

"""From A-law frames with holes to one Ogg-Opus stream, 16 kbit/s, sample-exact in length."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from host_agent.files import sync_folder
from host_agent.gaps import OVERRUN, Gap, find_gaps, leave_out
from host_agent.segments import read_recording
from protocol.const import SAMPLE_RATE_HZ

BIT_RATE = 16_000
_CHUNK_SAMPLES = SAMPLE_RATE_HZ
_ALAW_SILENCE = 0xD5


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished recording file.

    Attributes:
        samples: true length at 8 kHz, gaps included as silence.
        gaps: what the file holds as silence because it never arrived.
    """

    path: Path
    bytes: int
    sha256: str
    samples: int
    gaps: list[Gap]


def build_alaw_table() -> npt.NDArray[np.int16]:
    """16-bit PCM of each of the 256 A-law codes (ITU-T G.711 table 1a; even bits inverted)."""
    code = np.arange(256) ^ 0x55
    exponent = (code & 0x70) >> 4
    mantissa = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, (mantissa + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def fill_gaps(frames: Iterable[tuple[int, bytes]], samples: int) -> Iterator[bytes]:
    """A-law in portions of at most a second, `samples` in all, with silence where no frame is."""
    at = 0
    for first_sample, alaw in frames:
        if first_sample >= samples:
            break
        yield from _silence(first_sample - at)
        yield alaw[: samples - first_sample]
        at = min(samples, first_sample + len(alaw))
    yield from _silence(samples - at)


def _silence(count: int) -> Iterator[bytes]:
    while count > 0:
        portion = min(count, _CHUNK_SAMPLES)
        yield bytes([_ALAW_SILENCE]) * portion
        count -= portion


def encode_recording(folder: Path, target: Path, samples: int, declared: list[Gap]) -> Encoded:
    """Encode the A-law of `folder` into `target` and have it on disk. Memory stays flat for any length.

    Args:
        samples: true length of the recording.
        declared: gaps whose reason the box gave.
    Raises:
        OSError: no room; `target` is not made.
    """
    new = target.with_name(target.name + ".new")
    try:
        _encode(fill_gaps(read_recording(folder), samples), new)
        digest = hashlib.sha256()
        size = 0
        with new.open("r+b") as file:
            while portion := file.read(1 << 16):
                digest.update(portion)
                size += len(portion)
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    arrived = ((first_sample, len(alaw)) for first_sample, alaw in read_recording(folder))
    spoken = leave_out(arrived, [gap for gap in declared if gap.reason == OVERRUN])
    return Encoded(target, size, digest.hexdigest(), samples, find_gaps(spoken, samples, declared))


def _encode(portions: Iterable[bytes], path: Path) -> None:
    import av  # slow to import, and only this thread needs it

    table = build_alaw_table()
    with av.open(str(path), "w", format="ogg") as container:
        stream: Any = container.add_stream("libopus", rate=SAMPLE_RATE_HZ)
        stream.bit_rate = BIT_RATE
        stream.layout = "mono"
        stream.options = {"application": "voip"}
        at = 0
        for alaw in _regroup(portions):
            pcm = table[np.frombuffer(alaw, np.uint8)].reshape(1, -1)
            frame: Any = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
            frame.pts = at
            at += len(alaw)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _regroup(portions: Iterable[bytes]) -> Iterator[bytes]:
    """Portions of one second: few calls into the encoder, so that the core's thread is not kept waiting."""
    pending = bytearray()
    for portion in portions:
        pending += portion
        while len(pending) >= _CHUNK_SAMPLES:
            yield bytes(pending[:_CHUNK_SAMPLES])
            del pending[:_CHUNK_SAMPLES]
    if pending:
        yield bytes(pending)

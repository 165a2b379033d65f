"""Captures: what a box heard when its ear failed on a caller ID, as files for whoever looks into it.

Rules:
- A capture is diagnosis: it never delays, fills or stops anything else. What is incomplete, or finds no room
  on the disk, is dropped and said.
- MAX_KEPT stay: those that no call came of go first, then the oldest; and each only for so many days. They
  never leave this PC by themselves.
- A capture is of an on-hook line, so it holds no talk; it may hold a caller's number.
- The WAV holds the A-law as the box sent it; `cloudseat-sim decode` reads it as it is.
"""

import contextlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import structlog

from host_agent.box_session import CaptureSaid
from host_agent.files import write_durably
from protocol.const import SAMPLE_RATE_HZ
from protocol.ids import build_call_id
from protocol.messages import CAPTURE_STEP

MAX_KEPT = 50
"""About 64 kB each."""
MAX_SAMPLES = 1 << 16
"""As much as a box can hold; what goes beyond is not kept."""
LOOP_STEP_MV = 10
NO_CALL = "-0-"
"""Stands in a file's name in place of the call that none came of."""

log = structlog.get_logger()


class Captures:
    """The folder of captures, and the audio of those still arriving, by source.

    Attributes:
        has_room: set by the disk watch; False: none is written.
    """

    def __init__(self, folder: Path) -> None:
        self.has_room = True
        self._folder = folder
        self._arriving: dict[str, bytearray] = {}

    def handle_audio(self, source: str, first_sample: int, alaw: bytes) -> None:
        """One audio frame of a capture; sample 0 begins it anew."""
        if first_sample == 0:
            self._arriving[source] = bytearray()
        arrived = self._arriving.get(source, bytearray())
        doubled = len(arrived) - first_sample
        if 0 <= doubled < len(alaw) and first_sample + len(alaw) <= MAX_SAMPLES:
            arrived.extend(alaw[doubled:])

    def handle_told(
        self, source: str, boot: str, said: CaptureSaid, at: str, clock: str, unix_ms: int
    ) -> Path | None:
        """The box says that a capture is over; returns the WAV file if it is kept.

        Args:
            at: UTC of its last sample. clock: how good that is. unix_ms: now.
        """
        alaw = bytes(self._arriving.pop(source, b""))
        call = build_call_id(source, boot, said.call) if said.call else None
        if not said.samples or len(alaw) != said.samples:
            log.info("capture.dropped", call=call, reason="incomplete" if said.samples else "abandoned")
            return None
        if not self.has_room:
            log.info("capture.dropped", call=call, reason="disk_low")
            return None
        facts = {
            "v": 1,
            "source": source,
            "boot": boot,
            "call": call,
            "at": at,
            "clock": clock,
            "uptime_ms": said.uptime_ms,
            "samples": said.samples,
            "loop_every_ms": CAPTURE_STEP * 1000 // SAMPLE_RATE_HZ,
            "loop_mv": _loop_mv(said.loop),
        }
        try:
            path = self._store(call or f"{source}-{boot}{NO_CALL}{said.uptime_ms}", alaw, facts, unix_ms)
        except OSError as error:
            log.warning("capture.dropped", call=call, reason=str(error), remedy="Free some space.")
            return None
        log.warning("capture.stored", call=call, file=str(path), remedy="Try `cloudseat-sim decode` on it.")
        return path

    def prune(self, before_unix_ms: int) -> None:
        """Delete what was stored before that time, and what is too many."""
        self._forget([path for path in self._kept() if _stored_ms(path) < before_unix_ms])
        self._forget(self._kept()[:-MAX_KEPT])

    def _store(self, name: str, alaw: bytes, facts: dict[str, Any], unix_ms: int) -> Path:
        path = self._folder / f"{name}.wav"
        write_durably(path, build_wav(alaw))
        write_durably(path.with_suffix(".json"), json.dumps(facts).encode())
        os.utime(path, ns=(unix_ms * 1_000_000, unix_ms * 1_000_000))
        self._forget(self._kept()[:-MAX_KEPT])
        return path

    def _kept(self) -> list[Path]:
        """In the order in which they go."""
        return sorted(
            self._folder.glob("*.wav"), key=lambda path: (NO_CALL not in path.name, _stored_ms(path))
        )

    def _forget(self, paths: list[Path]) -> None:
        """What cannot be deleted now (Windows: it is open in a player) stays until the next time."""
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)


def _stored_ms(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000


def build_wav(alaw: bytes) -> bytes:
    """A WAV file of 8 kHz mono A-law (RIFF format tag 6; RFC 2361)."""
    layout = struct.pack("<HHIIHHH", 6, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, 1, 8, 0)
    body = b"WAVE"
    for name, content in ((b"fmt ", layout), (b"fact", struct.pack("<I", len(alaw))), (b"data", alaw)):
        body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _loop_mv(loop: bytes) -> list[int]:
    readings = struct.unpack(f">{len(loop) // 2}h", loop[: len(loop) // 2 * 2])
    return [reading * LOOP_STEP_MV for reading in readings]

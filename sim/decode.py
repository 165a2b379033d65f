"""Recordings through the firmware's ear: the files that a board runs, on MicroPython as a child process."""

import contextlib
import json
import os
import queue
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from sim.audio_file import AudioError, read_audio
from sim.capture import read_capture
from sim.errors import SimulatorError
from sim.runtime import find_micropython
from sim.signals.levels import SAMPLES_PER_MS, Pcm

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).resolve().with_name("decode_worker.py")
BLOCK_SAMPLES = 256
RING_EVERY_MS = 4000
TAIL_BLOCKS = 10
"""Silence after a recording, so that what ends with it is heard to end."""
CALLER_ID_KEYS = ("number", "name", "datetime", "reason", "format", "standard")


class Mode(StrEnum):
    """What the ear listens for: caller ID on-hook, digits and tones off-hook, or both."""

    ONHOOK = "onhook"
    OFFHOOK = "offhook"
    AUTO = "auto"


class EarStopped(SimulatorError):
    """The child process ended; the sentence holds its last words."""


@dataclass
class Heard:
    """What was heard in one recording, or why it could not be listened to."""

    file: str
    runtime: dict[str, Any] = field(default_factory=dict)
    caller_ids: list[dict[str, Any]] = field(default_factory=list)
    digits: str = ""
    tones: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The contract of `cloudseat-sim decode --json`."""
        if self.error is not None:
            return {"file": self.file, "runtime": self.runtime, "error": self.error}
        return {
            "file": self.file,
            "runtime": self.runtime,
            "caller_ids": self.caller_ids,
            "digits": self.digits,
            "tones": self.tones,
        }

    def take(self, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Add the ear's events."""
        for kind, fields in events:
            if kind in ("caller_id", "call_waiting"):
                self.caller_ids.append(_caller_id(fields))
            elif kind == "digit":
                self.digits += fields["digit"]
            elif kind == "tone_detected":
                self.tones.append(fields)


class EarProcess:
    """One MicroPython child that listens to one recording after the other.

    Raises:
        EarStopped: it does not start.
    """

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [find_micropython(), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"MICROPYPATH": str(ROOT)},
        )
        self.runtime: dict[str, Any] = self._answer()

    def listen(
        self, samples: Pcm, off_hook: bool, ring_ends_ms: Sequence[int] | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """What the ear hears in `samples`, as (type, fields).

        Args:
            ring_ends_ms: when bursts of ringing ended, in order; None where that is not known: each 4 s.

        Raises:
            EarStopped: the child ended.
        """
        blocks = -(-len(samples) // BLOCK_SAMPLES) + TAIL_BLOCKS
        padded = np.zeros(blocks * BLOCK_SAMPLES, dtype="<i2")
        padded[: len(samples)] = samples
        if ring_ends_ms is None:
            ring_ends_ms = [] if off_hook else range(0, len(padded) // SAMPLES_PER_MS, RING_EVERY_MS)
        ends = struct.pack(f"<{len(ring_ends_ms)}I", *ring_ends_ms)
        head = struct.pack("<sIH", b"f" if off_hook else b"n", len(padded), len(ring_ends_ms))
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(head + ends)
            self._child.stdin.write(padded.tobytes())
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._stopped() from None
        return [(kind, fields) for kind, fields in self._answer()]

    def close(self) -> None:
        """End the child."""
        self._child.communicate()

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            raise self._stopped(line) from None

    def _stopped(self, first_words: bytes = b"") -> EarStopped:
        assert self._child.stdin is not None and self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        with self._child.stdout as rest:
            words = (first_words + rest.read()).decode(errors="replace").strip()
        last = words.splitlines()[-1:] or ["no word"]
        return EarStopped(f"the ear stopped with exit code {self._child.wait()}: {last[0]}")


def decode_files(paths: Iterable[Path], mode: Mode, ears: int | None = None) -> Iterator[Heard]:
    """Listen to all files, in parallel; the results come in the order of `paths`.

    A file that cannot be listened to gives a result with `error`; the others are not touched by it.
    """
    count = ears or os.cpu_count() or 1
    idle: queue.SimpleQueue[EarProcess | None] = queue.SimpleQueue()
    for _ in range(count):
        idle.put(None)
    with ThreadPoolExecutor(count) as pool:
        yield from pool.map(lambda path: _decode_file(path, mode, idle), paths)
    for _ in range(count):
        ear = idle.get()
        if ear is not None:
            ear.close()


def _decode_file(path: Path, mode: Mode, idle: "queue.SimpleQueue[EarProcess | None]") -> Heard:
    heard = Heard(str(path))
    ear = idle.get()
    try:
        ear = ear or EarProcess()
        heard.runtime = ear.runtime
        samples, ring_ends_ms = _read(path)
        if mode is not Mode.OFFHOOK:
            heard.take(ear.listen(samples, False, ring_ends_ms))
        if mode is not Mode.ONHOOK:
            heard.take(ear.listen(samples, off_hook=True))
    except AudioError as error:
        heard.error = str(error)
    except EarStopped as error:
        heard.error, ear = str(error), None
    finally:
        idle.put(ear)
    return heard


def _read(path: Path) -> tuple[Pcm, list[int] | None]:
    """The samples, and when ringing ended if the file is a box's capture."""
    if not path.with_suffix(".json").exists():
        return read_audio(path), None
    capture = read_capture(path)
    return capture.audio, [end_ms for _, end_ms in capture.bursts_ms()]


def _caller_id(fields: dict[str, Any]) -> dict[str, Any]:
    told = {key: fields.get(key) for key in CALLER_ID_KEYS}
    if fields.get("name") is not None:
        told["name"] = bytes.fromhex(fields["name"]).decode("gb18030", errors="replace")
    return told | {flag: True for flag in ("repaired", "uncertain") if fields.get(flag)}

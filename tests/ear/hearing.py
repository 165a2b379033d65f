"""Lets the firmware's ear listen to recordings, on MicroPython as a child process or here on CPython."""

import json
import subprocess
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.signals.levels import Pcm

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"
HEAP = "256k"
BLOCK = 256

Heard = list[tuple[int, str, dict[str, Any]]]
"""(ms at the end of the block, type, fields); bytes as text of the same code points."""


def on_micropython(recordings: Sequence[Pcm], off_hook: bool = False) -> list[Heard]:
    """What a fresh ear hears in each recording, on the unix port with the board's heap."""
    stream = b"".join(
        bytes([off_hook]) + len(pcm).to_bytes(4, "little") + pcm.astype("<i2").tobytes() for pcm in recordings
    )
    done = subprocess.run(
        [MICROPYTHON, "-X", f"heapsize={HEAP}", Path(__file__).with_name("listen.py"), ROOT],
        input=stream,
        capture_output=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout.decode()[-2000:] + done.stderr.decode()[-2000:])
    return split_recordings(done.stdout)


def split_recordings(lines: bytes) -> list[Heard]:
    """The events of each recording: a line an event, an empty list ends the recording."""
    recordings: list[Heard] = []
    heard: Heard = []
    for line in lines.splitlines():
        event = json.loads(line)
        if event:
            heard.append((event[0], event[1], event[2]))
        else:
            recordings.append(heard)
            heard = []
    return recordings


def on_cpython(pcm: Pcm, off_hook: bool = False) -> Heard:
    """What a fresh ear hears in `pcm`, in this process."""
    from firmware.line.ear import Ear

    ear = Ear()
    ear.set_hook(off_hook)
    padded = np.concatenate([pcm, np.zeros(-len(pcm) % BLOCK, dtype=np.int16)])
    heard: Heard = []
    for start in range(0, len(padded), BLOCK):
        ms = start // 8 + 32
        for kind, fields in ear.feed(array("h", padded[start : start + BLOCK].tolist()), ms):
            plain = {k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in fields.items()}
            heard.append((ms, kind, plain))
    return heard


def of(heard: Heard, kind: str) -> list[dict[str, Any]]:
    """Fields of all events of `kind`."""
    return [fields for _, name, fields in heard if name == kind]


def digits(heard: Heard) -> str:
    """The keys heard, as one string."""
    return "".join(fields["digit"] for fields in of(heard, "digit"))

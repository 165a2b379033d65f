"""Instructions a sample of every viper kernel, and what all of them take of one 240 MHz core.

Counted under qemu-xtensa on the very code that a board gets; cycles by the pipeline model of
`benchmarks/xtensa.py` (upper estimate: taken branch + 4, use after load + 2; code and data in internal RAM).
What the kernels leave to bytecode is estimated by `benchmarks.bytecode` and stands beside them.

    python -m benchmarks.kernels

Limits of the ear, its kernels and its own bytecode together: in a call 10 % of the core, in the caller-ID
window 25 %. Exit status 1 if one is missed. What the rest of the loop takes (link, journal, recorder) stands
beside.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.kernel_cases import cases, compile_for_board
from benchmarks.xtensa import run_kernel
from firmware.line.ear import FIRST_CAS, TONE_COUNT

CORE_HZ = 240_000_000
SAMPLE_RATE = 8000
IN_CALL = {
    "pass_calm": 1,
    "decimate": 1,
    "high_pass": 1,
    "measure_hops": 1,
    "correlate_tones": 1,
    "strongest_tones": 1,
    "find_pairs": 1,
    "judge_dtmf": 1,
    "encode_alaw": 1,
}
CALLER_ID_WINDOW = {
    "pass_calm": 1,
    "decimate": 1,
    "high_pass": 1,
    "measure_hops": 1,
    "correlate_tones": FIRST_CAS / TONE_COUNT,
    "judge_dtmf": 1,
    "encode_alaw": 1,
    "fsk_bank": 2,
    "track_bits": 2,
    "soften_bits": 2,
    "measure_drift": 2,
    "follow_preamble": 2,
    "find_sync": 4,
    "next_character": 2,
    "hard_byte": 2,
    "mean_strength": 2,
    "take_strengths": 2,
    "list_changes": 2,
    "cheapest_paths": 2,
}
LIMITS = {"in a call": (IN_CALL, 10.0), "caller-ID window": (CALLER_ID_WINDOW, 25.0)}


def main() -> int:
    """Print the table; 1 if a limit is missed."""
    cycles = {}
    print(
        f"{'kernel':<16} {'instructions':>12} {'ceiling':>8} {'cycles':>7} {'% core':>7}   (a sample of line)"
    )
    all_cases = cases()
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_for_board(all_cases, Path(folder))
        for case in all_cases:
            run = run_kernel(compiled[case.module], case.source(), case.function, case.raw_arguments())
            cycles[case.function] = run.cycles / case.unit
            print(
                f"{case.function:<16} {run.instructions / case.unit:12.1f} {case.ceiling:8.0f} "
                f"{cycles[case.function]:7.1f} {share(cycles[case.function]):7.2f}"
            )
        code = sum(path.stat().st_size for path in compiled.values())
    print(f"{len(compiled)} modules of kernels, {code} bytes of .mpy")
    missed = False
    bytecode = bytecode_shares()
    for name, (kernels, limit) in LIMITS.items():
        percent = share(sum(cycles[kernel] * times for kernel, times in kernels.items()))
        ear, whole = (percent + bytecode_share for bytecode_share in bytecode[name])
        missed |= ear > limit
        verdict = "" if ear <= limit else "  MISSED"
        print(
            f"{name}: kernels {percent:.1f} % of one core, with the ear's bytecode about {ear:.1f} %, ",
            end="",
        )
        print(f"limit {limit:.0f} %{verdict}; with that of the whole loop about {whole:.1f} %")
    return int(missed)


def bytecode_shares() -> dict[str, tuple[float, float]]:
    """Of the ear and of the whole loop, percent of the core; counted in a process of its own, the board."""
    command = [sys.executable, "-m", "benchmarks.bytecode", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shares: dict[str, tuple[float, float]] = json.loads(done.stdout)
    return shares


def share(cycles_a_sample: float) -> float:
    """Percent of the core."""
    return 100.0 * cycles_a_sample * SAMPLE_RATE / CORE_HZ


if __name__ == "__main__":
    sys.exit(main())

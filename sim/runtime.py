"""Where the MicroPython interpreter is."""

import shutil
import sys
from pathlib import Path

from sim.errors import SimulatorError


def find_micropython() -> str:
    """The interpreter beside this Python, else the one on the path.

    Raises:
        SimulatorError: there is none.
    """
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        raise SimulatorError("micropython is missing: run `make setup`")
    return found

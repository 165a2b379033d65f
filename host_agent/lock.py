"""One agent a data folder: a lock that the operating system drops with the process, however it ends."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from host_agent.errors import AgentError

FILE = "agent.lock"


class InstanceLock:
    """Held from construction to `release`; the file holds the process id for people to read."""

    def __init__(self, data_dir: Path) -> None:
        """
        Raises:
            AgentError: `agent.running`, or `data_dir.unwritable`.
        """
        path = data_dir / FILE
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise AgentError(
                "data_dir.unwritable",
                f"The data folder {data_dir} cannot be written: {error}.",
                "Choose another with CLOUDSEAT_AGENT_DATA_DIR, or give this user the right to write there.",
            ) from error
        try:
            _lock(self._file)
        except OSError as error:
            owner = _read_owner(path)
            self._file.close()
            raise AgentError(
                "agent.running",
                f"Another agent{owner} is running with the data folder {data_dir}.",
                "Use that one, or stop it first; one agent serves all boxes of this PC.",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()).encode())
        self._file.flush()

    def release(self) -> None:
        """Another agent may start."""
        self._file.close()


def _lock(file: BinaryIO) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(1 << 20)  # beyond the text, so that others can read who holds it
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_owner(path: Path) -> str:
    with contextlib.suppress(OSError):
        owner = path.read_text().strip()
        if owner.isdigit():
            return f" (process {owner})"
    return ""

"""A private PostgreSQL cluster on a free port of 127.0.0.1, gone when it is left."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from sim.errors import SimulatorError

BINARIES = Path("/usr/lib/postgresql")
"""Where Debian puts a folder for each version."""
STARTED_BY_ROOT = "postgres"
"""initdb refuses to run as root."""


class Cluster:
    """Runs from `with` to its end; `crash` and `start` in between.

    Attributes:
        port: the same all the time.
    """

    def __init__(self) -> None:
        self._bin = max(BINARIES.glob("*/bin"), key=lambda path: int(path.parent.name))
        self._home = Path(tempfile.mkdtemp(prefix="cloudseat-pg-"))
        self._user = STARTED_BY_ROOT if os.getuid() == 0 else None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self._home, entry.pw_uid, entry.pw_gid)
        self._run(
            "initdb", "-D", "data", "-U", "cloud", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.crash()
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        """Start it, for the first time or after a crash; returns when it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._home} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "start")

    def crash(self) -> None:
        """Stop at once: connections break off, and the next start recovers from its log."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def url(self, database: str) -> str:
        """For psycopg and SQLAlchemy."""
        return f"postgresql://cloud@127.0.0.1:{self.port}/{database}"

    def create(self, name: str) -> str:
        """A new database; its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "cloud", name)
        return self.url(name)

    def dump(self, name: str, path: Path) -> None:
        """Write a database as SQL."""
        path.write_bytes(self._run("pg_dump", "-d", self.url(name)))

    def _run(self, program: str, *arguments: str) -> bytes:
        """Its output.

        Raises:
            SimulatorError: it failed; what it said stands in it.
        """
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd=self._home,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "pg_dump" else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise SimulatorError(f"{program}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout or b""


def is_installed() -> bool:
    """True where there is a PostgreSQL server to run."""
    return any(BINARIES.glob("*/bin/pg_ctl"))

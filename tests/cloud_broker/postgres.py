"""A private PostgreSQL cluster on a free port, gone with the test run."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg

STARTED_BY_ROOT = "postgres"
"""initdb refuses to run as root."""


class Cluster:
    def __init__(self) -> None:
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
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
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._home} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(self._home, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://cloud@127.0.0.1:{self.port}/{database}"

    def create(self, name: str) -> str:
        """A new database; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._bin / program, *arguments],
            cwd=self._home,
            user=self._user,
            check=True,
            capture_output=True,
        )

"""Child processes: start them, wait for their ready line, stop them in reverse order; never any others."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from sim.errors import SimulatorError

STOP_S = 4.0
"""What a child may take to end after SIGTERM; then SIGKILL."""
TAIL_LINES = 8


class ChildFailed(SimulatorError):
    """A child ended or did not get ready. `name`: the child's; `tail`: the end of its log."""

    def __init__(self, name: str, reason: str, log: Path, tail: Sequence[str]) -> None:
        shown = "".join(f"\n    {line}" for line in tail)
        super().__init__(f"{name} {reason} (log: {log}){shown}")
        self.name = name
        self.tail = list(tail)


class Child:
    """One process in a session of its own (a Ctrl-C reaches the parent alone), its output in a log file."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            list(argv),
            env={**os.environ, **env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.log.open("a", encoding="utf-8") as log, self.process.stdout as output:
            for line in output:
                log.write(line)
                log.flush()
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def await_line(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """The first line of its output, so far or to come, in which `pattern` is found.

        Raises:
            ChildFailed: it ended, or the line did not come within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        seen = 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self.failure(f"was not ready within {timeout_s:.0f} s")
                if self.process.poll() is not None and not self._reader.is_alive():
                    raise self.failure(f"ended with code {self.process.returncode}")
                self._news.wait(min(left, 0.2))

    def failure(self, reason: str) -> ChildFailed:
        """What went wrong with this child, with the end of its log."""
        return ChildFailed(self.name, reason, self.log, [line for line in self._lines if line][-TAIL_LINES:])

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL after `STOP_S`."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOP_S)


class Children:
    """The children of one run, in the order of their start."""

    def __init__(self, log_dir: Path) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._log_dir = log_dir
        self._children: list[Child] = []

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Child:
        """Start one; it is stopped when the run ends."""
        child = Child(name, argv, env or {}, self._log_dir / f"{name}.log")
        self._children.append(child)
        return child

    def run(self, name: str, argv: Sequence[str], env: Mapping[str, str], timeout_s: float = 60.0) -> str:
        """Run a command to its end; its standard output.

        Raises:
            ChildFailed: it did not end with 0, or not within `timeout_s`.
        """
        log = self._log_dir / f"{name}.log"
        try:
            with log.open("w", encoding="utf-8") as errors:
                done = subprocess.run(
                    list(argv),
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    timeout=timeout_s,
                    encoding="utf-8",
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise ChildFailed(name, f"did not end within {timeout_s:.0f} s", log, []) from None
        if done.returncode:
            tail = log.read_text(encoding="utf-8").splitlines()[-TAIL_LINES:]
            raise ChildFailed(name, f"ended with code {done.returncode}", log, tail)
        return done.stdout

    def bury(self, child: Child) -> int:
        """One that was killed on purpose: wait for its end and forget it; its exit status."""
        status = child.process.wait()
        child.stop()
        self._children.remove(child)
        return status

    def check(self) -> None:
        """Raise ChildFailed if one has ended."""
        for child in self._children:
            if child.process.poll() is not None:
                raise child.failure(f"ended with code {child.process.returncode}")

    def stop(self) -> None:
        """Stop all, the last started first."""
        while self._children:
            self._children.pop().stop()

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

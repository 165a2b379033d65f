"""Slow jobs off the core's thread: one daemon thread a kind of job, each with a queue of its own."""

import queue
import threading
from collections.abc import Callable
from typing import Any

from host_agent.ports import JobDone

_Job = tuple[str, str, Callable[[], Any]]


class ThreadWorker:
    """Runs jobs of one name in order; jobs of different names beside each other.

    A thread is a daemon: a job cut off by the end of the program is taken up by the next run.
    """

    def __init__(self, put: Callable[[JobDone], None]) -> None:
        self._put = put
        self._queues: dict[str, queue.SimpleQueue[_Job]] = {}

    def submit(self, name: str, key: str, job: Callable[[], Any]) -> None:
        """Queue a job; `JobDone(name, key, ...)` follows, whatever happens in it."""
        jobs = self._queues.get(name)
        if jobs is None:
            jobs = self._queues[name] = queue.SimpleQueue()
            threading.Thread(target=self._run, args=(jobs,), name=f"worker {name}", daemon=True).start()
        jobs.put((name, key, job))

    def _run(self, jobs: "queue.SimpleQueue[_Job]") -> None:
        while True:
            name, key, job = jobs.get()
            try:
                done = JobDone(name, key, job(), None)
            except Exception as error:  # noqa: BLE001  (a task supervisor: the core decides)
                done = JobDone(name, key, None, error)
            self._put(done)

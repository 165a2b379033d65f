"""What is due at a set time of the night, whichever process is awake: comparison, and cleaning up.

One process does it for all (a lease in the database). Days that are open are looked at again in between, so
that an alarm closes soon after late events came.
"""

import secrets
import threading
from collections.abc import Callable, Sequence

import structlog

from cloud_broker.adapters.sql import jobs, outbox
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.reconciliation import WHOLE
from cloud_broker.domain.times import DAY_MS, china_day_start_ms
from cloud_broker.handlers.reconcile import Compared, reconcile_night, reconcile_open
from cloud_broker.handlers.recordings import Recordings
from cloud_broker.ports import Clock

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
AGAIN_EVERY_MS = 5 * 60_000
OUTBOX_LIFE_MS = DAY_MS
NIGHT, AGAIN, PARTS = "night", "open_days", "parts"


class Nightly:
    """A thread that looks at the clock.

    Args:
        at_ms: when the night's work is due, in ms after midnight in Asia/Shanghai.
    """

    def __init__(self, database: Database, clock: Clock, at_ms: int, recordings: Recordings) -> None:
        self._database = database
        self._clock = clock
        self._at_ms = at_ms
        self._recordings = recordings
        self._holder = secrets.token_hex(8)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nightly", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def look(self) -> None:
        """Do what is due and what nobody else does."""
        now_ms = self._clock.now_ms()
        night_ms = china_day_start_ms(now_ms - self._at_ms) + self._at_ms
        self._do(NIGHT, now_ms, night_ms, self._work_at_night)
        self._do(AGAIN, now_ms, now_ms - AGAIN_EVERY_MS, self._look_again)
        self._do(PARTS, now_ms, night_ms, self._drop_parts)

    def _do(self, name: str, now_ms: int, due_ms: int, work: Callable[[int], Sequence[Compared]]) -> None:
        with self._database.write() as connection:
            is_mine = jobs.claim(connection, name, self._holder, now_ms, due_ms)
        if not is_mine:
            return
        compared = work(now_ms)
        with self._database.write() as connection:
            jobs.finish(connection, name, self._holder, now_ms)
        if compared:
            open_days = sum(one.result.state != WHOLE for one in compared)
            log.info("reconcile.done", job=name, days=len(compared), open=open_days)

    def _work_at_night(self, now_ms: int) -> Sequence[Compared]:
        with self._database.write() as connection:
            outbox.forget_before(connection, now_ms - OUTBOX_LIFE_MS)
            done_ms = jobs.load_done_ms(connection, NIGHT)
        return reconcile_night(self._database, now_ms, done_ms)

    def _look_again(self, now_ms: int) -> Sequence[Compared]:
        return reconcile_open(self._database, now_ms)

    def _drop_parts(self, now_ms: int) -> Sequence[Compared]:
        if dropped := self._recordings.drop_orphaned_parts(now_ms):
            log.info("recordings.parts_dropped", count=dropped)
        return ()

    def _run(self) -> None:
        while not self._closing.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:  # the supervisor: the next look tries again
                log.exception("nightly.failed")

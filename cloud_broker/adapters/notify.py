"""Effects on their way to open pages: one reader of the outbox a process, fed by whoever commits.

In one process the writer wakes the reader; between workers PostgreSQL's LISTEN/NOTIFY does. What travels is
only "look": the rows are read from the outbox in order, so a missed wake-up delays and never loses.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from cloud_broker.adapters.sql import outbox
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.views import Effect
from cloud_broker.trouble import Trouble

POLL_S = 1.0
LISTEN_RETRY_S = 2.0
MAX_WAITING = 1000


class Subscriber:
    """One open page. A page that does not read for 1,000 effects is cut off; it reconnects and catches up."""

    def __init__(self, desk: str) -> None:
        self.desk = desk
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[Effect | None] = asyncio.Queue(MAX_WAITING)
        self._is_cut_off = False

    def put(self, effect: Effect | None) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self.loop.call_soon_threadsafe(self._put, effect)

    def _put(self, effect: Effect | None) -> None:
        if self._is_cut_off:
            return
        if self.queue.full():
            self._is_cut_off = True
            while not self.queue.empty():
                self.queue.get_nowait()
            effect = None
        self.queue.put_nowait(effect)


class OutboxHub:
    """Hands each outbox row to the pages of its desk, once and in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._subscribers: set[Subscriber] = set()
        self._last_id = 0
        self._threads = [threading.Thread(target=self._pump, name="outbox", daemon=True)]
        if not database.is_sqlite:
            self._threads.append(threading.Thread(target=self._listen, name="outbox-listen", daemon=True))

    def start(self) -> None:
        with self._database.read() as connection:
            self._last_id = outbox.last_id(connection)
        self._database.on_commit = self._wake.set
        for thread in self._threads:
            thread.start()

    def end_streams(self) -> None:
        """Let every open stream end, so that the web server can stop."""
        with self._lock:
            for subscriber in self._subscribers:
                subscriber.put(None)

    def close(self) -> None:
        self._closing.set()
        self._wake.set()
        self.end_streams()
        for thread in self._threads:
            thread.join(timeout=LISTEN_RETRY_S + POLL_S)

    async def subscribe(self, desk: str, after: int | None) -> AsyncIterator[Effect]:
        """Effects of `desk`: those above `after` that the outbox still holds, then live ones, each once.

        An `after` beyond the newest is of a database that was restored since, and says nothing.
        """
        subscriber = Subscriber(desk)
        with self._lock:
            self._subscribers.add(subscriber)
        try:
            if after is not None and after > await asyncio.to_thread(self._newest):
                after = None
            seen = after or 0
            if after is not None:
                while missed := await asyncio.to_thread(self._catch_up, desk, seen):
                    for effect in missed:
                        seen = effect.id
                        yield effect
            while (live := await subscriber.queue.get()) is not None:
                if live.id > seen:
                    seen = live.id
                    yield live
        finally:
            with self._lock:
                self._subscribers.discard(subscriber)

    def _newest(self) -> int:
        with self._database.read() as connection:
            return outbox.last_id(connection)

    def _catch_up(self, desk: str, after: int) -> list[Effect]:
        with self._database.read() as connection:
            return outbox.read_after(connection, after, desk=desk)

    def _pump(self) -> None:
        trouble = Trouble("outbox.unreadable", "outbox.readable")
        while not self._closing.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            try:
                self._dispatch()
                trouble.end()
            except SQLAlchemyError as error:  # also a pool without a free connection
                trouble.tell(error, POLL_S)

    def _dispatch(self) -> None:
        while True:
            with self._database.read() as connection:
                effects = outbox.read_after(connection, self._last_id)
            if not effects:
                return
            with self._lock:
                subscribers = list(self._subscribers)
            for effect in effects:
                for subscriber in subscribers:
                    if subscriber.desk == effect.desk:
                        subscriber.put(effect)
            self._last_id = effects[-1].id

    def _listen(self) -> None:
        url = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        trouble = Trouble("outbox.listen_lost", "outbox.listening")
        while not self._closing.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {outbox.CHANNEL}")
                    self._wake.set()
                    trouble.end()
                    while not self._closing.is_set():
                        for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                            self._wake.set()
            except psycopg.Error as error:
                trouble.tell(error, LISTEN_RETRY_S)
                self._closing.wait(LISTEN_RETRY_S)

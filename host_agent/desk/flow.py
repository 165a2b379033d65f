"""The desk's part of the core: roster, drafts, and whether the cloud is there. The core's thread owns it.

Rules:
- A page is answered only after the commit: what it calls saved is on the disk.
- The cloud is not pinged while no page looks on; the roster is kept all the same, and what became of drafts
  is asked more seldom.
"""

from collections.abc import Callable
from typing import Any

import structlog

from host_agent.ages import Ages
from host_agent.desk.cloud_questions import ask_for_tickets, ping
from host_agent.desk.drafts import DraftTable, says_something
from host_agent.desk.reach import EVERY_MS as PING_EVERY_MS
from host_agent.desk.reach import CloudWatch
from host_agent.desk.roster_cache import RosterCache
from host_agent.desk.roster_keeper import ROSTER, RosterKeeper
from host_agent.desk.window import DeskState, Window
from host_agent.errors import AgentError
from host_agent.identity import Identity
from host_agent.intake import Intake
from host_agent.ports import (
    DraftFinished,
    DraftTyped,
    Instant,
    JobDone,
    PagesOpen,
    RecordingAsked,
    Worker,
)
from host_agent.time_anchor import CloudOffset
from host_agent.uploads import CloudAccess
from protocol.event_json import EventRecord

PING, TICKETS = "ping", "tickets"
JOBS = (ROSTER, PING, TICKETS)
TICKETS_EVERY_MS = 5_000
TICKETS_UNSEEN_EVERY_MS = 60_000
"""While no page looks on."""
MAX_ASKED = 50
PRUNE_EVERY_MS = 3_600_000
DAY_MS = 86_400_000

log = structlog.get_logger()


class DeskFlow:
    """Moves it all along.

    Args:
        retention_days: of drafts that are done with.
    """

    def __init__(
        self,
        window: Window,
        keeper: RosterKeeper,
        drafts: DraftTable,
        intake: Intake,
        identity: Identity,
        worker: Worker,
        offset: CloudOffset,
        ages: Ages,
        retention_days: int,
    ) -> None:
        self.window = window
        self.keeper = keeper
        self._drafts = drafts
        self._intake = intake
        self._identity = identity
        self._worker = worker
        self._offset = offset
        self._ages = ages
        self._retention_days = retention_days
        self._watch = CloudWatch()
        self._access: CloudAccess | None = None
        self._changed = 0
        self._pages = 0
        self._due_ms = {PING: 0, TICKETS: 0}
        self._under_way: set[str] = set()
        self._finishing: dict[str, list[Callable[[bool], None]]] = {}
        self._prune_due_ms = 0

    def join(self, access: CloudAccess, cache: RosterCache, page_key: str, now: Instant) -> None:
        """Credentials are there: the page opens to `page_key`."""
        self._access = access
        self.window.page_key = page_key
        self.keeper.join(access, cache, now)

    def leave(self) -> None:
        """The credentials were taken back: what was known is erased, and the page shuts."""
        self.window.shut()
        self._access = None

    def handle(self, item: Any, now: Instant) -> None:
        """One input of a page."""
        _HANDLERS[type(item)](self, item, now)

    def handle_connected(self, now: Instant) -> None:
        """The broker is there again: so may be a newer roster."""
        self.keeper.ask_soon(now, 0)

    def handle_event(self, event: EventRecord, now: Instant) -> None:
        """A box said this: after a call somebody may save who was calling."""
        if event.type in ("on_hook", "ring_stopped"):
            self.keeper.ask_soon(now)

    def handle_done(self, done: JobDone, now: Instant) -> None:
        """A job came back."""
        if done.name == ROSTER:
            self.keeper.handle_done(done, now)
            return
        self._under_way.discard(done.name)
        if done.name == PING:
            self._due_ms[PING] = now.elapsed_ms + PING_EVERY_MS
            self._handle_ping(done, now)
            return
        self._put_off_tickets(now)
        if done.error is not None:
            log.info("draft.unanswered", problem=str(done.error))
            return
        for made in done.result:
            self._drafts.settle(made)
        self._changed += bool(done.result)

    def _handle_ping(self, done: JobDone, now: Instant) -> None:
        if done.error is None:
            self._watch.handle_answer(now)
        else:
            self._watch.handle_silence()

    def advance(self, now: Instant) -> None:
        """Do what is due."""
        self.keeper.advance(now)
        access = self._access
        if access is not None:
            if self._pages:
                self._start(PING, now, lambda: ping(access.url))
            self._ask_for_tickets(access, now)
        if now.elapsed_ms >= self._prune_due_ms:
            self._prune_due_ms = now.elapsed_ms + PRUNE_EVERY_MS
            if (unix_ms := self._ages.now_ms(now)) is not None:
                self._drafts.prune(self._identity.agent_id, unix_ms - self._retention_days * DAY_MS)

    def next_due_ms(self) -> int | None:
        """When `advance` has something to do, elapsed ms."""
        dues = [self.keeper.next_due_ms()]
        asked = {PING: self._pages > 0, TICKETS: self._access is not None}
        dues += [self._due_ms[name] for name in asked if asked[name] and name not in self._under_way]
        return min((due_ms for due_ms in dues if due_ms is not None), default=None)

    def show(self, boots: dict[str, str], is_broker_up: bool) -> None:
        """Let the pages see how things stand."""
        roster = self.keeper.roster
        self.window.show(
            DeskState(
                boots=boots,
                stored=self._intake.stored,
                drafts=self._changed,
                is_broker_up=is_broker_up,
                reach=self._watch.reach,
                roster=roster,
                roster_tag=roster.tag if roster is not None else "",
                offset_ms=self._offset.ms or 0,
            )
        )

    def _ask_for_tickets(self, access: CloudAccess, now: Instant) -> None:
        if TICKETS in self._under_way or now.elapsed_ms < self._due_ms[TICKETS]:
            return
        drafts = self._drafts.unsettled(self._identity.agent_id, MAX_ASKED)
        if drafts:
            self._start(TICKETS, now, lambda: ask_for_tickets(access, drafts))
        else:
            self._put_off_tickets(now)

    def _put_off_tickets(self, now: Instant) -> None:
        every_ms = TICKETS_EVERY_MS if self._pages else TICKETS_UNSEEN_EVERY_MS
        self._due_ms[TICKETS] = now.elapsed_ms + every_ms

    def _start(self, name: str, now: Instant, job: Callable[[], object]) -> None:
        if name not in self._under_way and self._due_ms[name] <= now.elapsed_ms:
            self._under_way.add(name)
            self._worker.submit(name, name, job)

    def _hear_typed(self, item: DraftTyped, now: Instant) -> None:
        try:
            item.answer(self._drafts.type(item.draft, item.call, item.fields, now.unix_ms))
            self._changed += 1
        except AgentError:
            item.answer(False)
            raise

    def _hear_finished(self, item: DraftFinished, now: Instant) -> None:
        row = self._drafts.get(item.draft)
        if row is None or not says_something(row.fields):
            item.answer(False)
            return
        if row.made_ms is not None:  # a second click: it is a fact already
            item.answer(True)
            return
        if row.id in self._finishing:  # its commit is waited for, perhaps while the disk is full
            self._finishing[row.id].append(item.answer)
            return
        self._finishing[row.id] = [item.answer]
        fields = {"draft": row.id} | {name: value for name, value in row.fields.items() if value}
        if row.call:
            fields["call"] = row.call

        def change() -> None:
            self._drafts.finish(row.id, event.boot, event.seq, now.unix_ms)

        def answer(is_stored: bool) -> None:
            for waiting in self._finishing.pop(row.id):
                waiting(is_stored)

        event = self._intake.state("draft_made", fields, now, change, answer)
        self._intake.flush(now)
        self._changed += 1

    def _hear_asked(self, item: RecordingAsked, now: Instant) -> None:
        self._intake.state("recording_played", {"call": item.call}, now, then=item.answer)

    def _hear_pages(self, item: PagesOpen, now: Instant) -> None:
        if item.count and not self._pages:
            self._due_ms = {PING: now.elapsed_ms, TICKETS: now.elapsed_ms}
        if not item.count:
            self._watch.forget()
        self._pages = item.count


_HANDLERS: dict[type, Callable[[DeskFlow, Any, Instant], None]] = {
    DraftTyped: DeskFlow._hear_typed,
    DraftFinished: DeskFlow._hear_finished,
    RecordingAsked: DeskFlow._hear_asked,
    PagesOpen: DeskFlow._hear_pages,
}
INPUTS = tuple(_HANDLERS)

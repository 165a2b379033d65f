"""A batch of events becomes calls: one transaction, whatever the order and the repetition.

  1. whose box is this?      an event of a source that is not at home at the desk is quarantined
  2. append the events       by id; the same id with another payload is a conflict (dead letter, alarm)
  3. boots                   a boot not seen before closes the open calls of the boots before it
  4. recompute the calls     each touched call under its row lock, from all of its events
  5. make the tickets        of drafts that a desk made without the cloud, each once
  6. outbox                  what a page must refresh, and the screen pops that are still news
After the commit (never before): `committed` to the desk, then the broker's acknowledgement.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from cloud_broker.adapters.sql import event_log, homes, letters
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.pops import Pop
from cloud_broker.handlers.decode import Received, Undecodable, claimed_id, decode_event
from cloud_broker.handlers.drafts import make_tickets
from cloud_broker.handlers.projection import close_before_boot, project_calls
from cloud_broker.ports import Clock
from protocol.errors import TopicError
from protocol.topics import parse_topic

Range = tuple[str, int, int]


class Message(NamedTuple):
    """One MQTT message as it came; `token` is what its acknowledgement needs."""

    topic: str
    payload: bytes
    token: int = 0


@dataclass
class BatchResult:
    """What may be said once the transaction is committed."""

    committed: dict[tuple[str, str], list[Range]] = field(default_factory=dict)
    pops: list[Pop] = field(default_factory=list)
    events: int = 0
    rejected: int = 0


def ingest(database: Database, clock: Clock, messages: Sequence[Message]) -> BatchResult:
    """Store and project a batch. Raises only what the database raises; nothing is kept then."""
    now_ms = clock.now_ms()
    received, rejected = _decode(messages)
    kept: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    with database.write() as connection:
        for message, reason in rejected:
            letters.keep_letter(connection, now_ms, message.topic, reason, message.payload)
            _mark_rejected(kept, message)
        result = _store(connection, now_ms, received)
    for item in received:
        kept[(item.desk, item.event.source)].add((item.event.boot, item.event.seq))
    result.committed = {key: build_ranges(ids) for key, ids in kept.items()}
    result.events, result.rejected = len(received), len(rejected)
    return result


def set_aside(database: Database, clock: Clock, message: Message, reason: str) -> BatchResult:
    """Keep a message as a dead letter that no batch can hold, and say so if it can be named."""
    kept: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    with database.write() as connection:
        letters.keep_letter(connection, clock.now_ms(), message.topic, reason, message.payload)
    _mark_rejected(kept, message)
    return BatchResult(committed={key: build_ranges(ids) for key, ids in kept.items()}, rejected=1)


def _store(connection: Connection, now_ms: int, received: list[Received]) -> BatchResult:
    home, strangers = homes.sort_by_home(connection, now_ms, received)
    letters.quarantine(connection, now_ms, strangers)
    accepted = _once(connection, now_ms, home)
    if event_log.append(connection, now_ms, accepted) < len(accepted):
        for item in event_log.find_conflicts(connection, accepted):
            letters.keep_conflict(connection, now_ms, item)
        accepted = event_log.as_kept(connection, accepted)
    touched = {item.call_id: item.desk for item in accepted if item.call_id is not None}
    if event_log.note_boots(connection, accepted):
        touched.update(close_before_boot(connection, {item.event.source for item in accepted}))
    pops = project_calls(connection, now_ms, touched)
    make_tickets(connection, now_ms, accepted)
    return BatchResult(pops=pops)


def _decode(messages: Sequence[Message]) -> tuple[list[Received], list[tuple[Message, str]]]:
    received, rejected = [], []
    for message in messages:
        try:
            received.append(decode_event(message.topic, message.payload))
        except Undecodable as error:
            rejected.append((message, error.reason))
    return received, rejected


def _mark_rejected(kept: dict[tuple[str, str], set[tuple[str, int]]], message: Message) -> None:
    """A dead letter is kept, so its sender need not send it again, if it can be named at all."""
    event_id = claimed_id(message.payload)
    try:
        _, desk, source = parse_topic(message.topic)
    except TopicError:
        return
    if event_id is not None:
        kept[(desk, source)].add(event_id)


def _once(connection: Connection, now_ms: int, received: Iterable[Received]) -> list[Received]:
    """Drop repetitions inside the batch; a repetition that says something else is a conflict."""
    first: dict[tuple[str, str, int], Received] = {}
    for item in received:
        if first.setdefault(item.event[:3], item).hash != item.hash:
            letters.keep_conflict(connection, now_ms, item)
    return list(first.values())


def build_ranges(ids: Iterable[tuple[str, int]]) -> list[Range]:
    """Exact ranges (boot, first, last), never a watermark over a hole."""
    ranges: list[Range] = []
    for boot, seq in sorted(ids):
        if ranges and ranges[-1][0] == boot and ranges[-1][2] == seq - 1:
            ranges[-1] = (boot, ranges[-1][1], seq)
        else:
            ranges.append((boot, seq, seq))
    return ranges

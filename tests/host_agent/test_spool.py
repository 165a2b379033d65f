"""The spool: what a returned commit promises holds over kill -9, and over every kind of file it may find."""

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_agent.database import _STEPS, SCHEMA_VERSION, open_database, open_for_reading, transaction
from host_agent.errors import AgentError
from host_agent.spool import REPEATED, STORED, Spool
from host_agent.time_anchor import TimeAnchor
from protocol.const import UPTIME_MAX_MS
from protocol.event_json import EventRecord, encode_event

SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"


def build_event(seq: int, uptime_ms: int = 0, at: str = "2026-03-17T09:00:00.000Z") -> EventRecord:
    return EventRecord(SOURCE, BOOT, seq, uptime_ms, "ring_started", {"call": seq}, at, "synced")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(open_database(tmp_path / "spool.sqlite"))


def test_a_repeated_event_keeps_its_first_at(spool: Spool) -> None:
    assert spool.store(build_event(1), 10) == STORED
    assert spool.store(build_event(1, at="2027-01-01T00:00:00.000Z"), 20) == REPEATED
    (waiting,) = spool.waiting(0, 10)
    assert b"2026-03-17" in waiting.payload


def test_another_content_under_the_same_id_is_a_conflict(spool: Spool) -> None:
    spool.store(build_event(1), 10)
    assert spool.store(build_event(1, uptime_ms=5), 20) == "conflict"
    assert spool.refused() == 1 and spool.backlog().count == 1


def test_only_listed_events_leave_and_only_once(spool: Spool) -> None:
    for seq in range(10):
        spool.store(build_event(seq), 10)
    assert len(spool.mark_committed(SOURCE, [(BOOT, 2, 4), (BOOT, 8, 99)], 20)) == 5
    assert spool.mark_committed(SOURCE, [(BOOT, 2, 4)], 20) == []
    assert spool.mark_committed("ffffffffffff", [(BOOT, 0, 9)], 20) == []
    assert [event.seq for event in spool.waiting(0, 100)] == [0, 1, 5, 6, 7]


def test_committed_events_stay_for_their_retention_and_still_count_as_held(spool: Spool) -> None:
    for seq in range(3):
        spool.store(build_event(seq), 10)
    spool.mark_committed(SOURCE, [(BOOT, 0, 1)], 100)
    assert spool.prune(100) == 0
    assert spool.held(SOURCE, BOOT) == [(0, 2)]
    assert spool.prune(101) == 2
    assert spool.held(SOURCE, BOOT) == [(2, 2)]
    assert spool.prune(10**15) == 0


def test_what_arrived_since_is_found_over_a_clock_that_was_wrong(spool: Spool) -> None:
    for seq, stored_ms in enumerate([100, 500, 20, 510]):
        spool.store(build_event(seq), stored_ms)
    assert [seq for _, _, _, seq in spool.arrived(spool.last_before(400))] == [1, 2, 3]
    assert spool.arrived(spool.last_before(1000)) == []


@settings(max_examples=40)
@given(st.integers(-(10**12), 10**15), st.integers(0, UPTIME_MAX_MS))
def test_the_disk_gives_an_event_the_time_that_its_anchor_does(zero_ms: int, uptime_ms: int) -> None:
    spool = Spool(open_database(Path(":memory:")))
    events = [replace(build_event(seq), uptime_ms=uptime_ms, clock="unsynced") for seq in range(3)]
    events[1] = replace(events[1], clock="synced")
    for event in events:
        spool.store(event, 10)
    spool.mark_committed(SOURCE, [(BOOT, 2, 2)], 20)
    anchor = TimeAnchor(zero_ms, "synced")
    spool.restamp(SOURCE, BOOT, anchor)
    expected = [anchor.stamp(events[0]), events[1]]
    assert [waiting.payload for waiting in spool.waiting(0, 9)] == [encode_event(event) for event in expected]
    assert spool.last_event(SOURCE, BOOT) == events[2]


@settings(max_examples=40)
@given(st.sets(st.integers(0, 60), max_size=40))
def test_held_is_exactly_what_is_stored(seqs: set[int]) -> None:
    spool = Spool(open_database(Path(":memory:")))
    for seq in seqs:
        spool.store(build_event(seq), 10)
    held = spool.held(SOURCE, BOOT)
    assert {seq for first, last in held for seq in range(first, last + 1)} == seqs
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(held))


def test_a_failed_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    database = open_database(tmp_path / "spool.sqlite")
    spool = Spool(database)
    with pytest.raises(RuntimeError), transaction(database):
        spool.store(build_event(1), 10)
        raise RuntimeError
    assert spool.backlog().count == 0


def test_a_spool_of_a_newer_agent_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    open_database(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(AgentError, match="newer agent") as caught:
        open_database(path)
    assert caught.value.code == "spool.newer"


def test_a_file_that_is_no_spool_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(AgentError, match="start again") as caught:
        open_database(path)
    assert caught.value.code == "spool.damaged"


def test_a_spool_of_an_older_agent_is_taken_up_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    older = sqlite3.connect(path)
    older.executescript(f"{_STEPS[0]} PRAGMA user_version = 1;")
    uploaded = EventRecord(
        "0a0a0a0a0a0a", BOOT, 3, 9, "recording_lost", {"call": f"{SOURCE}-{BOOT}-1", "reason": "x"},
        "2026-03-17T09:00:05.000Z", "synced",
    )  # fmt: skip
    columns = "source, boot, seq, type, digest, payload, stored_ms"
    for event in (build_event(1), uploaded):
        older.execute(
            f"INSERT INTO event ({columns}) VALUES (?, ?, ?, ?, ?, ?, 0)",
            (*event.key, event.type, event.payload_hash(), encode_event(event).decode()),
        )
    older.commit()
    older.close()
    database = open_database(path)
    assert Spool(database).store(build_event(1), 10) == REPEATED
    calls = database.execute("SELECT DISTINCT call, min(at) OVER () FROM event").fetchall()
    assert calls == [(f"{SOURCE}-{BOOT}-1", "2026-03-17T09:00:00.000Z")]
    assert database.execute("SELECT count(*) FROM draft").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        open_for_reading(path).execute("DELETE FROM event")


_WRITER = """
import sys
from pathlib import Path
from host_agent.database import open_database, transaction
from host_agent.spool import Spool
from tests.host_agent.test_spool import build_event
database = open_database(Path(sys.argv[1]))
spool = Spool(database)
seq = spool.backlog().count
while True:
    with transaction(database):
        for seq in range(seq, seq + 5):
            spool.store(build_event(seq), 10)
    seq += 1
    print(seq, flush=True)
"""


def test_killed_between_commits_it_holds_all_that_was_promised(tmp_path: Path) -> None:
    """The writer prints how many events are committed; after kill -9 at any moment they are all there."""
    path = tmp_path / "spool.sqlite"
    draw = random.Random(11)
    promised = 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        for _ in range(draw.randrange(1, 40)):
            promised = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        promised = max([promised, *(int(line) for line in writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        database = open_database(path)
        held = Spool(database).held(SOURCE, BOOT)
        database.close()
        assert len(held) == 1 and held[0][0] == 0 and held[0][1] + 1 >= promised
        assert (held[0][1] + 1) % 5 == 0, "a batch is whole or absent"

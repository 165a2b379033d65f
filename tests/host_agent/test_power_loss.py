"""The agent's disk after the plug was pulled between any two system calls: what was promised is there.

One run of the real core is noted change by change; then every cut is tried in three ways (`disk_log.choices`)
and the image is opened as the next run would open it.
"""

import hashlib
import random
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from host_agent.box_session import BoxSession
from host_agent.database import open_database
from host_agent.errors import AgentError
from host_agent.identity import begin_run
from host_agent.recording_index import RecordingIndex
from host_agent.recordings import Recordings
from host_agent.segments import read_recording
from host_agent.spool import Spool
from tests.host_agent.board import Board
from tests.host_agent.desk import Desk
from tests.host_agent.disk_log import MEMORY, Change, Choose, Disk, choices
from tests.host_agent.observed_disk import ObservedDisk, observed

SEED = 4
BOOT, BOX = "1f2e3d4c-7", "a1b2c3d4e5f6"
AUDIO = bytes(at * 7 % 251 for at in range(6000))
KINDS = {
    *("write", "truncate", "sync", "make", "make_folder"),
    *("rename", "remove", "sync_folder", "promise"),
}


@dataclass
class Told:
    """What the agent let others know before the cut: events it has, boots of its own, files it has stored."""

    events: set[tuple[str, str, int]] = field(default_factory=set)
    boots: set[tuple[str, str]] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)

    def add(self, promise: Any) -> None:
        kind, what = promise
        getattr(self, kind).add(what)


def live(folder: Path, disk: ObservedDisk) -> None:
    """Two calls over two runs of the agent, with checkpoints, an upload and a retention."""
    desk = start(Desk(folder))
    board = desk.plug("P1", Board(BOX, BOOT))
    for number in range(2):
        call = board.state("ring_started", 0, call=0)
        board.state("recording_started", 0, call=call, codec="alaw")
        board.play(call, 0, AUDIO)
        desk.run(1000)
        board.state("recording_stopped", 900, call=call, samples=len(AUDIO))
        desk.run(1000)
        note_published(desk, disk)
        desk.work("encode")
        note_published(desk, disk)
        if number == 0:
            desk.commit_all()
            desk.restart()
            start(desk).run(500)
    index = desk.core.parts.housekeeping.index
    (row, _) = index.in_state("local")
    index.verify(row.call, desk.clock.now().unix_ms)
    desk.core.parts.flow.expire([row])
    desk.core.parts.recordings.close()
    desk.database.close()


def start(desk: Desk) -> Desk:
    """Checkpoints come often, so that cuts fall into them."""
    desk.database.execute("PRAGMA wal_autocheckpoint = 12")
    desk.connect()
    return desk


def note_published(desk: Desk, disk: ObservedDisk) -> None:
    for event in desk.events("recording_stored"):
        disk.promise(("stored", event["fields"]["call"]))
    for event in desk.events():
        if event["source"] != BOX:
            disk.promise(("boots", (event["source"], event["boot"])))


@pytest.fixture(scope="module")
def changes() -> list[Change]:
    """One run, noted."""
    acknowledge = BoxSession.acknowledge
    with tempfile.TemporaryDirectory() as name, observed(Path(name)) as disk:

        def note_acknowledged(session: BoxSession, boot: str, seq: int) -> None:
            disk.promise(("events", (session.source, boot, seq)))
            acknowledge(session, boot, seq)

        with patch.object(BoxSession, "acknowledge", note_acknowledged):
            live(Path(name), disk)
        return disk.changes


def cuts(changes: list[Change]) -> Iterator[tuple[int, Disk, Told]]:
    """The disk and what was told, before each change and after the last."""
    disk, told = Disk(), Told()
    for number, change in enumerate(changes):
        yield number, disk, told
        if change.kind == "promise":
            told.add(change.promise)
        else:
            disk.apply(change)
    yield len(changes), disk, told


def look(disk: Disk, choose: Choose, told: Told) -> list[str]:
    """What is wrong with the image of a cut."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        disk.write_image(folder, choose)
        identity = begin_run(folder / "identity.json")
        wrong = [] if (identity.agent_id, identity.boot) not in told.boots else ["a boot is used twice"]
        try:
            connection = open_database(folder / "spool.sqlite")
        except AgentError as error:
            return [*wrong, f"the spool does not open: {error.code}"]
        try:
            check = connection.execute("PRAGMA integrity_check").fetchone()[0]
            wrong += [] if check == "ok" else [f"the spool is damaged: {check}"]
            wrong += _look_for_events(Spool(connection), told)
            wrong += _look_at_recordings(folder / "recordings", RecordingIndex(connection), told)
        except sqlite3.DatabaseError as error:
            wrong.append(f"the spool is damaged: {error}")
        finally:
            connection.close()
        return wrong


def _look_for_events(spool: Spool, told: Told) -> list[str]:
    held = {
        (source, boot, seq)
        for source, boot in {event[:2] for event in told.events}
        for first, last in spool.held(source, boot)
        for seq in range(first, last + 1)
    }
    return [f"event {event} is gone" for event in sorted(told.events - held)]


def _look_at_recordings(root: Path, index: RecordingIndex, told: Told) -> list[str]:
    """A stored file is whole; what is being written holds the samples that came, at their places."""
    wrong = [f"{call} is not known" for call in told.stored if index.get(call) is None]
    recordings = Recordings(root, index, 0)
    for row in index.in_state("local") + index.in_state("verified"):
        path = recordings.stored_path(row.call)
        data = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(data).hexdigest() != row.sha256 and (data or row.state == "local"):
            wrong.append(f"{row.call} is {row.state} and its file is not there or another")
    for row in index.in_state("writing"):
        folder = recordings.audio_folder(row.call)
        for first_sample, alaw in read_recording(folder):
            if alaw != AUDIO[first_sample : first_sample + len(alaw)]:
                wrong.append(f"{row.call} has samples that nobody sent at {first_sample}")
    recordings.close()
    return wrong


def find_wrong(changes: list[Change]) -> Iterator[str]:
    ways = choices(random.Random(SEED))
    for number, disk, told in cuts(changes):
        for way, choose in ways.items():
            for wrong in look(disk, choose, told):
                yield f"cut before {number}, {way}: {wrong}"


def test_every_cut_leaves_what_was_promised(
    changes: list[Change], capsys: pytest.CaptureFixture[str]
) -> None:
    assert {change.kind for change in changes} == KINDS
    assert sum(change.kind == "promise" for change in changes) > 10
    assert list(find_wrong(changes)) == []
    with capsys.disabled():
        print(
            f"\npower loss: seed {SEED}, {len(changes)} changes, {3 * len(changes) + 3} images, nothing lost"
        )


def without(changes: list[Change], kind: str, ending: str) -> list[Change]:
    return [change for change in changes if change.kind != kind or not change.path.endswith(ending)]


def told_too_early(changes: list[Change]) -> list[Change]:
    """Each event is acknowledged before its commit is synced."""
    early: list[Change] = []
    for change in changes:
        at = len(early)
        while change.kind == "promise" and early[at - 1].kind != "write":
            at -= 1
        early.insert(at, change)
    return early


@pytest.mark.parametrize(
    ("sabotage", "seen"),
    [
        (lambda changes: without(changes, "sync", "-wal"), "event .* is gone|the spool"),
        (told_too_early, "event .* is gone"),
        (lambda changes: without(changes, "sync", ".opus.new"), "local and its file"),
        (lambda changes: without(changes, "sync_folder", "recordings"), "local and its file"),
        (lambda changes: without(changes, "sync_folder", "."), "a boot is used twice"),
        (lambda changes: without(changes, "sync_folder", "stored"), "local and its file"),
    ],
)
def test_a_promise_before_its_time_is_seen(
    changes: list[Change], sabotage: Callable[[list[Change]], list[Change]], seen: str
) -> None:
    """The same run without one of its syncs, or with its acknowledgements before them."""
    assert any(re.search(seen, wrong) for wrong in find_wrong(sabotage(changes)))

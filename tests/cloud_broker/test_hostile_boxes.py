"""Boxes, agents and brokers that misbehave: each is noticed, named, and harms nobody else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_broker.adapters.objects import FolderStore
from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import DAY_MS
from cloud_broker.domain.views import CallFilter
from cloud_broker.errors import UploadRefused
from cloud_broker.handlers.backup import back_up, restore
from cloud_broker.handlers.consumer import ask_again
from cloud_broker.handlers.ingest import ingest
from cloud_broker.handlers.presence import note_status
from cloud_broker.handlers.reconcile import reconcile_night
from cloud_broker.handlers.recordings import Recordings
from tests.cloud_broker import world
from tests.cloud_broker.test_reconcile import NIGHT_MS, tell, tell_agent, upload
from tests.cloud_broker.world import (
    AGENT,
    BOOT,
    BOX,
    CALL,
    DESK,
    HQ,
    OTHER_BOX,
    OTHER_DESK,
    Box,
    message,
    take_in,
)

OTHER_AGENT = "0b0b0b0b0b0b"


def alarms(cloud: Cloud) -> dict[str, str]:
    return {alarm.kind: alarm.subject for alarm in cloud.operations.alarms(HQ, 50)}


def outcomes(cloud: Cloud) -> dict[str, str | None]:
    return {call.id: call.outcome for call in cloud.reader.calls(HQ, CallFilter(), None, 50).items}


def test_a_box_that_replays_old_numbers_with_the_same_content_changes_nothing(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, events)
    before = outcomes(cloud)
    for _ in range(3):
        take_in(cloud, events[2:6])
    assert (outcomes(cloud), alarms(cloud)) == (before, {})


def test_a_box_that_gives_old_numbers_to_new_events_is_named_and_the_first_content_stays(
    cloud: Cloud,
) -> None:
    """Its identity was copied back: the same boot counts from 1 again, with another call."""
    take_in(cloud, world.answered_call())
    other = Box(source=OTHER_BOX)
    replayed = world.missed_call("13911112222")
    batch = [message(event) for event in replayed]
    batch += [message(event, OTHER_DESK) for event in world.missed_call(box=other)]
    result = ingest(cloud.database, cloud.clock, batch)
    assert alarms(cloud) == {"event_conflict": BOX}
    call = cloud.reader.call(HQ, CALL)
    assert (call.outcome, call.number) == ("answered", "13800138000")
    with cloud.database.read() as connection:
        letters = connection.execute(tables.dead_letter.select()).all()
    assert {letter.reason for letter in letters} == {"conflict"}
    assert all((letter.source, letter.boot) == (BOX, BOOT) for letter in letters)
    assert outcomes(cloud)[f"{OTHER_BOX}-{BOOT}-2"] == "missed"  # the other box of the same batch
    assert set(result.committed) == {(DESK, BOX), (OTHER_DESK, OTHER_BOX)}  # it need not send them again


def test_two_boxes_with_one_id_at_two_desks(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    twin = Box(boot="ffffffff-1")
    take_in(cloud, world.missed_call("13911112222", twin), desk=OTHER_DESK)
    assert alarms(cloud) == {"source_unknown": BOX}
    assert list(outcomes(cloud)) == [CALL]
    with cloud.database.read() as connection:
        held = connection.execute(tables.quarantine.select()).all()
    assert {(row.source, row.desk) for row in held} == {(BOX, OTHER_DESK)}


def test_two_boxes_with_one_id_at_two_pcs_of_one_desk(cloud: Cloud) -> None:
    for agent in (AGENT, OTHER_AGENT):
        world.enrol(cloud, DESK, agent)
        status(cloud, agent, {"state": "online"})
    take_in(cloud, world.answered_call()[:1])
    status(cloud, BOX, {"state": "online", "agent": AGENT})
    status(cloud, BOX, {"state": "online", "agent": OTHER_AGENT})
    assert alarms(cloud) == {"box_claimed_twice": BOX}
    with cloud.database.read() as connection:
        assert connection.execute(tables.box.select()).one().agent == AGENT


def status(cloud: Cloud, source: str, body: dict[str, Any]) -> None:
    topic = f"cloudseat/v1/{DESK}/{source}/status"
    note_status(cloud.database, cloud.clock, topic, json.dumps({"v": 1, **body}).encode())


def test_another_recording_of_a_verified_call_is_refused_and_named(cloud: Cloud) -> None:
    world.enrol(cloud)
    take_in(cloud, world.answered_call())
    upload(cloud)
    forged = b"OggS" + b"another"
    with pytest.raises(UploadRefused, match="already verified"):
        cloud.recordings.put_whole(DESK, CALL, forged, world.digest_of(forged), 1)
    with pytest.raises(UploadRefused, match="announced SHA-256"):
        cloud.recordings.put_whole(DESK, CALL, forged + b"!", world.digest_of(forged), 1)
    assert alarms(cloud) == {"recording_differs": CALL}


def test_a_broker_that_accepts_and_forgets_is_seen_at_night(cloud: Cloud) -> None:
    """The desk PC published all and was told nothing: the days say where its events are."""
    world.enrol(cloud)
    events = world.answered_call()
    take_in(cloud, events[:4])
    tell_agent(cloud, [[1, 8]], [[5, 8]])
    (day,) = [one for one in reconcile_night(cloud.database, NIGHT_MS) if one.source == BOX]
    assert day.result.state == "waiting"
    reconcile_night(cloud.database, NIGHT_MS + DAY_MS)
    take_in(cloud, events[4:])
    upload(cloud)
    reconcile_night(cloud.database, NIGHT_MS + DAY_MS)
    assert alarms(cloud) == {}


class Heard:
    """A publisher that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        self.said.append((topic, json.loads(payload)))
        return True


def test_after_a_restore_the_desk_pc_is_asked_for_what_it_was_told_is_committed(
    cloud: Cloud, tmp_path: Path
) -> None:
    """`committed` said of events 5..8 and of the recording what is no longer true."""
    world.enrol(cloud)
    events = world.answered_call()
    take_in(cloud, events[:6])
    folder = tmp_path / "backup"
    back_up(cloud.database, cloud.store, cloud.settings.data_dir, folder, world.NOW_MS, lambda *_: None)
    take_in(cloud, events[6:])
    upload(cloud)
    database = Database(f"sqlite:///{tmp_path / 'restored.sqlite3'}")
    restore(database, FolderStore(tmp_path / "restored"), tmp_path / "home", folder, lambda *_: None)
    recordings = Recordings(database, cloud.store, cloud.clock)
    restored = replace(cloud, database=database, recordings=recordings)
    tell(restored, AGENT, {"sources": {BOX: {"boots": {BOOT: {"received": [[1, 8]], "waiting": []}}}}})
    reconcile_night(database, NIGHT_MS)
    heard = Heard()
    assert ask_again(heard, database, NIGHT_MS) == 1
    body = {"v": 1, "source": BOX, "ranges": [[BOOT, 7, 8]], "recordings": [CALL]}
    assert heard.said == [(f"cloudseat/v1/{DESK}/{BOX}/missing", body)]
    take_in(restored, events[6:])
    upload(restored)
    reconcile_night(database, NIGHT_MS)
    assert ask_again(Heard(), database, NIGHT_MS) == 0
    database.close()


def test_a_desk_pc_is_asked_for_what_its_report_no_longer_names(cloud: Cloud) -> None:
    world.enrol(cloud)
    events = world.answered_call()
    take_in(cloud, [events[0], *events[3:6]])
    tell(cloud, BOX, {"boot": BOOT, "events": 8, "calls": 1, "recordings": 1})
    tell_agent(cloud, [[5, 7]], [[7, 7]])
    reconcile_night(cloud.database, NIGHT_MS)
    heard = Heard()
    ask_again(heard, cloud.database, NIGHT_MS)
    ((_, body),) = heard.said
    assert body["ranges"] == [[BOOT, 2, 3], [BOOT, 8, 8]]


def test_much_that_is_missing_is_asked_for_in_parts(cloud: Cloud) -> None:
    world.enrol(cloud)
    box = Box()
    said = [box.say("line_changed", n, state="normal", line_mv=48_000) for n in range(1, 302)]
    take_in(cloud, said[::2])
    reconcile_night(cloud.database, NIGHT_MS)
    heard = Heard()
    ask_again(heard, cloud.database, NIGHT_MS)
    parts = [body["ranges"] for _, body in heard.said]
    assert [len(part) for part in parts] == [100, 50]
    assert [one for part in parts for one in part] == [[BOOT, n, n] for n in range(2, 301, 2)]

"""What should not be there: each is noticed, named, and harms nothing else."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.host_agent.board import Board
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.desk import Desk
from tests.host_agent.test_recordings import call_id, record
from tests.host_agent.test_uploads import access

SECOND = 1000
HOUR = 3_600_000


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.connect()
    return desk


@pytest.mark.parametrize("left", [0, 100])
def test_a_stored_recording_that_somebody_cut_is_named_and_the_next_goes_up(
    desk: Desk, cloud: FakeCloud, left: int
) -> None:
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    cut, kept = (call_id(board, record(desk, board, 3000)) for _ in range(2))
    desk.work("encode")
    path = desk.core.parts.recordings.stored_path(cut)
    path.write_bytes(path.read_bytes()[:left])
    with capture_logs() as logs:
        desk.work("upload")
        desk.work("upload")
    assert [entry["call"] for entry in logs if entry["event"] == "upload.file_changed"] == [cut]
    assert desk.events("recording_lost")[0]["fields"] == {"call": cut, "reason": "file_changed"}
    assert list(cloud.stored) == [kept]


def test_audio_that_somebody_cut_while_it_was_written_is_a_gap_of_its_length(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 2480)
    desk.run(SECOND)
    desk.core.parts.recordings.close()
    (path,) = desk.core.parts.recordings.audio_folder(call_id(board, call)).glob("*.alaw")
    path.write_bytes(path.read_bytes()[: 4 * 258 + 100])
    desk.restart()
    desk.connect()
    board.play(call, 2480, b"\x5a" * 1000)
    desk.run(2 * SECOND)
    board.state("recording_stopped", 9, call=call, samples=3480)
    desk.run(2 * SECOND)
    desk.work("encode")
    fields = desk.events("recording_stored")[0]["fields"]
    assert fields["samples"] == 3480 and fields["gaps"] == [[992, 1488]]


def test_a_box_that_says_old_events_again_adds_nothing(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    for burst in range(20):
        board.state("ring_burst", burst, call=0, burst=burst)
    journal = dict(board.journal)
    desk.run(SECOND)
    desk.commit_all()
    published = len(desk.events())
    board.journal.update(journal)
    board._control.extend(journal.values())
    desk.run(SECOND)
    assert board.is_idle, "it may forget them"
    assert len(desk.events()) == published
    assert desk.core.parts.spool.refused() == 0 and desk.core.parts.spool.backlog().count == 0


@pytest.mark.parametrize("hours", [-8, 8])
def test_a_clock_that_jumps_during_a_call_moves_no_event_and_deletes_nothing(desk: Desk, hours: int) -> None:
    board = desk.plug("P1", Board())
    kept = call_id(board, record(desk, board, 1000))
    desk.work("encode")
    desk.core.parts.housekeeping.index.verify(kept, desk.clock.now().unix_ms)
    desk.commit_all()
    call = board.state("off_hook", desk.clock.now().elapsed_ms, call=0, by="phone")
    board.state("recording_started", desk.clock.now().elapsed_ms, call=call, codec="alaw")
    board.play(call, 0, b"\x5a" * 500)
    desk.run(SECOND)
    with capture_logs() as logs:
        desk.clock.jump(hours * HOUR)
        board.play(call, 500, b"\x5a" * 500)
        desk.run(11 * SECOND)
        board.state("recording_stopped", desk.clock.now().elapsed_ms, call=call, samples=1000)
        desk.run(SECOND)
    desk.work("encode")
    assert {event["fields"]["by_ms"] for event in desk.events("clock_stepped")} == {hours * HOUR}
    assert "spool.backlog" not in {entry["event"] for entry in logs}
    ends = [event for event in desk.events("recording_stored") if event["fields"]["call"] != kept]
    assert ends[0]["fields"] == {"call": call_id(board, call), "samples": 1000}
    assert desk.events("recording_stopped")[-1]["at"].startswith("2026-03-17T09:00:1")
    assert desk.core.parts.recordings.stored_path(kept).exists()


def test_a_broker_that_forgets_all_is_told_again_until_the_cloud_lists_it(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    board.state("ring_started", 0, call=0)
    desk.run(SECOND)
    desk.broker.published.clear()
    desk.run(60 * SECOND)
    assert len(desk.events("ring_started")) >= 1
    assert desk.core.parts.spool.backlog().count > 0
    desk.commit_all()
    desk.broker.published.clear()
    desk.run(400 * SECOND)
    assert desk.events("ring_started") == []

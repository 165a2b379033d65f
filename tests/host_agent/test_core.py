"""The core in virtual time: a box's events to the cloud and back, over every kind of interruption."""

import itertools
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from host_agent.core import MAX_HOLD_MS
from host_agent.database import spool_full
from host_agent.ports import BrokerUp, JobDone, PortsSeen, SerialBytes
from host_agent.publisher import MAX_WAIT_MS
from protocol.const import PROTOCOL_VERSION
from protocol.event_json import EventRecord
from protocol.events import BOX_EVENTS
from protocol.link import LinkEnd
from protocol.messages import encode_message
from tests.host_agent.board import Board
from tests.host_agent.desk import START_MS, STEP_MS, Desk

SECOND = 1000


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ring(board: Board, uptime_ms: int = 0) -> int:
    return board.state("ring_started", uptime_ms, call=0)


def test_a_box_is_attached_and_told_the_time(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    assert desk.attached == [(board.source, "P1")]
    assert [event["fields"]["box"] for event in desk.events("box_attached")] == [board.source]
    assert desk.broker.retained[f"cloudseat/v1/desk-1/{board.source}/status"]["state"] == "online"


def test_an_event_is_acknowledged_after_its_commit_and_leaves_when_listed(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(100)
    assert board.is_idle
    (event,) = desk.events("ring_started")
    assert desk.core.parts.spool.backlog().count == 2
    desk.commit_all()
    assert desk.core.parts.spool.backlog().count == 0
    assert event["at"].startswith("2026-03-17T09:00:00.")


def test_a_full_spool_acknowledges_nothing_and_goes_on_by_itself(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    desk.database.execute("PRAGMA max_page_count = 1")
    pages = desk.database.execute("PRAGMA page_count").fetchone()[0]
    with capture_logs() as logs:
        for _ in range(400):
            board.state("fault", 1, part="x" * 100, reason="y" * 100)
        desk.run(2 * SECOND)
    assert [entry["event"] for entry in logs].count("spool.full") == 1
    assert len(board.journal) > 0
    held = desk.core.parts.spool.backlog().count
    desk.database.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    desk.run(3 * SECOND)
    assert board.is_idle
    assert desk.core.parts.spool.backlog().count == 401 > held


def test_one_event_that_nobody_can_hear_keeps_the_others_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    first, second = desk.plug("P1", Board()), desk.plug("P2", Board("b1b2c3d4e5f6"))
    handle_event = desk.core.parts.recordings.handle_event

    def fail_for_the_first(event: EventRecord, now_ms: int) -> None:
        if event.source == first.source:
            raise ValueError("no such event")
        handle_event(event, now_ms)

    monkeypatch.setattr(desk.core.parts.recordings, "handle_event", fail_for_the_first)
    for board in (first, second):
        ring(board, desk.clock.now().elapsed_ms)
    desk.clock.advance(STEP_MS)
    now = desk.clock.now()
    for path, board in desk.boards.items():
        desk.core.handle(SerialBytes(path, board.poll(now.elapsed_ms)), now)
    with pytest.raises(ExceptionGroup) as caught:
        desk.core.flush(now)
    assert [str(error) for error in caught.value.exceptions] == ["no such event"]
    desk.run(SECOND)
    assert first.is_idle and second.is_idle
    assert desk.core.parts.spool.held(second.source, second.boot) == [(0, 0)]


def test_events_wait_for_the_broker_and_go_in_order(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    for burst in range(40):
        board.state("ring_burst", burst, call=0, burst=burst)
    desk.run(SECOND)
    assert desk.events() == []
    desk.connect()
    assert [event["fields"]["burst"] for event in desk.events("ring_burst")] == list(range(40))


def test_what_a_broker_forgets_is_published_again_with_a_growing_wait(desk: Desk) -> None:
    desk.connect()
    ring(desk.plug("P1", Board()))
    desk.run(100)
    times = []
    for _ in range(60 * 30):
        before = len(desk.events("ring_started"))
        desk.run(SECOND)
        if len(desk.events("ring_started")) > before:
            times.append(desk.clock.now().elapsed_ms)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits[:3] == pytest.approx([22 * SECOND, 44 * SECOND, 88 * SECOND], abs=2 * SECOND)
    assert max(waits) <= 1.2 * MAX_WAIT_MS + 2 * SECOND


def test_a_new_connection_publishes_all_that_is_not_listed(desk: Desk) -> None:
    desk.connect()
    ring(desk.plug("P1", Board()))
    desk.run(100)
    desk.disconnect()
    desk.connect()
    assert len(desk.events("ring_started")) == 2


def test_a_restart_keeps_what_is_not_listed_with_its_first_at(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(100)
    boot = desk.identity.boot
    desk.clock.jump(3_600_000)
    desk.restart()
    desk.connect()
    (event,) = desk.events("ring_started")
    assert event["at"].startswith("2026-03-17T09:00:00.")
    assert desk.identity.boot != boot


def test_a_window_bounds_what_is_under_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path, publish_window=10)
    board = desk.plug("P1", Board())
    for burst in range(50):
        board.state("ring_burst", burst, call=0, burst=burst)
    desk.run(SECOND)
    desk.connect()
    assert len(desk.events()) == 10
    desk.commit_all()
    assert len(desk.events()) == 20


def test_the_backlog_raises_one_alarm(desk: Desk) -> None:
    ring(desk.plug("P1", Board()))
    with capture_logs() as logs:
        desk.run(SECOND)
        for _ in range(700):
            desk.clock.advance(SECOND)
            desk.tick()
    assert [entry["event"] for entry in logs].count("spool.backlog") == 1


def test_a_silent_box_is_detached_and_found_again(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    desk.boards.clear()
    desk.run(20 * SECOND)
    assert [event["fields"]["reason"] for event in desk.events("box_detached")] == ["silent"]
    assert desk.broker.retained[f"cloudseat/v1/desk-1/{board.source}/status"]["state"] == "offline"
    desk.commit_all()
    desk.broker.published.clear()
    desk.plug("P1", board)
    desk.run(SECOND)
    assert len(desk.events("box_attached")) == 1


def test_a_port_that_comes_back_under_another_name_is_the_same_box(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    desk.unplug("P1")
    assert [event["fields"]["reason"] for event in desk.events("box_detached")] == ["unplugged"]
    desk.handle(PortsSeen({"P7": "serial"}))
    desk.tick()
    desk.plug("P7", board)
    desk.run(SECOND)
    assert desk.attached == [(board.source, "P1"), (board.source, "P7")]


def test_an_absent_port_is_said_once_and_opened_when_it_is_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.absent.add("P3")
    with capture_logs() as logs:
        desk.core.parts.boxes.wanted.add("P3")
        desk.run(20 * SECOND)
        assert [entry["event"] for entry in logs].count("port.missing") == 1
        desk.absent.clear()
        desk.run(31 * SECOND)
    assert "P3" in desk.wires


def test_two_boxes_with_one_id_are_told_apart_and_the_first_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.connect()
    first = desk.plug("P1", Board())
    with capture_logs() as logs:
        second = desk.plug("P2", Board())
        desk.run(5 * SECOND)
        ring(first)
        ring(second)
        desk.run(SECOND)
    doubles = [entry for entry in logs if entry["event"] == "box.double"]
    assert len(doubles) == 1 and doubles[0]["port"] == "P2"
    assert first.is_idle and not second.is_idle
    assert len(desk.events("ring_started")) == 1


def test_an_unknown_protocol_version_is_not_answered_and_said_once(desk: Desk) -> None:
    hello = encode_message("hello", PROTOCOL_VERSION + 1, "a1b2c3d4e5f6", "1f2e3d4c-7", "9.0.0", 0)
    stranger = LinkEnd(True, hello, iter(range(1, 100)).__next__)
    with capture_logs() as logs:
        for _ in range(200):
            desk.clock.advance(50)
            now_ms = desk.clock.now().elapsed_ms
            desk.handle(SerialBytes("P1", stranger.poll(now_ms)))
            stranger.receive(desk.wires["P1"].sent, now_ms)
            desk.wires["P1"].sent = b""
            desk.tick()
    assert not stranger.is_open
    assert [entry["reason"] for entry in logs if entry["event"] == "box.refused"] == ["version"]


def test_noise_is_said_once_and_a_box_behind_it_is_heard(desk: Desk) -> None:
    noise = random.Random(7).randbytes(20_000)
    with capture_logs() as logs:
        for at in range(0, len(noise), 500):
            desk.handle(SerialBytes("P1", noise[at : at + 500]))
    assert [entry["reason"] for entry in logs if entry["event"] == "box.refused"] == ["noise"]
    desk.plug("P1", Board())
    assert len(desk.attached) == 1


def test_an_event_outside_the_table_is_kept_aside_and_acknowledged(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    board.state("moon_risen", 1, height=3)
    board.state("ring_started", 2)
    ring(board, 3)
    with capture_logs() as logs:
        desk.run(SECOND)
    reasons = [entry["reason"] for entry in logs if entry["event"] == "event.refused"]
    assert reasons == ["type", "missing:call"]
    assert board.is_idle and desk.core.parts.spool.refused() == 2
    assert len(desk.events("ring_started")) == 1


@pytest.mark.parametrize("call", [None, "7", [1], -1])
def test_a_call_that_is_no_number_stops_nobody(desk: Desk, call: object) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    board.say("event", 1, 5, "tone_detected", {"tone": "dial", "freq_hz": 450, "call": call})
    board.say("event", 2, 6, "fault", {"part": "loop", "reason": "MemoryError", "call": call})
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    assert len(desk.events("ring_started")) == 1 and board.is_idle


def test_a_replayed_number_with_other_content_is_a_conflict(desk: Desk) -> None:
    desk.connect()
    ring(desk.plug("P1", Board()), 5)
    desk.run(SECOND)
    liar = Board()
    desk.boards["P1"] = liar
    liar.state("off_hook", 99, call=0, by="phone")
    with capture_logs() as logs:
        desk.run(2 * SECOND)
    assert [entry["reason"] for entry in logs if entry["event"] == "event.refused"] == ["conflict"]
    assert len(desk.events("off_hook")) == 0 and len(desk.events("ring_started")) == 1


def test_a_jump_of_the_clock_is_an_event_and_marks_what_follows(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.clock.jump(8 * 3_600_000)
    desk.run(SECOND)
    board.state("ring_stopped", desk.clock.now().elapsed_ms, call=0, bursts=1)
    desk.run(SECOND)
    assert [event["fields"]["by_ms"] for event in desk.events("clock_stepped")] == [8 * 3_600_000]
    assert desk.events("ring_started")[0]["clock"] == "unsynced"
    assert desk.events("ring_stopped")[0]["clock"] == "stepped"
    assert desk.events("ring_stopped")[0]["at"].startswith("2026-03-17T09:00:02.")


def test_undecodable_messages_are_counted_and_harm_nothing(desk: Desk) -> None:
    desk.connect()
    source = desk.plug("P1", Board()).source
    before = desk.core.parts.spool.backlog().count
    for body in (b"", b"\xff", b"[]", b'{"source":"x"}', b"[" * 100_000, b'{"ranges":[[1,2,3]]}'):
        desk.message(f"cloudseat/v1/desk-1/{source}/committed", body)
    desk.message("cloudseat/v1/desk-1/nobody/committed", {})
    other = {"v": 1, "source": "ffffffffffff", "ranges": [["1f2e3d4c-7", 0, 9]]}
    desk.message(f"cloudseat/v1/desk-1/{source}/committed", other)
    assert desk.core.undecodable == 8
    assert desk.core.parts.spool.backlog().count == before


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
numbers = st.integers(0, 2**32 - 1)
maps = st.dictionaries(
    st.sampled_from(["call", "number", "samples", "first_sample", "x"]), values, max_size=4
)
types = st.sampled_from([*BOX_EVENTS, "box_attached", "moon_risen"])
messages = st.one_of(
    st.tuples(st.just("event"), numbers, numbers, types, maps),
    st.tuples(st.just("past_event"), st.sampled_from(["1f2e3d4c-6", "x"]), numbers, numbers, types, maps),
    st.tuples(st.just("health"), maps),
    st.tuples(st.just("log"), st.text(max_size=9), st.text(max_size=9)),
    st.tuples(st.just("reply"), st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)),
    st.tuples(st.text(max_size=5), values),
)


@settings(max_examples=60)
@given(st.lists(messages, max_size=8))
def test_whatever_a_box_says_is_survived_and_the_next_event_is_stored(said: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        desk = Desk(Path(folder))
        desk.connect()
        board = desk.plug("P1", Board())
        for message in said:
            board.say(*message)
        desk.run(200)
        board.state("self_test", 5, item="line", passed=True)
        desk.run(200)
        assert board.is_idle
        desk.core.parts.recordings.close()
        desk.database.close()


def test_the_anchor_is_in_cloud_time_where_it_is_known(desk: Desk) -> None:
    desk.core.parts.reception._offset.learn(START_MS + 3_600_000, START_MS, START_MS)
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    (event,) = desk.events("ring_started")
    assert event["clock"] == "synced" and event["at"].startswith("2026-03-17T10:00:00.")


def test_with_the_cloud_away_a_restart_under_a_wrong_clock_moves_no_event(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.clock.jump(-7 * 3_600_000)
    desk.restart()
    desk.connect()
    desk.run(2 * SECOND)
    board.state("ring_stopped", desk.clock.now().elapsed_ms, call=0, bursts=1)
    other = desk.plug("P2", Board(source="b1b2c3d4e5f6"))
    ring(other, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    assert desk.events("ring_stopped")[0]["at"].startswith("2026-03-17T09:00:03.")
    times = {event["source"]: event["at"][:20] for event in desk.events("ring_started")}
    assert times == {board.source: "2026-03-17T09:00:00.", other.source: "2026-03-17T09:00:03."}


def test_with_the_cloud_away_a_box_that_boots_after_a_jump_is_in_the_time_of_the_run(desk: Desk) -> None:
    desk.connect()
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.clock.jump(8 * 3_600_000)
    desk.run(SECOND)
    desk.boards["P1"] = second = Board(boot="1f2e3d4c-9")
    desk.run(SECOND)
    ring(second, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    rung = desk.events("ring_started")[-1]
    assert (rung["boot"], rung["clock"], rung["at"][:20]) == ("1f2e3d4c-9", "stepped", "2026-03-17T09:00:03.")


def test_a_box_goes_on_in_cloud_time_once_it_is_told(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    now = desk.clock.now()
    told = (now.unix_ms + 3_600_000, now.unix_ms, now.unix_ms)
    desk.handle(JobDone("time", "time", told, None))
    board.state("ring_stopped", now.elapsed_ms, call=0, bursts=1)
    desk.run(SECOND)
    (stopped,) = desk.events("ring_stopped")
    assert stopped["clock"] == "synced" and stopped["at"].startswith("2026-03-17T10:00:01.")


HOUR = 3_600_000


def test_what_waits_from_before_the_cloud_was_there_goes_up_in_its_time(desk: Desk) -> None:
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    board.say("past_event", "1f2e3d4c-6", 0, 5000, "ring_started", {"call": 0})
    desk.run(SECOND)
    desk.connect(HOUR)
    assert {event["at"][:17] for event in desk.events()} == {"2026-03-17T10:00:"}
    clocks = {event["boot"]: event["clock"] for event in desk.events() if event["source"] == board.source}
    assert clocks == {"1f2e3d4c-6": "unsynced", "1f2e3d4c-7": "synced"}  # of the one only the bound is known


def test_what_the_cloud_may_have_is_not_moved_and_the_rest_is_moved_once(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.commit_all()
    desk.disconnect()
    board.state("ring_stopped", desk.clock.now().elapsed_ms, call=0, bursts=1)
    desk.run(SECOND)
    desk.connect(HOUR)
    desk.tell_time(HOUR + 500)
    desk.disconnect()
    desk.connect(HOUR)
    assert {event["at"][:17] for event in desk.events("ring_started")} == {"2026-03-17T09:00:"}
    assert {event["at"][:20] for event in desk.events("ring_stopped")} == {"2026-03-17T10:00:01."}


def test_one_box_that_an_earlier_run_knew_puts_the_others_right(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ports=("P1", "P2"))
    desk.connect(0)
    known = desk.plug("P2", Board(source="b1b2c3d4e5f6"))
    ring(known, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.disconnect()
    desk.clock.jump(-7 * HOUR)
    desk.boards = {}
    desk.restart()
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.plug("P2", known)
    desk.run(SECOND)
    desk.connect()
    assert {event["at"][:17] for event in desk.events()} == {"2026-03-17T09:00:"}
    assert {event["clock"] for event in desk.events() if event["source"] != known.source} == {"synced"}


def test_a_full_disk_holds_up_the_time_until_there_is_room(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    with monkeypatch.context() as disk, capture_logs() as logs:
        disk.setattr(desk.core.parts.spool, "restamp", full)
        desk.connect(HOUR)
        desk.run(2 * SECOND)
        assert [entry["event"] for entry in logs].count("spool.full") == 1
        assert desk.events() == []
    desk.run(SECOND)
    assert {(event["clock"], event["at"][:17]) for event in desk.events()} == {
        ("synced", "2026-03-17T10:00:")
    }


def full(*_: object) -> None:
    raise spool_full()


def test_a_jump_of_the_clock_moves_no_boot_of_a_run_that_was_told_the_time(desk: Desk) -> None:
    desk.connect(0)
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.disconnect()
    desk.clock.jump(8 * HOUR)
    desk.boards["P1"] = second = Board(boot="1f2e3d4c-9")
    desk.run(2 * SECOND)
    ring(second, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.connect()
    assert {(event["clock"], event["at"][:17]) for event in desk.events()} == {
        ("synced", "2026-03-17T09:00:")
    }
    assert {event["boot"] for event in desk.events("ring_started")} == {"1f2e3d4c-7", "1f2e3d4c-9"}


def test_an_answer_that_was_under_way_when_the_clock_jumped_says_nothing(desk: Desk) -> None:
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    before_ms = desk.clock.now().unix_ms
    desk.clock.jump(7 * HOUR)
    desk.handle(BrokerUp("5"))
    desk.handle(JobDone("time", "time", (before_ms, before_ms, before_ms), None))
    assert desk.events() == []
    desk.tick()
    desk.tell_time(-7 * HOUR)
    assert {(event["clock"], event["at"][:17]) for event in desk.events()} == {
        ("synced", "2026-03-17T09:00:")
    }


def test_a_failure_of_before_the_connection_is_no_answer_but_nobody_waits_for_ever(desk: Desk) -> None:
    ring(desk.plug("P1", Board()), desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.handle(BrokerUp("5"))
    desk.tell_time(None)
    assert desk.events() == []
    desk.tick()
    assert [name for name, _, _ in desk.worker.jobs].count("time") == 2
    desk.run(MAX_HOLD_MS)
    assert len(desk.events("ring_started")) == 1


def test_what_is_published_again_has_the_time_that_is_known_by_then(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    ring(board, desk.clock.now().elapsed_ms)
    board.say("past_event", "1f2e3d4c-6", 0, 5000, "ring_started", {"call": 0})
    desk.run(SECOND)
    desk.tell_time(HOUR)
    board.say("past_event", "1f2e3d4c-6", 1, 6000, "ring_stopped", {"call": 0, "bursts": 1})
    desk.run(20 * MAX_HOLD_MS)
    last = {(event["boot"], event["type"]): event["at"][:19] for event in desk.events()}
    assert last["1f2e3d4c-7", "ring_started"] == "2026-03-17T10:00:00"
    assert last["1f2e3d4c-6", "ring_started"] == "2026-03-17T10:00:00"
    assert last["1f2e3d4c-6", "ring_stopped"] == "2026-03-17T10:00:00"  # the bound holds for its last event


def test_a_box_that_called_for_hours_before_the_agent_came_has_the_right_time(tmp_path: Path) -> None:
    board = Board()
    for uptime_ms in range(0, 10 * SECOND, 500):
        board.poll(uptime_ms)
    desk = Desk(tmp_path)
    desk.connect()
    desk.clock.advance(3 * 3_600_000)
    desk.plug("P1", board)
    ring(board, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    (event,) = desk.events("ring_started")
    assert event["at"].startswith("2026-03-17T12:00:00.")


def test_events_of_an_earlier_boot_keep_that_boots_time_or_the_bound_that_is_known(desk: Desk) -> None:
    desk.connect()
    first = desk.plug("P1", Board())
    ring(first, desk.clock.now().elapsed_ms)
    desk.run(SECOND)
    desk.restart()
    desk.connect()
    desk.boards["P1"] = second = Board(boot="1f2e3d4c-9")
    desk.run(SECOND)
    second.say("past_event", "1f2e3d4c-7", 1, 3_600_000, "ring_stopped", {"call": 0, "bursts": 2})
    second.say("past_event", "1f2e3d4c-8", 0, 3_600_000, "ring_started", {"call": 0})
    desk.run(SECOND)
    (stopped,) = desk.events("ring_stopped")
    assert stopped["boot"] == "1f2e3d4c-7" and stopped["at"].startswith("2026-03-17T10:00:00.")
    (rung,) = [event for event in desk.events("ring_started") if event["boot"] == "1f2e3d4c-8"]
    assert rung["at"].startswith("2026-03-17T09:00:00.") and rung["clock"] == "unsynced"


def test_a_recording_of_an_earlier_boot_does_not_end_the_present_one(desk: Desk) -> None:
    desk.connect()
    board = desk.plug("P1", Board())
    call = board.state("recording_started", 0, call=0, codec="alaw")
    board.play(call, 0, b"\x5a" * 1000)
    board.say(
        "past_event", "1f2e3d4c-6", 0, 5, "boot", {"reason": "power_on", "firmware": "1", "off_hook": False}
    )
    board.say("past_event", "1f2e3d4c-6", 1, 9, "recording_started", {"call": 1, "codec": "alaw"})
    desk.run(20 * SECOND)
    assert desk.events("recording_lost")[0]["fields"]["call"] == f"{board.source}-1f2e3d4c-6-1"
    board.play(call, 1000, b"\x5a" * 1000)
    board.state("recording_stopped", 9, call=call, samples=2000)
    desk.run(SECOND)
    desk.work("encode")
    assert desk.events("recording_stored")[0]["fields"]["samples"] == 2000

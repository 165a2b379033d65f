"""Uploads over real HTTP: believed is only a hash that is right; everything else is named and tried again."""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from host_agent import bootstrap
from host_agent.errors import AgentError
from host_agent.identity import begin_run
from host_agent.quiet_hours import RateCap, is_quiet
from host_agent.settings import AgentSettings
from host_agent.uploads import (
    FIRST_WAIT_MS,
    MAX_WAIT_MS,
    PART_BYTES,
    PIECE_BYTES,
    CloudAccess,
    UploadJob,
    UploadQueue,
    build_content_digest,
    upload_recording,
)
from tests.host_agent.board import Board
from tests.host_agent.cloud import TOKEN, FakeCloud
from tests.host_agent.desk import Desk
from tests.host_agent.test_recordings import call_id, record

DAY_MS = 86_400_000
CALL = "a1b2c3d4e5f6-1f2e3d4c-7-12"


def build_job(folder: Path, size: int, call: str = CALL) -> UploadJob:
    data = bytes(range(256)) * (size // 256 + 1)
    path = folder / f"{call}.opus"
    path.write_bytes(data[:size])
    return UploadJob(call, path, hashlib.sha256(data[:size]).hexdigest(), size, 8000)


def access(cloud: FakeCloud, token: str = TOKEN) -> CloudAccess:
    return CloudAccess(cloud.url, token)


def test_content_digest_is_the_one_of_rfc_9530() -> None:
    """RFC 9530 appendix B.2: the digest of an empty body."""
    assert build_content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def test_a_short_recording_is_one_put(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, 3000)
    upload_recording(job, access(cloud))
    assert cloud.stored[CALL] == job.path.read_bytes()
    assert cloud.requests == [f"PUT /api/v1/recordings/{CALL}"]


def test_a_long_recording_goes_in_parts(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, 2 * PART_BYTES + 5)
    sent: list[int] = []
    upload_recording(job, access(cloud), sent.append)
    assert cloud.stored[CALL] == job.path.read_bytes()
    assert len(cloud.requests) == 4 and cloud.requests[-1] == f"POST /api/v1/recordings/{CALL}/complete"
    assert sum(sent) == job.bytes


def test_an_upload_that_was_cut_goes_on_where_it_stopped(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, 3 * PART_BYTES)
    cloud.misbehave = "refuse part 2"
    with pytest.raises(AgentError):
        upload_recording(job, access(cloud))
    cloud.misbehave = ""
    upload_recording(job, access(cloud))
    numbers = [path[-1] for path in cloud.requests if "/parts/" in path]
    assert numbers == ["0", "1", "2", "2"]
    assert cloud.stored[CALL] == job.path.read_bytes()


@pytest.mark.parametrize(
    ("misbehave", "token", "code"),
    [
        ("wrong_hash", TOKEN, "upload.wrong_hash"),
        ("refuse", TOKEN, "upload.refused"),
        ("", "other", "upload.refused"),
    ],
)
def test_what_is_not_verified_is_an_error(
    tmp_path: Path, cloud: FakeCloud, misbehave: str, token: str, code: str
) -> None:
    cloud.misbehave = misbehave
    with pytest.raises(AgentError) as caught:
        upload_recording(build_job(tmp_path, 300), access(cloud, token))
    assert caught.value.code == code


def test_a_cloud_that_is_not_there_is_named(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.close()
    with pytest.raises(AgentError, match="Check the network") as caught:
        upload_recording(build_job(tmp_path, 300), access(cloud))
    assert caught.value.code == "upload.unreachable"


def test_a_file_cut_by_hand_is_not_sent(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, 300)
    job.path.write_bytes(job.path.read_bytes()[:200])
    with pytest.raises(AgentError) as caught:
        upload_recording(job, access(cloud))
    assert caught.value.code == "upload.file_changed" and cloud.requests == []


def test_a_file_that_cannot_be_read_now_is_not_a_changed_one(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, 300)
    job.path.unlink()
    job.path.mkdir()  # open says EISDIR, as it would say EIO
    with pytest.raises(AgentError) as caught:
        upload_recording(job, access(cloud))
    assert caught.value.code == "upload.unreadable" and cloud.requests == []


def test_twenty_that_are_refused_do_not_keep_a_good_one_waiting(tmp_path: Path) -> None:
    queue = UploadQueue(lambda: 0.5)
    refused = [f"refused-{number:02}" for number in range(20)]
    for call in (*refused, "good"):
        queue.add(build_job(tmp_path, 10, call))
    for call in refused:
        job = queue.take(0)
        assert job is not None and job.call == call
        queue.handle_refused(0)
    good = queue.take(0)
    assert good is not None and good.call == "good"


def test_one_at_which_the_way_breaks_lets_the_next_try(tmp_path: Path) -> None:
    """A long recording over a bad line times out each time; the short ones behind it get through."""
    queue = UploadQueue(lambda: 0.5)
    for call in ("long", "short"):
        queue.add(build_job(tmp_path, 10, call))
    assert queue.take(0) is not None
    queue.handle_failed(0)
    assert queue.take(0) is None
    job = queue.take(FIRST_WAIT_MS)
    assert job is not None and job.call == "short"


def test_one_at_a_time_oldest_first_but_the_asked_one_next(tmp_path: Path) -> None:
    queue = UploadQueue(lambda: 0.5)
    for call in ("a", "b", "c"):
        queue.add(build_job(tmp_path, 10, call))
    queue.ask_first("c")
    first = queue.take(0)
    assert first is not None and first.call == "c"
    assert queue.take(0) is None
    queue.handle_done("c")
    second = queue.take(0)
    assert second is not None and second.call == "a" and queue.pending == 2


@pytest.mark.parametrize("fail", [UploadQueue.handle_failed, UploadQueue.handle_refused])
def test_failures_wait_longer_and_longer(tmp_path: Path, fail: Callable[[UploadQueue, int], None]) -> None:
    """Of the way, and of one recording by itself."""
    queue = UploadQueue(lambda: 1.0)
    queue.add(build_job(tmp_path, 10))
    now_ms, waits = 0, []
    for _ in range(12):
        assert queue.take(now_ms) is not None
        fail(queue, now_ms)
        due_ms = queue.next_due_ms()
        assert due_ms is not None and queue.take(due_ms - 1) is None
        waits.append(due_ms - now_ms)
        now_ms = due_ms
    assert waits[:3] == [FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]
    assert waits[-1] == MAX_WAIT_MS


def test_a_wrong_hash_keeps_the_recording_local_until_a_right_one(tmp_path: Path, cloud: FakeCloud) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 1000))
    desk.work("encode")
    cloud.misbehave = "wrong_hash"
    desk.work("upload")
    assert desk.core.parts.flow.unverified == 1
    cloud.misbehave = ""
    desk.run(20_000)
    desk.work("upload")
    assert desk.core.parts.flow.unverified == 0
    uploaded = desk.events("recording_uploaded")[0]["fields"]
    assert uploaded["sha256"] == hashlib.sha256(cloud.stored[call]).hexdigest()
    assert desk.core.parts.recordings.stored_path(call).exists()


def test_a_stored_file_that_vanished_is_lost_and_the_next_goes_on(tmp_path: Path, cloud: FakeCloud) -> None:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    gone, kept = (call_id(board, record(desk, board, 500)) for _ in range(2))
    desk.work("encode")
    desk.core.parts.recordings.stored_path(gone).unlink()
    desk.work("upload")
    desk.work("upload")
    assert desk.events("recording_lost")[0]["fields"] == {"call": gone, "reason": "file_changed"}
    assert list(cloud.stored) == [kept]


def with_recordings(tmp_path: Path, cloud: FakeCloud, count: int) -> tuple[Desk, list[str]]:
    desk = Desk(tmp_path)
    desk.connect()
    desk.core.parts.flow.access = access(cloud)
    board = desk.plug("P1", Board())
    calls = [call_id(board, record(desk, board, 500)) for _ in range(count)]
    desk.work("encode")
    return desk, calls


def upload_all(desk: Desk) -> None:
    """As long as something is due now."""
    while any(job[0] == "upload" for job in desk.worker.jobs):
        desk.work("upload")


@pytest.mark.parametrize("status", [403, 404, 413, 422])
def test_what_the_cloud_will_not_take_holds_up_no_other(
    tmp_path: Path, cloud: FakeCloud, status: int
) -> None:
    desk, (refused, kept) = with_recordings(tmp_path, cloud, 2)
    cloud.refused[refused] = status
    upload_all(desk)
    assert list(cloud.stored) == [kept]
    assert desk.core.parts.flow.unverified == 1


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_cloud_that_takes_nothing_now_is_not_asked_for_the_next_at_once(
    tmp_path: Path, cloud: FakeCloud, status: int
) -> None:
    desk, (first, _) = with_recordings(tmp_path, cloud, 2)
    cloud.refused[first] = status
    upload_all(desk)
    assert cloud.stored == {} and len(cloud.requests) == 1


def test_one_of_which_the_cloud_has_another_is_kept_and_told_once_a_day(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    desk, (other, kept) = with_recordings(tmp_path, cloud, 2)
    cloud.refused[other] = 409
    upload_all(desk)
    assert list(cloud.stored) == [kept]
    asked = len(cloud.requests)
    desk.clock.advance(DAY_MS - 1000)
    desk.tick()
    upload_all(desk)
    assert len(cloud.requests) == asked
    desk.clock.advance(2000)
    desk.tick()
    upload_all(desk)
    assert len(cloud.requests) == asked + 1
    assert desk.core.parts.recordings.stored_path(other).exists()


def test_parts_of_which_the_cloud_has_another_are_not_sent_again(tmp_path: Path, cloud: FakeCloud) -> None:
    job = build_job(tmp_path, PART_BYTES + 5)
    cloud.refused[CALL] = 409
    for _ in range(2):
        with pytest.raises(AgentError) as caught:
            upload_recording(job, access(cloud))
        assert caught.value.code == "upload.refused"
    assert len([request for request in cloud.requests if "/parts/" in request]) == 2


def test_an_upload_survives_the_agent(tmp_path: Path, cloud: FakeCloud) -> None:
    desk = Desk(tmp_path)
    board = desk.plug("P1", Board())
    call = call_id(board, record(desk, board, 500))
    desk.work("encode")
    desk.access = access(cloud)
    desk.restart()
    desk.work("upload")
    assert list(cloud.stored) == [call]


@pytest.mark.parametrize(
    ("hours", "minute_of_day", "quiet"),
    [("", 600, False), ("08:30-11:30", 510, True), ("08:30-11:30", 690, False), ("22:00-06:00", 30, True)],
)
def test_quiet_hours(hours: str, minute_of_day: int, quiet: bool) -> None:
    from datetime import datetime

    moment = datetime(2026, 3, 17, minute_of_day // 60, minute_of_day % 60)
    assert is_quiet(hours, round(moment.timestamp() * 1000)) is quiet


@pytest.mark.parametrize("size", [100_000, PART_BYTES + 100_000])
def test_what_is_capped_goes_piece_by_piece(tmp_path: Path, cloud: FakeCloud, size: int) -> None:
    job = build_job(tmp_path, size)
    pieces: list[int] = []
    upload_recording(job, access(cloud), pieces.append)
    assert cloud.stored[CALL] == job.path.read_bytes()
    assert sum(pieces) == size and max(pieces) == PIECE_BYTES


def test_the_rate_of_the_settings_is_the_one_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(bootstrap, "RateCap", lambda kbps: RateCap(kbps, waits.append))
    settings = AgentSettings(data_dir=tmp_path, upload_rate_kbps=128)
    with contextlib.closing(bootstrap.open_database(tmp_path / "spool.sqlite")) as database:
        agent = bootstrap.build_agent(settings, begin_run(tmp_path / "identity.json"), None, database)
        agent.core.parts.flow.throttle(PIECE_BYTES)
    assert waits == [PIECE_BYTES * 8 / 128_000]


def test_the_rate_cap_waits_in_proportion() -> None:
    waits: list[float] = []
    RateCap(64, waits.append).wait(8000)
    RateCap(0, waits.append).wait(8000)
    assert waits == [1.0]

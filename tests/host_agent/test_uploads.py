"""Uploads over real HTTP: believed is only a hash that is right; everything else is named and tried again."""

import hashlib
from pathlib import Path

import pytest

from host_agent.errors import AgentError
from host_agent.quiet_hours import RateCap, is_quiet
from host_agent.uploads import (
    FIRST_WAIT_MS,
    MAX_WAIT_MS,
    PART_BYTES,
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


def test_one_that_is_refused_gives_way_to_the_others(tmp_path: Path) -> None:
    queue = UploadQueue(lambda: 0.5)
    for call in ("refused", "b", "c"):
        queue.add(build_job(tmp_path, 10, call))
    now_ms, sent = 0, []
    for _ in range(6):
        now_ms = queue.next_due_ms() or now_ms
        job = queue.take(now_ms)
        assert job is not None
        sent.append(job.call)
        if job.call == "refused":
            queue.handle_failed(now_ms, gives_way=True)
        else:
            queue.handle_done(job.call)
    assert sent == ["refused", "b", "c", "refused", "refused", "refused"]


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


def test_failures_wait_longer_and_longer(tmp_path: Path) -> None:
    queue = UploadQueue(lambda: 1.0)
    queue.add(build_job(tmp_path, 10))
    now_ms, waits = 0, []
    for _ in range(12):
        assert queue.take(now_ms) is not None
        queue.handle_failed(now_ms)
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


def test_the_rate_cap_waits_in_proportion() -> None:
    waits: list[float] = []
    RateCap(64, waits.append).wait(8000)
    RateCap(0, waits.append).wait(8000)
    assert waits == [1.0]

"""Recordings: believed only with the right hash, never half there, played by signed addresses."""

import hashlib
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import select

from cloud_broker.adapters.objects import FolderStore
from cloud_broker.adapters.sql import tables
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.times import DAY_MS
from cloud_broker.handlers.nightly import Nightly
from cloud_broker.handlers.playback import TokenRefused, build_token, check_token
from cloud_broker.handlers.recordings import PARTS_LIFE_MS, key_of
from cloud_broker.web.api.recordings import parse_range
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.world import CALL, DESK, OTHER_DESK, PASSWORD, digest_of, take_in

PATH = f"/api/v1/recordings/{CALL}"
AUDIO = b"OggS" + bytes(range(256)) * 4


@pytest.fixture
def client(cloud: Cloud) -> Iterator[httpx.Client]:
    take_in(cloud, world.answered_call())
    with asking(cloud) as made:
        made.headers["Authorization"] = f"Bearer {world.enrol(cloud)}"
        yield made


def put(
    client: httpx.Client, body: bytes, digest: str | None = None, path: str = PATH
) -> tuple[int, dict[str, object]]:
    headers = {"CloudSeat-Samples": "32000", "Content-Digest": digest or digest_of(body)}
    answer = client.put(path, content=body, headers=headers)
    return answer.status_code, answer.json() if answer.content else {}


def play(client: httpx.Client) -> str:
    token = client.post("/api/v1/tokens", json={"username": "wang", "password": PASSWORD}).json()["token"]
    answer = client.post(f"/api/v1/calls/{CALL}/play", headers={"Authorization": f"Bearer {token}"})
    return str(answer.json().get("url", answer.json()))


def test_a_recording_is_verified_once(client: httpx.Client, cloud: Cloud) -> None:
    sha256 = hashlib.sha256(AUDIO).hexdigest()
    expected = {"state": "verified", "sha256": sha256, "bytes": len(AUDIO)}
    assert put(client, AUDIO) == (201, expected)
    assert put(client, AUDIO) == (200, expected)
    recording = cloud.reader.call(world.HQ, CALL).recording
    assert (recording.state, recording.seconds, recording.bytes) == ("verified", 4.0, len(AUDIO))
    status, body = put(client, AUDIO + b"other")
    assert (status, body["error"]["reason"]) == (409, "already_verified")  # type: ignore[index]
    assert cloud.store.get_range(key_of(CALL), 0, 5000) == AUDIO


@pytest.mark.parametrize(
    ("body", "digest", "status"),
    [
        (AUDIO, digest_of(b"other"), 422),
        (AUDIO, "md5=:abc:", 400),
        (AUDIO, "sha-256=:****:", 400),
        (AUDIO, f"sha-256=:{'A' * 44}:", 400),
        (b"RIFF....", None, 422),
        (b"OggS" + bytes(2 * 1024 * 1024), None, 413),
    ],
)
def test_what_is_not_as_announced_is_not_stored(
    client: httpx.Client, cloud: Cloud, body: bytes, digest: str | None, status: int
) -> None:
    assert put(client, body, digest)[0] == status
    assert cloud.store.size(key_of(CALL)) is None
    assert cloud.reader.call(world.HQ, CALL).recording.state == "writing"


def test_only_the_calls_own_desk_may_upload(client: httpx.Client, cloud: Cloud) -> None:
    client.headers["Authorization"] = f"Bearer {world.enrol(cloud, OTHER_DESK, '0b0b0b0b0b0b')}"
    assert put(client, AUDIO)[0] == 403
    client.headers["Authorization"] = "Bearer guess"
    assert put(client, AUDIO)[0] == 401
    assert put(client, AUDIO, path="/api/v1/recordings/..%2Fsecret")[0] in (401, 404)


def test_parts_are_joined_and_verified_as_a_whole(client: httpx.Client, cloud: Cloud) -> None:
    body = AUDIO * 5
    parts = [body[:2000], body[2000:4000], body[4000:]]
    whole = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), "parts": 3, "samples": 32_000}
    for number, part in enumerate(parts[:2]):
        assert put(client, part, path=f"{PATH}/parts/{number}")[0] == 200
    assert cloud.reader.call(world.HQ, CALL).recording.state == "uploading"
    assert client.post(f"{PATH}/complete", json=whole).json()["error"]["reason"] == "part_missing"
    assert put(client, parts[2], digest_of(b"x"), path=f"{PATH}/parts/2")[0] == 422
    assert put(client, parts[2][::-1], path=f"{PATH}/parts/2")[0] == 200
    assert client.post(f"{PATH}/complete", json=whole).json()["error"]["reason"] == "digest"
    assert cloud.store.size(key_of(CALL)) is None
    assert put(client, parts[2], path=f"{PATH}/parts/2")[0] == 200
    assert client.post(f"{PATH}/complete", json=whole).status_code == 201
    assert client.post(f"{PATH}/complete", json=whole).status_code == 200
    assert cloud.store.get_range(key_of(CALL), 0, 100_000) == body
    assert cloud.store.size(f"parts/{CALL}/0000") is None


def send_parts(cloud: Cloud, call: str = CALL) -> None:
    for number, part in enumerate((AUDIO[:500], AUDIO[500:])):
        cloud.recordings.put_part(DESK, call, number, part, digest_of(part))


def complete(cloud: Cloud) -> None:
    cloud.recordings.complete(DESK, CALL, hashlib.sha256(AUDIO).hexdigest(), len(AUDIO), 2, 32_000)


def test_parts_that_were_left_behind_go_when_the_whole_is_announced_again(cloud: Cloud) -> None:
    """The cloud died between the whole and the end of its parts."""
    take_in(cloud, world.answered_call())
    send_parts(cloud)
    complete(cloud)
    send_parts(cloud)
    complete(cloud)
    assert list(cloud.store.keys("parts/")) == []


def test_parts_that_nobody_waits_for_go_at_night(cloud: Cloud) -> None:
    take_in(cloud, world.answered_call())
    later = world.Box(boot=world.LATER_BOOT)
    take_in(cloud, world.answered_call(box=later))
    under_way = f"{world.BOX}-{world.LATER_BOOT}-2"
    cloud.recordings.put_whole(DESK, CALL, AUDIO, digest_of(AUDIO), 32_000)
    send_parts(cloud)
    send_parts(cloud, under_way)
    worker = Nightly(cloud.database, cloud.clock, 0, cloud.recordings)

    def left() -> set[str]:
        worker.look()
        return {key.split("/")[1] for key in cloud.store.keys("parts/")}

    assert left() == {under_way}
    cloud.clock.ms += PARTS_LIFE_MS + DAY_MS  # type: ignore[attr-defined]
    assert left() == set()


def test_playing_takes_a_token_and_leaves_one_audit_row(client: httpx.Client, cloud: Cloud) -> None:
    assert "recording:writing" in play(client)
    put(client, AUDIO)
    url = play(client)
    whole = client.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, AUDIO, "audio/ogg")
    part = client.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, bytes([0, 1, 2, 3]))
    assert part.headers["content-range"] == f"bytes 4-7/{len(AUDIO)}"
    assert client.get(url, headers={"Range": "bytes=9999-"}).status_code == 416
    with cloud.database.read() as connection:
        rows = connection.execute(select(tables.playback)).all()
    assert [(row.call_id, row.user_id, row.address) for row in rows] == [(CALL, world.WANG.id, "127.0.0.1")]
    assert client.get(url + "x").status_code == 403
    cloud.clock.ms += 15 * 60_000  # type: ignore[attr-defined]
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("token", ["", ".", "a.b", "YQ.YQ", build_token(b"other key", CALL, 1, 10)])
def test_forged_tokens_are_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        check_token(b"key", CALL, token, 0)


def test_token_names_call_and_time() -> None:
    token = build_token(b"key", CALL, 7, 10)
    assert check_token(b"key", CALL, token, 9) == 7
    for call, now_ms in ((CALL, 10), (CALL + "0", 9)):
        with pytest.raises(TokenRefused):
            check_token(b"key", call, token, now_ms)


@pytest.mark.parametrize(
    ("header", "bounds"),
    [
        ("bytes=0-", (0, 9)),
        ("bytes=0-0", (0, 0)),
        ("bytes=5-99", (5, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-99", (0, 9)),
        ("bytes=10-", None),
        ("bytes=5-4", None),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("chars=0-1", None),
        ("bytes=0-1,3-4", None),
    ],
)
def test_ranges(header: str, bounds: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == bounds


def test_a_broken_put_leaves_nothing(tmp_path: object, cloud: Cloud) -> None:
    store = cloud.store
    assert isinstance(store, FolderStore)

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.put("calls/x.ogg", chunks())
    assert store.size("calls/x.ogg") is None
    assert list((store._root / "calls").iterdir()) == []
    with pytest.raises(ValueError, match="not a key"):
        store.size("../secret.key")

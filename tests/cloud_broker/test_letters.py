"""Dead letters: counted, read with masked numbers, tried again, set aside; each decision leaves its row."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DataError

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.paging import encode_cursor
from cloud_broker.bootstrap import Cloud
from cloud_broker.domain.masking import mask_payload
from cloud_broker.domain.operations import LetterFilter, LetterView
from cloud_broker.domain.views import Invalid, NotAllowed, NotFound, User
from cloud_broker.handlers import letters as letters_module
from cloud_broker.handlers.ingest import Message, ingest, set_aside
from cloud_broker.handlers.letters import Letters
from cloud_broker.handlers.reconcile import reconcile_night
from protocol import events as protocol_events
from tests.cloud_broker import world
from tests.cloud_broker.serving import asking
from tests.cloud_broker.world import BOOT, BOX, DESK, HQ, OTHER_DESK, PASSWORD, WANG, message, take_in

OPEN = LetterFilter(state="open")
MANAGER = User(9, "boss", "经理", "manager", None)
NEWER = {"type": "rung_newly"}


@pytest.fixture
def letters(cloud: Cloud) -> Letters:
    return Letters(cloud.database, cloud.clock)


def send(cloud: Cloud, body: dict[str, Any], desk: str = DESK) -> None:
    payload = json.dumps(body, ensure_ascii=False).encode()
    topic = f"cloudseat/v1/{desk}/{body.get('source', BOX)}/event"
    ingest(cloud.database, cloud.clock, [Message(topic, payload)])


def body_of(index: int, **changes: Any) -> dict[str, Any]:
    return json.loads(message(world.answered_call()[index]).payload) | changes


def conflict(cloud: Cloud, number: str = "13900000000") -> None:
    """Two contents of one event."""
    take_in(cloud, world.answered_call())
    (event,) = [event for event in world.answered_call(number) if event.type == "caller_id"]
    take_in(cloud, [event])


def listed(letters: Letters, where: LetterFilter = OPEN) -> list[LetterView]:
    return list(letters.list(HQ, where, None, 50).items)


def test_the_same_letter_again_is_a_count(cloud: Cloud, letters: Letters) -> None:
    for _ in range(3):
        send(cloud, body_of(1, **NEWER))
        cloud.clock.ms += 1000  # type: ignore[attr-defined]
    send(cloud, body_of(2, **NEWER))
    newest, other = listed(letters)
    assert (newest.count, other.count) == (1, 3)
    assert (other.source, other.boot, other.seq, other.desk) == (BOX, BOOT, 2, DESK)
    assert (other.last_at - other.first_at).total_seconds() == 2


def test_letters_are_taken_in_once_they_can_be_read(
    cloud: Cloud, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(cloud, world.answered_call()[:1])
    send(cloud, body_of(1, **NEWER))
    (letter,) = listed(letters)
    with pytest.raises(Invalid, match="unreadable"):
        letters.replay(HQ, letter.id)
    assert listed(letters)[0].state == "open"
    monkeypatch.setitem(protocol_events.EVENTS, "rung_newly", {"call": ("call", True)})
    replayed = letters.replay(HQ, letter.id)
    assert (replayed.state, replayed.moves, replayed.history[0].detail) == ("replayed", (), "taken_in")
    assert listed(letters) == []
    with pytest.raises(Invalid, match="done"):
        letters.replay(HQ, letter.id)
    with cloud.database.read() as connection:
        assert len(connection.execute(tables.event.select()).all()) == 2


def test_a_letter_of_a_stranger_goes_into_quarantine(
    cloud: Cloud, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(cloud, world.answered_call()[:1])
    send(cloud, body_of(1, **NEWER), OTHER_DESK)
    monkeypatch.setitem(protocol_events.EVENTS, "rung_newly", {"call": ("call", True)})
    assert letters.replay(HQ, listed(letters)[0].id).history[0].detail == "quarantined"


def test_a_conflict_stands_beside_what_is_here_and_is_never_replayed(cloud: Cloud, letters: Letters) -> None:
    conflict(cloud)
    (letter,) = listed(letters, LetterFilter(state="open", reason="conflict"))
    assert letter.moves == ("set_aside",)
    whole = letters.read(HQ, letter.id)
    assert [(f.name, f.given, f.stored) for f in whole.facts if f.differs] == [
        ("number", "139****0000", "138****8000")
    ]
    with pytest.raises(Invalid, match="conflict"):
        letters.replay(HQ, letter.id)
    assert [alarm.kind for alarm in cloud.operations.alarms(HQ, 10)] == ["event_conflict"]


def test_two_numbers_that_look_alike_masked_differ_all_the_same(cloud: Cloud, letters: Letters) -> None:
    conflict(cloud, "13812348000")
    facts = letters.read(HQ, listed(letters)[0].id).facts
    assert [f.given == f.stored for f in facts if f.differs] == [True]


def test_set_aside_with_a_note_and_taken_up_again(cloud: Cloud, letters: Letters) -> None:
    conflict(cloud)
    letter = listed(letters)[0].id
    for note, reason in (("  ", "empty"), ("x" * 501, "too_long")):
        with pytest.raises(Invalid, match=reason):
            letters.set_aside(HQ, letter, note)
    aside = letters.set_aside(HQ, letter, " 旧固件重放，已升级 ")
    assert (aside.state, aside.note, aside.moves) == ("set_aside", "旧固件重放，已升级", ("reopen",))
    conflict(cloud)  # the same one again is known
    assert listed(letters) == []
    assert letters.read(HQ, letter).count == 2
    for decide in (lambda: letters.set_aside(HQ, letter, "again"), lambda: letters.replay(HQ, letter)):
        with pytest.raises(Invalid, match="done"):
            decide()
    again = letters.reopen(HQ, letter)
    assert (again.state, again.note) == ("open", "")
    assert [(h.who, h.action) for h in again.history] == [
        ("总部", "letter_set_aside"),
        ("总部", "letter_reopened"),
    ]
    with pytest.raises(Invalid, match="done"):
        letters.reopen(HQ, letter)


def test_a_letter_that_was_replayed_opens_when_it_comes_again(
    cloud: Cloud, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(cloud, world.answered_call()[:1])
    send(cloud, body_of(1, **NEWER))
    with monkeypatch.context() as newer:
        newer.setitem(protocol_events.EVENTS, "rung_newly", {"call": ("call", True)})
        assert letters.replay_all(HQ) == 1
    send(cloud, body_of(1, **NEWER))  # an older cloud runs again
    assert [(letter.count, letter.state) for letter in listed(letters)] == [(2, "open")]


def test_a_letter_that_still_cannot_be_stored_holds_up_no_other(
    cloud: Cloud, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [message(event) for event in world.answered_call()[:3]]
    for letter in kept:
        set_aside(cloud.database, cloud.clock, letter, "unstorable")

    def refuse_the_second(*args: Any) -> object:
        if any(one.payload == kept[1].payload for one in args[2]):
            raise DataError("INSERT", {}, Exception("no NUL in a text"))
        return ingest(*args)

    monkeypatch.setattr(letters_module, "ingest", refuse_the_second)
    assert letters.replay_all(HQ) == 2
    assert len(listed(letters)) == 1


def test_only_headquarters_reads_letters(letters: Letters) -> None:
    for user in (WANG, MANAGER):
        with pytest.raises(NotAllowed):
            letters.list(user, OPEN, None, 10)
        for verb in (letters.read, letters.replay, letters.reopen):
            with pytest.raises(NotAllowed):
                verb(user, 1)
    with pytest.raises(NotFound):
        letters.read(HQ, 1)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (LetterFilter(), 3), (LetterFilter(state="set_aside"), 0), (LetterFilter(reason="missing"), 1),
        (LetterFilter(reason="type"), 1), (LetterFilter(text=OTHER_DESK), 1), (LetterFilter(text="%"), 0),
    ],
)  # fmt: skip
def test_letters_are_narrowed(cloud: Cloud, letters: Letters, where: LetterFilter, found: int) -> None:
    send(cloud, body_of(1, **NEWER))
    send(cloud, body_of(1, fields={}))
    send(cloud, body_of(1, at="yesterday"), OTHER_DESK)
    assert len(listed(letters, where)) == found


def test_a_list_goes_on_where_it_was_left(cloud: Cloud, letters: Letters) -> None:
    for seq in range(5):
        send(cloud, body_of(1, seq=seq, **NEWER))
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = letters.list(HQ, OPEN, cursor, 2)
        seen += [letter.seq for letter in page.items]
        cursor = page.next
    assert seen == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("payload", "shown", "hidden"),
    [
        (b'{"number":"13800138000","uptime_ms":123456789}', "138****8000", "13800138000"),
        (b'{"uptime_ms":123456789}', "123456789", "****"),
        (b'{"x":{"y":["call 138 0013 8000"]}}', "138****8000", "0013"),
        (b'{"phone":13800138000}', "138****8000", "13800138000"),
        (b'{"number":"110"}', '"***"', "110"),
        (b"number=13800138000;", "138****8000", "13800138000"),
        (b'{"source":"138001380001"}', "138001380001", "*"),
        (b"\xff\x00", "\ufffd", "\x00"),
        (b'{"note":"138-0013-8000"}', "138****8000", "0013"),
        (b'{"13800138000":1}', "138****8000", "13800138000"),
        (b'{"phone":13800138000.0}', "138****", "13800138000"),
    ],
)
def test_numbers_are_masked_wherever_they_stand(payload: bytes, shown: str, hidden: str) -> None:
    text = mask_payload(payload)
    assert shown in text and hidden not in text


@given(st.binary(max_size=200))
def test_anything_can_be_shown(payload: bytes) -> None:
    assert isinstance(mask_payload(payload).encode(), bytes)


def test_half_of_a_surrogate_pair_can_be_shown() -> None:
    assert mask_payload(b'{"part":"\\ud800"}').encode()


# ---- the HTTP API ------------------------------------------------------------------------------------------


def sign_in(client: httpx.Client, username: str) -> None:
    answer = client.post("/api/v1/tokens", json={"username": username, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def test_the_api_has_the_same_verbs(cloud: Cloud) -> None:
    conflict(cloud)
    with asking(cloud) as client:
        sign_in(client, "wang")
        assert client.get("/api/v1/dead-letters").status_code == 403
        sign_in(client, "hq")
        (letter,) = client.get("/api/v1/dead-letters", params={"reason": "conflict"}).json()["items"]
        path = f"/api/v1/dead-letters/{letter['id']}"
        assert any(fact["differs"] for fact in client.get(path).json()["facts"])
        refused = client.post(f"{path}/replay")
        assert (refused.status_code, refused.json()["error"]["reason"]) == (422, "letter:conflict")
        assert client.post(f"{path}/set-aside", json={"note": ""}).status_code == 422
        assert client.post(f"{path}/set-aside", json={"note": "ok"}).json()["state"] == "set_aside"
        assert client.get("/api/v1/dead-letters").json()["items"] == []
        assert client.post(f"{path}/reopen").json()["state"] == "open"
        assert "13900000000" not in client.get(path).text
        assert client.get("/api/v1/dead-letters/999").status_code == 404


def test_days_and_alarms_over_the_api(cloud: Cloud) -> None:
    events = world.answered_call()
    take_in(cloud, [*events[:3], *events[5:]])
    cloud.clock.ms += 24 * 3_600_000  # type: ignore[attr-defined]
    reconcile_night(cloud.database, cloud.clock.now_ms())
    with asking(cloud) as client:
        sign_in(client, "wang")
        assert client.get("/api/v1/reconciliation").status_code == 403
        sign_in(client, "hq")
        (day,) = client.get("/api/v1/reconciliation", params={"state": "open"}).json()["items"]
        assert day["gaps"][0] == {"kind": "event", "where": "unknown", "boot": BOOT, "first": 4, "last": 5}
        take_in(cloud, events[3:5])
        path = f"/api/v1/reconciliation/{BOX}/{day['day']}"
        assert client.post(f"{path}/check").json()["missing"] == 0
        assert client.get(path).json()["state"] == "missing"  # its recording never came
        (alarm,) = client.get("/api/v1/alarms").json()["items"]
        assert client.post(f"/api/v1/alarms/{alarm['id']}/resolve").status_code == 204
        assert client.get("/api/v1/alarms").json()["items"] == []
        assert client.post("/api/v1/alarms/999/resolve").status_code == 404
        far = {"cursor": encode_cursor(2**62, "x")}
        assert client.get("/api/v1/reconciliation", params=far).status_code == 422
        assert client.get(f"/api/v1/reconciliation/{BOX}/1999-01-01").status_code == 404

"""The roster on the desk's PC: sealed, replaced as a whole, kept over bad answers, erased when it must go."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from host_agent.credentials import REVOKED, is_revoked
from host_agent.desk.roster import Roster, decode_roster
from host_agent.desk.roster_cache import FILE, RosterCache
from host_agent.desk.roster_keeper import EVERY_MS, SOON_MS
from host_agent.errors import AgentError
from telephony.calls import Call, project_call
from telephony.events import Event
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.page_desk import SHARED, WANG, PageDesk, build_roster, page_desk

BOX, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"


def roster_of(**changes: Any) -> Roster:
    return decode_roster(json.dumps(build_roster(**changes)).encode(), "tag")


def call_from(number: str, **caller_id: Any) -> Call:
    fields = {"call": 1, "format": "fsk-mdmf", "number": number} | caller_id
    call = project_call(
        f"{BOX}-{BOOT}-1", [Event(BOX, BOOT, 1, 0, "caller_id", fields, 0, "synced")], area_code="010"
    )
    assert call is not None
    return call


@pytest.mark.parametrize(
    ("number", "caller_id", "names", "is_sure"),
    [
        (WANG, {}, ["王建国"], True),
        ("0" + WANG, {}, ["王建国"], True),  # dialled from another city
        (SHARED[3:], {}, ["刘洋", "赵雅琴"], True),  # a local number gets the area code of the project
        (WANG[:-1], {}, [], True),  # nearly is not at all
        (WANG, {"repaired": True}, ["王建国"], False),
        (WANG, {"uncertain": True}, ["王建国"], False),
        ("4001234567", {}, [], True),
    ],
)
def test_a_number_is_matched_as_the_cloud_does(
    number: str, caller_id: dict[str, Any], names: list[str], is_sure: bool
) -> None:
    found = roster_of().match(call_from(number, **caller_id))
    assert ([person.name for person in found.people], found.is_sure) == (names, is_sure or not names)
    assert (found.known is not None) == (is_sure and len(names) == 1)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"v": 2}', b"\xff", json.dumps(build_roster(area_code="27")).encode()]
)
def test_what_is_no_roster_is_refused(body: bytes) -> None:
    with pytest.raises(AgentError) as caught:
        decode_roster(body, "tag")
    assert caught.value.code == "roster.malformed"


def test_the_cache_says_nothing_without_its_key(tmp_path: Path) -> None:
    cache = RosterCache(tmp_path, "token")
    cache.store("tag", "王建国".encode() * 10)
    kept = cache.load()
    assert kept is not None and (kept.tag, kept.body.decode()) == ("tag", "王建国" * 10)
    data = (tmp_path / FILE).read_bytes()
    assert "王".encode() not in data and b"tag" not in data
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    cache.store("tag", "王建国".encode() * 10)
    assert (tmp_path / FILE).read_bytes()[29:] != data[29:]  # another nonce each time


def test_a_cache_with_a_wrong_key_is_named_and_thrown_away(tmp_path: Path) -> None:
    RosterCache(tmp_path, "token").store("tag", b"body")
    with pytest.raises(AgentError) as caught:
        RosterCache(tmp_path, "another").load()
    assert caught.value.code == "roster.other_key"
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("at", [0, 12, 20, 40, -1])
def test_a_damaged_cache_is_named_and_thrown_away(tmp_path: Path, at: int) -> None:
    cache = RosterCache(tmp_path, "token")
    cache.store("tag", b"body" * 20)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[at] ^= 1
    for broken in (bytes(data), bytes(data[:30]), b""):
        (tmp_path / FILE).write_bytes(broken)
        with pytest.raises(AgentError) as caught:
            cache.load()
        assert caught.value.code in ("roster.damaged", "roster.other_key")
        assert not (tmp_path / FILE).exists()


def roster_requests(cloud: FakeCloud) -> int:
    return sum(request.endswith("/agent/roster") for request in cloud.requests)


def names_in(world: PageDesk) -> set[str]:
    roster = world.desk.core.parts.desk.keeper.roster
    return set() if roster is None else {p.name for people in roster.by_number.values() for p in people}


def test_it_is_asked_for_now_and_then_and_after_a_call(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        assert names_in(world) == {"王建国", "刘洋", "赵雅琴"}
        world.cloud.roster = build_roster(residents=[])
        call = world.ring()
        world.say("ring_stopped", call=call, bursts=1)
        before = roster_requests(world.cloud)
        world.desk.run(SOON_MS)
        world.desk.work("roster")
        assert (roster_requests(world.cloud), names_in(world)) == (before + 1, set())
        assert (tmp_path / FILE).exists()
        world.desk.clock.advance(EVERY_MS)
        world.desk.tick()
        world.desk.work("roster")
        assert roster_requests(world.cloud) == before + 2  # 304: nothing changed


def test_a_new_run_has_it_at_once_without_the_cloud(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        world.cloud.close()
        world.restart()
        assert "王建国" in names_in(world)
        world.desk.work("roster")
        assert "王建国" in names_in(world)


def test_a_bad_answer_costs_nothing_that_was_good(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        kept = (tmp_path / FILE).read_bytes()
        world.cloud.misbehave = "roster"
        world.desk.clock.advance(EVERY_MS)
        world.desk.tick()
        world.desk.work("roster")
        assert "王建国" in names_in(world)
        assert (tmp_path / FILE).read_bytes() == kept


def test_it_is_erased_when_the_credentials_are_taken_back(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        assert world.desk.core.parts.desk.window.page_key
        world.cloud.roster = None
        world.desk.clock.advance(EVERY_MS)
        world.desk.tick()
        world.desk.work("roster")
        assert names_in(world) == set() and not (tmp_path / FILE).exists()
        assert world.desk.core.parts.desk.window.page_key == ""  # and the page is shut
        assert is_revoked(tmp_path)  # for the next run too


def test_the_page_is_shut_though_the_disk_has_no_room_to_note_it(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world, capture_logs() as logs:
        (tmp_path / f"{REVOKED}.new").mkdir()
        world.cloud.roster = None
        world.desk.clock.advance(EVERY_MS)
        world.desk.tick()
        world.desk.work("roster")
        assert world.desk.core.parts.desk.window.page_key == ""
        assert "credentials.not_marked" in {entry["event"] for entry in logs}


def test_it_is_erased_when_nobody_confirms_it_for_long(tmp_path: Path) -> None:
    with page_desk(tmp_path, roster_retention_days=3) as world:
        world.cloud.close()
        world.desk.clock.advance(3 * 86_400_000 - 1000)
        world.desk.tick()
        assert names_in(world)
        world.desk.clock.advance(2000)
        world.desk.tick()
        assert names_in(world) == set() and not (tmp_path / FILE).exists()


def test_a_clock_that_jumps_ahead_erases_it_only_after_a_day(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        world.cloud.close()
        world.desk.clock.jump(400 * 86_400_000)
        world.desk.tick()
        assert names_in(world) and (tmp_path / FILE).exists()
        world.desk.clock.advance(86_400_000)
        world.desk.tick()
        assert names_in(world) == set() and not (tmp_path / FILE).exists()


def test_a_cache_of_other_credentials_is_replaced_from_the_cloud(tmp_path: Path) -> None:
    RosterCache(tmp_path, "of an earlier life").store("tag", json.dumps(build_roster()).encode())
    with page_desk(tmp_path) as world:  # named in the log, thrown away, fetched anew
        assert "王建国" in names_in(world)
        assert RosterCache(tmp_path, "upload-token").load() is not None

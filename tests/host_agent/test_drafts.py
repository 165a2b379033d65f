"""Drafts on the desk's PC: kept as typed, one event each, and the person sees what became of them."""

import json
from pathlib import Path
from typing import Any

from host_agent.desk.drafts import is_call, read_fields
from host_agent.desk.flow import PRUNE_EVERY_MS, TICKETS_EVERY_MS, TICKETS_UNSEEN_EVERY_MS
from host_agent.intake import RETRY_MS
from host_agent.ports import DraftFinished, PagesOpen
from protocol.events import MAX_CODE, check_event
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.page_desk import Browser, PageDesk, page_desk

DAY_MS = 86_400_000
DRAFT = "0123456789abcdef0123456789abcdef"
FIELDS = {
    "kind": "repair",
    "items": ["water.leak"],
    "place": "3-2-1102",
    "note": "漏水",
    "promise_minutes": 60,
}


def body(call: str, **fields: Any) -> dict[str, Any]:
    return {"draft": DRAFT, "call": call, "fields": FIELDS | fields}


def drafts_made(world: PageDesk) -> list[dict[str, Any]]:
    rows = world.desk.database.execute("SELECT payload FROM event WHERE type = 'draft_made'").fetchall()
    return [json.loads(row[0])["fields"] for row in rows]


def test_a_draft_survives_the_agent_and_becomes_one_event(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        browser = Browser(world.page.port)
        call = world.name_of(world.ring())
        assert browser.ask("POST", "/draft", body(call, note="漏"))[0] == 204
        assert browser.ask("POST", "/draft", body(call))[0] == 204
        world.restart()
        form = browser.ask("GET", f"/form?call={call}")[2].decode()
        assert f'data-draft="{DRAFT}"' in form and ">漏水</textarea>" in form
        for _ in range(3):  # a double click, and one more
            status, _, saved = browser.ask("POST", "/finish", body(call))
            assert status == 200 and "草稿已保存" in saved.decode()
        expected = {**FIELDS, "draft": DRAFT, "call": call}
        assert drafts_made(world) == [expected]
        check_event("draft_made", expected)
        browser.ask("POST", "/draft", body(call, note="later"))
        assert drafts_made(world) == [expected]  # a fact is never changed
        assert DRAFT not in browser.ask("GET", f"/form?call={call}")[2].decode()  # the next one is another


def test_clicks_while_the_disk_is_full_become_one_event_and_are_all_answered(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        assert Browser(world.page.port).ask("POST", "/draft", body(""))[0] == 204
        world.desk.database.execute("PRAGMA query_only = ON")
        answers: list[bool] = []
        for _ in range(3):
            world.put(DraftFinished(DRAFT, answers.append))
        assert answers == []
        world.desk.database.execute("PRAGMA query_only = OFF")
        world.desk.run(RETRY_MS)
        assert (answers, len(drafts_made(world))) == ([True] * 3, 1)


def test_the_person_sees_what_became_of_it(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        browser = Browser(world.page.port)
        world.desk.connect()
        call = world.name_of(world.ring())
        browser.ask("POST", "/finish", body(call))
        assert "等待云端" in browser.ask("GET", "/")[2].decode()
        world.desk.commit_all()
        assert "已到云端" in browser.ask("GET", "/")[2].decode()
        world.cloud.tickets[DRAFT] = 42
        world.put(PagesOpen(1))  # somebody looks on, so the cloud is asked
        world.desk.run(TICKETS_EVERY_MS)
        world.desk.work("tickets")
        page = browser.ask("GET", "/")[2].decode()
        assert f'href="{world.cloud.url}/tickets/42"' in page and "WO-1" in page


def count_drafts(world: PageDesk) -> int:
    return int(world.desk.database.execute("SELECT count(*) FROM draft").fetchone()[0])


def let_days_pass(world: PageDesk, days: int) -> None:
    """And the two prunings that are due then: the spool's, an hour later the drafts'."""
    for ms in (days * DAY_MS, PRUNE_EVERY_MS):
        world.desk.clock.advance(ms)
        world.desk.run(20)


def questions(cloud: FakeCloud) -> int:
    return sum("/drafts" in request for request in cloud.requests)


def test_a_ticket_is_asked_for_though_nobody_looks_on_and_its_draft_goes(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        world.desk.connect()
        Browser(world.page.port).ask("POST", "/finish", body(""))
        world.desk.commit_all()
        world.desk.run(TICKETS_UNSEEN_EVERY_MS)
        world.desk.work("tickets")
        world.desk.run(TICKETS_UNSEEN_EVERY_MS // 2)
        world.desk.work("tickets")
        assert questions(world.cloud) == 1
        world.cloud.tickets[DRAFT] = 42
        world.desk.run(TICKETS_UNSEEN_EVERY_MS // 2)
        world.desk.work("tickets")
        world.desk.run(2 * TICKETS_UNSEEN_EVERY_MS)
        world.desk.work("tickets")
        assert questions(world.cloud) == 2, "nothing is asked when all is known"
        let_days_pass(world, 31)
        assert count_drafts(world) == 0


def test_a_draft_of_which_no_ticket_comes_goes_with_its_event_and_not_before(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        world.desk.connect()
        Browser(world.page.port).ask("POST", "/finish", body(""))
        let_days_pass(world, 31)
        assert count_drafts(world) == 1, "the cloud does not have it yet"
        world.desk.commit_all()
        let_days_pass(world, 31)
        assert (count_drafts(world), drafts_made(world)) == (0, [])


def test_a_clock_that_jumps_ahead_takes_no_draft(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        assert Browser(world.page.port).ask("POST", "/draft", body(""))[0] == 204
        world.desk.clock.jump(400 * DAY_MS)
        world.desk.clock.advance(PRUNE_EVERY_MS)
        world.desk.run(20)
        assert count_drafts(world) == 1


def test_nothing_is_finished_that_says_nothing(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        status, _, _ = Browser(world.page.port).ask("POST", "/finish", body("", items=[], note="  "))
        assert (status, drafts_made(world)) == (409, [])


NO_DRAFTS: list[Any] = [
    {},
    {"draft": "../x", "call": "", "fields": {}},
    {"draft": DRAFT, "call": "no call", "fields": {}},
    {"draft": DRAFT, "call": "", "fields": []},
    {"draft": "a" * 65, "call": "", "fields": {}},
    [1],
]


def test_what_is_no_draft_is_refused(tmp_path: Path) -> None:
    with page_desk(tmp_path) as world:
        browser = Browser(world.page.port)
        for broken in NO_DRAFTS:
            assert browser.ask("POST", "/draft", broken)[0] == 400
            assert browser.ask("POST", "/finish", broken)[0] == 400


def test_any_fields_become_those_of_an_event() -> None:
    wild = {"kind": 3, "items": ["\ud800", "a" * 99, "", 7, "\udfffb"] * 20,
            "place": "\x00" + "x" * 99, "promise_minutes": True,
            "note": "a\ud800\nb\x07" + "漏" * 2000}  # fmt: skip
    fields = read_fields(wild)
    check_event("draft_made", {"draft": DRAFT, **fields})
    assert fields["items"][:3] == ["a" * MAX_CODE, "7", "b"]
    assert fields["note"].startswith("a\nb漏") and len(fields["note"]) == 1000
    assert (fields["kind"], fields["place"], fields["promise_minutes"]) == ("repair", "x" * 80, 0)
    assert is_call("") and not is_call("../../etc") and not is_call("a-b-c-d")

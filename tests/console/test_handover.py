"""From the console to this PC's own page and back: only to the own agent's, never from under the fingers."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from sim.demo.stack import find_free_port
from tests.console.house import House
from tests.console.serve import serving
from tests.host_agent.page_desk import KEY, PageDesk, page_desk

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def own(tmp_path: Path, house: House) -> Iterator[PageDesk]:
    """The agent of this PC; the console knows its key."""
    house.page_port = 0
    with page_desk(tmp_path / "agent", console=f"http://127.0.0.1:{find_free_port()}") as made:
        house.page_port = made.page.port
        house.page_keys = {made.desk.identity.agent_id: KEY}
        yield made


@contextmanager
def console_page(house: House, own: PageDesk, context: BrowserContext) -> Iterator[Page]:
    """The console's desk page, live; behind the context it is out of reach."""
    page = context.new_page()
    with serving(house, int(own.console.rsplit(":", 1)[1])) as address:
        with page.expect_response("**/desk/stream*"):
            page.goto(f"{address}/desk")
        yield page


def test_who_writes_is_not_moved_and_takes_the_draft_along(
    house: House, own: PageDesk, context: BrowserContext
) -> None:
    call = house.answer(house.ring())
    with console_page(house, own, context) as page:
        expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
        own.say("off_hook", call=own.ring(), by="phone", rings=1)
        page.evaluate("id => document.querySelector('#ticket-form').dataset.formCall = id", own.name_of(0))
        page.locator("#note").press_sequentially("厨房漏水", delay=20)
    page.locator("#note").press_sequentially("，很急")
    expect(page.locator("[data-offline-saved]")).to_have_text(re.compile(r"离线，已存 \d+ 条。"))
    expect(page).to_have_url(f"{own.console}/desk")
    page.locator("[data-go-local]").click()
    expect(page).to_have_url(f"{own.url}/")
    expect(page.locator("#note")).to_have_value("厨房漏水，很急")
    expect(page.locator(".pop-talking .pop-name")).to_contain_text("王建国")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")


def test_a_draft_comes_along_though_another_call_rings_meanwhile(
    own: PageDesk, context: BrowserContext
) -> None:
    own.say("off_hook", call=own.ring(), by="phone", rings=1)
    own.say("on_hook", call=0, by="phone")
    second = own.ring("01062345678")
    draft = {"call": own.name_of(0), "fields": {"kind": "repair", "items": [], "note": "厨房漏水"}}
    page = context.new_page()
    page.goto(f"{own.url}/?key={KEY}#draft={quote(json.dumps(draft))}")
    expect(page.locator("#note")).to_have_value("厨房漏水")
    expect(page.locator("#ticket [data-call]")).to_have_attribute("data-call", own.name_of(0))
    expect(page.locator("#call [data-call]")).to_have_attribute("data-call", own.name_of(second))
    expect(page.locator(".switch-call")).to_be_visible()


def test_who_begins_to_write_while_the_page_is_going_back_stays(
    own: PageDesk, context: BrowserContext
) -> None:
    page = context.new_page()
    asked: list[Route] = []
    page.route("**/healthz", lambda route: asked.append(route))
    page.goto(f"{own.url}/?key={KEY}")
    with own.lock:
        own.desk.connect()
        own.desk.commit_all()
    own.look_for_cloud(5)
    for _ in range(250):
        if asked:
            break
        page.wait_for_timeout(20)
    page.locator("#note").fill("在写")
    asked[0].fulfill(status=200)
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")
    expect(page).to_have_url(f"{own.url}/")


def test_another_agents_page_is_not_opened(house: House, own: PageDesk, context: BrowserContext) -> None:
    house.page_keys = {"ffffffffffff": KEY}
    with console_page(house, own, context) as page:
        pass
    expect(page.locator("#offline")).to_be_visible()
    page.wait_for_timeout(4_000)  # longer than a hand-over takes
    expect(page).to_have_url(f"{own.console}/desk")
    expect(page.locator("[data-go-local]")).to_be_hidden()


def test_the_page_goes_back_by_itself_but_not_with_an_unsaved_draft(
    own: PageDesk, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{own.url}/?key={KEY}")
    expect(page).to_have_url(f"{own.url}/")
    own.cloud.is_well = False
    own.look_for_cloud(2)
    expect(page.locator("#banner")).to_contain_text("离线，已存")
    page.locator("#note").fill("在写")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")
    own.cloud.is_well = True
    with own.lock:
        own.desk.connect()
        own.desk.commit_all()
    own.look_for_cloud(5)
    expect(page.locator("[data-holding]")).to_be_visible()
    expect(page).to_have_url(f"{own.url}/")
    with own.lock:
        own.desk.commit_all()
    with serving(House(), int(own.console.rsplit(":", 1)[1])):
        page.keyboard.press("Control+Enter")
        expect(page.locator("body")).to_contain_text("草稿已保存")
        with own.lock:
            own.desk.commit_all()
        expect(page).to_have_url(re.compile(f"{own.console}/desk"), timeout=15_000)

"""The cloud goes away while the telephone rings: the desk works on, and nothing is lost or doubled."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sim.board import BoardSettings
from sim.demo.api import CloudClient
from sim.demo.children import Child, Children
from sim.demo.paced_line import PacedLine
from sim.demo.stack import READY_S, Stack, StackSettings, find_free_port
from sim.scenario import Scenario
from tests.e2e.road import BOX, LiveRoad, sign_in
from tests.e2e.test_browser import RINGING_MS, call_from, find_debtor

pytestmark = pytest.mark.needs("mosquitto", "chromium", "fonts-noto-cjk")

OVER_MS = 30_000
"""Two pings in vain, or the cloud's start and a steady answer, on a busy machine."""


@dataclass
class Site:
    """The road with a cloud that can be killed and started again at its port."""

    road: LiveRoad
    stack: Stack
    children: Children
    cloud: Child
    page_url: str

    def kill_cloud(self) -> None:
        self.cloud.process.kill()
        self.children.bury(self.cloud)

    def start_cloud(self) -> None:
        self.cloud = self.stack.start_cloud()
        self.stack.await_cloud(self.cloud)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as resources:
        children = resources.enter_context(Children(tmp_path / "logs"))
        page_port = find_free_port()
        settings = StackSettings(tmp_path, web_port=find_free_port(), broker="mosquitto", page_port=page_port)
        stack = Stack(settings, children)
        stack.seed()
        stack.start_broker()
        cloud = stack.start_cloud()
        stack.await_cloud(cloud)
        board = BoardSettings(BOX, tmp_path / "flash.bin")
        line = resources.enter_context(PacedLine(board, Scenario(seed=3)))
        agent = stack.start_agent(0, [line.port.path])
        agent.await_line("roster.fetched", READY_S)
        agent.await_line("agent.box_attached", READY_S)
        login = stack.login("agent")
        client = CloudClient(stack.url, login.username, login.password)
        resources.callback(client.close)
        road = LiveRoad(stack.url, login, client, line)
        yield Site(road, stack, children, cloud, f"http://127.0.0.1:{page_port}")


def test_a_desk_without_its_cloud(site: Site, browser: Browser) -> None:
    resident, number = find_debtor(site.road.client)
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, site.road)
    expect(page.locator("[data-call-state=quiet]")).to_be_visible()

    site.road.line.do(lambda scene: scene.begin_call(call_from(number)))
    expect(page.locator(".pop-ringing")).to_be_visible(timeout=RINGING_MS)
    site.kill_cloud()
    expect(page).to_have_url(f"{site.page_url}/", timeout=OVER_MS)
    expect(page.locator(".pop-ringing .pop-name")).to_contain_text(resident["name"], timeout=RINGING_MS)
    expect(page.locator(".pop-room")).to_contain_text(resident["rooms"][0])
    expect(page.locator(".arrears")).to_contain_text("¥")
    expect(page.locator("#banner")).to_contain_text(re.compile(r"离线，已存 \d+ 条"))

    site.road.line.do(lambda scene: scene.phone.lift())
    site.road.line.do(lambda scene: scene.phone.talk(60_000))
    expect(page.locator(".pop-talking")).to_be_visible()
    for key in ("1", "1"):  # water: leak
        page.keyboard.press(key)
    page.locator("#note").fill("断网时登记")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".saved-title")).to_be_visible()
    expect(page.locator("#drafts")).to_contain_text("等待云端")
    site.road.line.do(lambda scene: scene.phone.hang_up())
    expect(page.locator(".pop-ended")).to_be_visible()

    site.start_cloud()
    expect(page).to_have_url(f"{site.road.url}/desk", timeout=OVER_MS)
    expect(page.locator("#recent [data-row]").first).to_contain_text("工单")
    (call,) = site.road.client.calls()
    ticket = site.road.client.ticket(call["tickets"][0])
    assert len(call["tickets"]) == 1
    assert (ticket["call"], ticket["items"], ticket["note"]) == (call["id"], ["water.leak"], "断网时登记")
    assert (ticket["agent"], ticket["resident"]["name"]) == (site.road.client.name, resident["name"])
    assert (call["number"], call["outcome"]) == (number, "answered")
    assert problems == []

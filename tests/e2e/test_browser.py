"""One call in wall time, from the copper pair to the page of a real Chromium, and back to the ear."""

import re

import pytest
from playwright.sync_api import Browser, expect

from sim.demo.api import CloudClient, Json
from sim.demo.script import mobile_numbers
from sim.scenario import CallPlan, scenario_of
from tests.e2e.road import LiveRoad, sign_in

pytestmark = pytest.mark.needs("mosquitto", "postgresql", "chromium", "fonts-noto-cjk")

RINGING_MS = 20_000
"""Two rings and the caller ID between them, on a busy machine."""
UPLOAD_MS = 30_000


def find_debtor(client: CloudClient) -> tuple[Json, str]:
    """A resident with arrears and past tickets, and their mobile number."""
    for found in client.residents():
        resident = client.resident(found["id"])
        if resident["arrears"] and resident["tickets"] and mobile_numbers(resident):
            return resident, mobile_numbers(resident)[0]
    raise AssertionError("the demo data has nobody with arrears and past tickets")


def call_from(number: str) -> CallPlan:
    table = {"number": number, "desk": [], "far": ["until answer", "talk 60"]}
    return scenario_of({"call": [table]}).call[0]


def test_from_the_copper_pair_to_the_player(live_road: LiveRoad, browser: Browser) -> None:
    resident, number = find_debtor(live_road.client)
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, live_road)
    expect(page.locator("[data-call-state=quiet]")).to_be_visible()

    live_road.line.do(lambda scene: scene.begin_call(call_from(number)))
    expect(page.locator(".pop-ringing .pop-name")).to_contain_text(resident["name"], timeout=RINGING_MS)
    expect(page.locator(".pop-room")).to_contain_text(resident["rooms"][0])
    expect(page.locator("#caller .arrears")).to_contain_text("¥")
    expect(page.locator("#caller .lines").first).to_be_visible()

    live_road.line.do(lambda scene: scene.phone.lift())
    live_road.line.do(lambda scene: scene.phone.talk(60_000))
    expect(page.locator(".pop-talking")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.locator("[data-picked]")).to_have_text("漏水")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".saved-title")).to_be_visible()

    page.wait_for_timeout(3_000)  # something to listen to
    live_road.line.do(lambda scene: scene.phone.hang_up())
    expect(page.locator(".pop-ended")).to_be_visible()
    play = page.locator("#recent [data-play]").first
    expect(play).to_be_visible(timeout=UPLOAD_MS)
    play.click()
    expect(page.locator("[data-player] [data-at]")).to_have_text(re.compile(r"0:0[1-9]"))
    assert page.evaluate("document.querySelector('[data-player] audio').currentTime") >= 1
    assert page.evaluate("document.querySelector('[data-player] audio').duration") > 3
    check_what_the_cloud_has(live_road, number)
    assert problems == []


def check_what_the_cloud_has(road: LiveRoad, number: str) -> None:
    (call,) = road.client.calls()
    (truth,) = road.line.do(lambda scene: list(scene.truths))
    assert (call["number"], call["outcome"], call["agent"]) == (number, "answered", road.client.name)
    assert call["recording"]["seconds"] == pytest.approx(truth.off_hook_for_ms / 1000, abs=0.1)
    ticket = road.client.ticket(call["tickets"][0])
    assert (ticket["call"], ticket["items"]) == (call["id"], ["water.leak"])
    assert ticket["recording"]["state"] == "verified"

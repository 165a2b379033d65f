"""The desk's own page in a real browser: pops, keys, drafts, recordings; and what a look should find."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.test_looks import CUT, SIZES, findings
from tests.host_agent.page_desk import KEY, SHARED, WANG, PageDesk, page_desk

pytestmark = pytest.mark.needs("chromium", "fonts-noto-cjk")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageDesk]:
    with page_desk(tmp_path_factory.mktemp("own") / "agent") as made:
        yield made


def open_page(browser: Browser, own: PageDesk, size: str = "wide", dress: str = "") -> Page:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{own.url}/?key={KEY}{dress or '&language=zh-CN'}")
    expect(page).to_have_url(f"{own.url}/")
    return page


def record(own: PageDesk, call: int) -> None:
    """A second of sound, and the end of the call."""
    own.say("recording_started", call=call, codec="alaw")
    with own.lock:
        own.board.play(call, 0, b"\xd5\x55\x2a\xaa" * 2000)
        own.desk.run(500)
    own.say("recording_stopped", call=call, samples=8000)
    own.say("on_hook", call=call, by="phone")
    with own.lock:
        own.desk.tick()
        own.desk.work("encode")


def test_an_hour_without_the_cloud(browser: Browser, own: PageDesk) -> None:
    page = open_page(browser, own)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    expect(page.locator(".quiet")).to_be_visible()
    call = own.say("ring_started")
    own.say("ring_burst", call=call, burst=1)
    expect(page.locator(".no-number")).to_contain_text("正在收号码")
    own.say("caller_id", call=call, format="fsk-mdmf", number=WANG)
    expect(page.locator(".pop-name")).to_contain_text("王建国")
    expect(page.locator(".ready")).to_have_text("可以接了")
    expect(page.locator("#place")).to_have_value("3栋-2单元-1102")
    own.say("off_hook", call=call, by="phone", rings=1)
    expect(page.locator(".pop-talking")).to_be_visible()
    for key in ("1", "2", "Backspace", "2", "1", "p"):  # water: blocked; lift: trapped; one hour
        page.keyboard.press(key)
    page.locator("#note").fill("三楼")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")
    page.reload()
    expect(page.locator("#note")).to_have_value("三楼")
    assert page.locator("[name=items]:checked").count() == 2
    own.restart()  # kill -9 of the agent: page and draft are there again
    own.plug()
    page.locator("#note").fill("三楼，有人")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存", timeout=10_000)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".saved-title")).to_have_text("草稿已保存")
    expect(page.locator("#drafts .lines li")).to_have_count(1)
    record(own, call)
    row = page.locator(f"#calls [data-play='{own.name_of(call)}']")
    expect(row).to_contain_text("王建国")
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#player audio').currentTime > 0.2")
    assert page.evaluate("document.querySelector('#player audio').duration") == pytest.approx(1, abs=0.1)
    assert problems == []
    page.context.close()


#: Each leaves the page in another state.
SCENES: dict[str, Callable[[PageDesk], object]] = {
    "ended": lambda own: None,
    "waiting": lambda own: own.say("ring_started"),
    "shared": lambda own: own.ring(SHARED),
    "possibly": lambda own: own.ring(repaired=True),
    "unknown": lambda own: own.ring("15920001000"),
    "ringing": lambda own: own.ring(),
    "talking": lambda own: own.say("off_hook", call=own.said - 3, by="phone", rings=1),
}


def test_it_looks_right(browser: Browser, own: PageDesk) -> None:
    dresses = [("wide", "light", "zh-CN"), ("wide", "dark", "en"), ("phone", "dark", "zh-CN")]
    pages = {
        (size, theme): open_page(browser, own, size, f"&theme={theme}&language={language}")
        for size, theme, language in [*dresses, ("small", "light", "en")]
    }
    for name, scene in SCENES.items():
        scene(own)
        for (size, theme), page in pages.items():
            page.reload()
            assert (name, size, theme, page.evaluate(CUT)) == (name, size, theme, [])
            if size == "wide":
                assert (name, theme, findings(page)) == (name, theme, [])
    for page in pages.values():
        page.context.close()

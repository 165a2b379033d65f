"""What a look should find: contrast and names (axe), no cut or overlapping text, weight, first paint."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.console.estate import LIU, ZHAO
from tests.console.house import House
from tests.console.serve import serving

pytestmark = pytest.mark.needs("chromium", "fonts-noto-cjk")

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"wide": (1440, 900), "small": (1280, 720), "phone": (390, 844)}
MAX_WEIGHT_BYTES = 150_000

#: A morning at the desk, scene by scene; each leaves the page in another state.
MORNING: dict[str, Callable[[House], object]] = {
    "quiet": lambda house: None,
    "ringing": lambda house: house.ring(),
    "talking": lambda house: house.answer(house.last),
    "ended": lambda house: house.hang_up(house.last),
    "withheld": lambda house: house.ring(None, (), number_state="withheld"),
    "missed": lambda house: house.hang_up(house.last),
    "shared": lambda house: house.ring("01062345678", (LIU, ZHAO)),
    "shared, talking": lambda house: house.answer(house.last),
    "shared, ended": lambda house: house.hang_up(house.last),
    "unknown": lambda house: house.ring("15920001000", ()),
}
PAGES = ["/calls", "/calls/c3", "/tickets", "/tickets/3", "/residents", "/residents/1"]

#: Elements whose text is wider than they are and has no ellipsis, and elements that leave the window.
CUT = """() => [...document.querySelectorAll("main *, header *, nav *")].filter(e => {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || e.closest("svg, [hidden], dialog, .visually-hidden, .skip-link")) return false;
    const hasText = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const cut = hasText && e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible"
        && style.textOverflow !== "ellipsis";
    return cut || box.right > innerWidth + 1 || box.left < -1;
}).map(e => e.outerHTML.slice(0, 120))"""


def open_page(browser: Browser, address: str, size: tuple[int, int], theme: str, language: str) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    cookies = {"theme": theme, "language": language}
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    return context.new_page()


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:140]} {node['failureSummary'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_desk_has_no_serious_finding(browser: Browser, house: House, theme: str) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES["wide"], theme, "zh-CN")
        for name, scene in MORNING.items():
            scene(house)
            page.goto(f"{address}/desk")
            assert (name, findings(page)) == (name, [])
        page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_other_pages_have_no_serious_finding(browser: Browser, house: House, theme: str) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES["wide"], theme, "en")
        for path in PAGES:
            page.goto(f"{address}{path}")
            assert (path, findings(page)) == (path, [])
        house.user = None
        page.goto(f"{address}/login")
        assert findings(page) == []
        page.context.close()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_no_text_is_cut(browser: Browser, house: House, size: str, language: str) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES[size], "light", language)
        for name, scene in MORNING.items():
            scene(house)
            page.goto(f"{address}/desk")
            assert (name, page.evaluate(CUT)) == (name, [])
        for path in PAGES:
            page.goto(f"{address}{path}")
            assert (path, page.evaluate(CUT)) == (path, [])
        page.context.close()


def weigh_desk(context: BrowserContext, address: str) -> int:
    """Bytes the desk page brought over the wire without its stream."""
    page = context.new_page()
    page.goto(f"{address}/desk")
    brought = page.evaluate(
        """() => [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
            .filter(entry => !entry.name.includes("/desk/stream"))
            .reduce((sum, entry) => sum + entry.transferSize, 0)"""
    )
    page.close()
    return int(brought)


def test_the_desk_page_is_light(context: BrowserContext, house: House, site: str) -> None:
    house.ring()
    assert 0 < weigh_desk(context, site) <= MAX_WEIGHT_BYTES

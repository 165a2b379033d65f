"""Pictures of the console, for the README and for a look: `python -m tests.console.screenshots`.

`docs/screenshots/desk.png` and `desk-en.png` are for the README; `build/screenshots/` (not in the repository)
gets every page at three sizes, light and dark, in both languages, full and empty.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.backroom import BOX, DAY
from tests.console.estate import LIU, ZHAO
from tests.console.house import HEADQUARTERS, House
from tests.console.serve import serving
from tests.host_agent.page_desk import KEY, page_desk

REPOSITORY = Path(__file__).parents[2]
README_PICTURES = REPOSITORY / "docs" / "screenshots"
ALL_PICTURES = REPOSITORY / "build" / "screenshots"
SIZES = {"1440x900": (1440, 900), "1280x720": (1280, 720), "390x844": (390, 844)}

SCENES: dict[str, Callable[[House], object]] = {
    "quiet": lambda house: None,
    "ringing": lambda house: house.ring(),
    "talking": lambda house: house.answer(house.ring()),
    "shared": lambda house: house.ring("01062345678", (LIU, ZHAO)),
    "unknown": lambda house: house.ring("15920001000", ()),
    "withheld": lambda house: house.ring(None, (), number_state="withheld"),
}
PAGES = {
    "calls": "/calls",
    "call": "/calls/c3",
    "tickets": "/tickets",
    "ticket": "/tickets/3",
    "residents": "/residents",
    "resident": "/residents/1",
}
OF_HEADQUARTERS = {
    "letters": "/letters",
    "letter": "/letters/1",
    "letter-plain": "/letters/2",
    "reconciliation": "/reconciliation",
    "reconciled-day": f"/reconciliation/{BOX}/{DAY}",
}


def take_readme_pictures(browser: Browser) -> None:
    """The desk while the phone rings."""
    for language, name in (("zh-CN", "desk"), ("en", "desk-en")):
        house = House()
        house.ring()
        with serving(house) as address, opened(browser, address, (1280, 800), "light", language) as page:
            page.goto(f"{address}/desk")
            page.screenshot(path=README_PICTURES / f"{name}.png")


def take_all_pictures(browser: Browser) -> None:
    """Every page in every dress."""
    for size, pixels in SIZES.items():
        for theme in ("light", "dark"):
            for language in ("zh-CN", "en"):
                _take_dress(browser, f"{size}-{theme}-{language}", pixels, theme, language)


def take_own_page_pictures(browser: Browser) -> None:
    """The page that the agent serves without the cloud, while the phone rings."""
    ALL_PICTURES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, page_desk(Path(folder)) as own:
        own.cloud.is_well = False
        for number in ("01062345678", "15920001000"):
            own.say("ring_stopped", call=own.ring(number), bursts=2)
        own.ring()
        for size, pixels in SIZES.items():
            for theme in ("light", "dark"):
                for language in ("zh-CN", "en"):
                    with opened(browser, own.url, pixels, theme, language) as page:
                        page.goto(f"{own.url}/?key={KEY}")
                        own.look_for_cloud(2)
                        page.locator(".banner-warn").wait_for()
                        dress = f"{size}-{theme}-{language}"
                        page.screenshot(path=ALL_PICTURES / f"own-page-{dress}.png", full_page=True)


def _take_dress(browser: Browser, dress: str, pixels: tuple[int, int], theme: str, language: str) -> None:
    folder = ALL_PICTURES / dress
    folder.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        house = House()
        scene(house)
        with serving(house) as address, opened(browser, address, pixels, theme, language) as page:
            page.goto(f"{address}/desk")
            page.screenshot(path=folder / f"desk-{name}.png", full_page=True)
    for filled in (True, False):
        house = House(empty=not filled)
        pages = PAGES if filled else {"desk": "/desk", "calls": "/calls", "tickets": "/tickets"}
        with serving(house) as address, opened(browser, address, pixels, theme, language) as page:
            for name, path in pages.items():
                page.goto(f"{address}{path}")
                page.screenshot(path=folder / f"{name}{'' if filled else '-empty'}.png", full_page=True)
            house.user = HEADQUARTERS
            for name, path in OF_HEADQUARTERS.items():
                if filled or name in ("letters", "reconciliation"):
                    page.goto(f"{address}{path}")
                    page.screenshot(path=folder / f"{name}{'' if filled else '-empty'}.png", full_page=True)
            house.user = None
            page.goto(f"{address}/login")
            page.screenshot(path=folder / "login.png")


@contextmanager
def opened(
    browser: Browser, address: str, pixels: tuple[int, int], theme: str, language: str
) -> Iterator[Page]:
    """A page of its own, in the given dress; nothing on it moves."""
    context = browser.new_context(
        viewport={"width": pixels[0], "height": pixels[1]}, reduced_motion="reduce", locale=language
    )
    cookies = {"theme": theme, "language": language}
    context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    try:
        yield context.new_page()
    finally:
        context.close()


def main() -> None:
    README_PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take_readme_pictures(browser)
        take_all_pictures(browser)
        take_own_page_pictures(browser)
        browser.close()


if __name__ == "__main__":
    main()

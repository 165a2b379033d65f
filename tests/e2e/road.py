"""The road in wall time on real servers: Mosquitto, PostgreSQL, and a Chromium to look at it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from sim.board import BoardSettings
from sim.demo.api import CloudClient
from sim.demo.children import Children
from sim.demo.paced_line import PacedLine
from sim.demo.stack import READY_S, Login, Stack, StackSettings
from sim.pace import BlockHook
from sim.postgres import Cluster
from sim.scenario import Scenario

BOX = "5117b0c0ffee"


@dataclass
class LiveRoad:
    """The page's address, the desk's user, an API client and the line."""

    url: str
    login: Login
    client: CloudClient
    line: PacedLine


@contextmanager
def open_road(folder: Path, on_block: BlockHook | None = None) -> Iterator[LiveRoad]:
    """Start everything but the browser in `folder`."""
    with ExitStack() as resources:
        database = resources.enter_context(Cluster())
        children = resources.enter_context(Children(folder / "logs"))
        env = {"CLOUDSEAT_CLOUD_DATABASE_URL": database.create("cloudseat")}
        stack = Stack(StackSettings(folder, web_port=0, broker="mosquitto", cloud_env=env), children)
        stack.seed()
        stack.start_broker()
        stack.await_cloud(stack.start_cloud())
        board = BoardSettings(BOX, folder / "flash.bin")
        line = resources.enter_context(PacedLine(board, Scenario(seed=3), on_block))
        stack.start_agent(0, [line.port.path]).await_line("agent.box_attached", READY_S)
        login = stack.login("agent")
        client = CloudClient(stack.url, login.username, login.password)
        resources.callback(client.close)
        yield LiveRoad(stack.url, login, client, line)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Debian's Chromium, which may play sound without a click."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        args = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        browser = playwright.chromium.launch(executable_path=program, args=args)
        yield browser
        browser.close()


def sign_in(page: Page, road: LiveRoad) -> None:
    """Log in as the desk's agent; returns when the desk page is live."""
    page.goto(f"{road.url}/login")
    page.fill("#username", road.login.username)
    page.fill("#password", road.login.password)
    with page.expect_response("**/desk/stream*"):
        page.click("form.login-card button")

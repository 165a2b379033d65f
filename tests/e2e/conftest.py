"""The road on real servers: Mosquitto, PostgreSQL, Chromium; each gone with the test."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from sim.board import BoardSettings
from sim.demo.api import CloudClient
from sim.demo.children import Children
from sim.demo.paced_line import PacedLine
from sim.demo.stack import READY_S, Login, Stack, StackSettings
from sim.scenario import Scenario
from tests.cloud_broker.postgres import Cluster

BOX = "5117b0c0ffee"


@dataclass
class LiveRoad:
    """The road in wall time: its page's address, the desk's user, an API client and the line."""

    url: str
    login: Login
    client: CloudClient
    line: PacedLine


@pytest.fixture
def live_road(tmp_path: Path) -> Iterator[LiveRoad]:
    with ExitStack() as resources:
        database = resources.enter_context(Cluster())
        children = resources.enter_context(Children(tmp_path / "logs"))
        env = {"CLOUDSEAT_CLOUD_DATABASE_URL": database.create("cloudseat")}
        stack = Stack(StackSettings(tmp_path, web_port=0, broker="mosquitto", cloud_env=env), children)
        stack.seed()
        stack.start_broker()
        stack.await_cloud(stack.start_cloud())
        board = BoardSettings(BOX, tmp_path / "flash.bin")
        line = resources.enter_context(PacedLine(board, Scenario(seed=3)))
        agent = stack.start_agent(0, [line.port.path])
        agent.await_line("agent.box_attached", READY_S)
        login = stack.login("agent")
        client = CloudClient(stack.url, login.username, login.password)
        resources.callback(client.close)
        yield LiveRoad(stack.url, login, client, line)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        args = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        started = playwright.chromium.launch(executable_path=program, args=args)
        yield started
        started.close()

"""A house in memory, a client that reads its pages, and a browser that looks at them."""

import asyncio
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.console.house import House
from tests.console.serve import build_app, serving


class Client:
    """Asks the application without a socket. Follows no redirect; speaks Chinese unless told otherwise."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._send("GET", path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **more))

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Accept-Language": "zh-CN"}
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk", headers=headers) as client:
            return await client.request(method, path, **more)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def client(house: House) -> Client:
    return Client(build_app(house))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, one a module: while playwright runs, its event loop keeps others from running."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def site(house: House) -> Iterator[str]:
    """The address at which `house` is served."""
    with serving(house) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    yield opened
    opened.close()


@pytest.fixture
def page(site: str, context: BrowserContext) -> Iterator[Page]:
    """The desk page with its live connection standing; an error in a script fails the test."""
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    with opened.expect_response("**/desk/stream*"):
        opened.goto(f"{site}/desk")
    yield opened
    assert errors == []

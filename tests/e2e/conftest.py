"""The road and a browser, gone with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.road import LiveRoad, open_browser, open_road


@pytest.fixture
def live_road(tmp_path: Path) -> Iterator[LiveRoad]:
    with open_road(tmp_path) as road:
        yield road


@pytest.fixture
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened

"""The console's own files: complete, compressed, cached for ever by content."""

import gzip
import re
from pathlib import Path

import pytest

from cloud_broker.web import static_files
from cloud_broker.web.pages import labels
from cloud_broker.web.static_files import StaticFiles, StaticMissing
from tests.console.conftest import Client

WEB = Path(static_files.__file__).parent


def test_an_address_with_the_right_hash_is_kept_for_ever(client: Client) -> None:
    answer = client.get(StaticFiles().url("base.css"), headers={"Accept-Encoding": "identity"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == (WEB / "static" / "base.css").read_bytes()


def test_an_old_address_is_asked_for_again(client: Client) -> None:
    answer = client.get("/static/base.css?v=00000000")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/static/base.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_text_is_compressed_where_the_browser_can(client: Client) -> None:
    answer = client.get("/static/vendor/htmx.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert int(answer.headers["content-length"]) == len(gzip.compress(answer.content, 9, mtime=0))


def test_what_is_not_there_is_not_found(client: Client) -> None:
    for name in ("nothing.css", "../app.py", "%2e%2e/app.py", "vendor/.ready"):
        assert client.get(f"/static/{name}").status_code == 404


def test_missing_front_end_files_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(static_files, "_ROOT", tmp_path)
    with pytest.raises(StaticMissing, match=r"vendor/htmx\.js.*make setup"):
        StaticFiles()


def test_every_icon_is_drawn_and_every_drawing_used() -> None:
    drawn = set(re.findall(r'<symbol id="([a-z-]+)"', (WEB / "static" / "icons.svg").read_text()))
    templates = "".join(path.read_text() for path in (WEB / "templates").rglob("*.html"))
    used = set(re.findall(r'(?:icon|empty)\("([a-z-]+)"', templates))
    used |= set(re.findall(r'\("/[a-z]+", "([a-z-]+)"', templates))  # the rail
    for table in (
        labels.OUTCOMES,
        labels.CALL_STATES,
        labels.RECORDINGS,
        labels.TICKET_STATES,
        labels.NO_NUMBER,
    ):
        used |= {label.icon for label in table.values()}
    assert drawn == used

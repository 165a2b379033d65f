"""Both languages are whole."""

import re

import pytest

from cloud_broker.web import i18n
from tests.console.conftest import Client

PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")


def test_nothing_is_left_untranslated() -> None:
    assert list(i18n.missing_messages("zh-CN")) == []


def test_the_catalogue_holds_nothing_else() -> None:
    used = {(message.id, message.context) for message in i18n.extract_messages()}
    kept = {(message.id, message.context) for message in i18n.read_catalogue("zh-CN")}
    assert kept - used == {("", None)} - used


def test_translations_keep_their_placeholders() -> None:
    for message in i18n.read_catalogue("zh-CN"):
        if message.id:
            assert sorted(PLACEHOLDER.findall(message.string)) == sorted(PLACEHOLDER.findall(str(message.id)))


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, None, "zh-CN"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "fr,en", "zh-CN"),
        ("en", "zh-CN", "en"),
        ("zh-CN", "en", "zh-CN"),
        ("xx", "zh", "zh-CN"),
    ],
)
def test_the_language_of_a_request(cookie: str | None, accept: str | None, language: str) -> None:
    assert i18n.choose_language(cookie, accept) == language


def test_the_switch_keeps_the_page_and_never_leaves_the_site(client: Client) -> None:
    answer = client.get("/language/en?next=/calls")
    assert answer.headers["location"] == "/calls"
    assert "language=en" in answer.headers["set-cookie"]
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert client.get("/language/en", params={"next": elsewhere}).headers["location"] == "/"

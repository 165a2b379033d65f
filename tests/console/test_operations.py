"""The pages of headquarters: dead letters and reconciliation, in both languages, full and empty, by role."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_broker.domain import reconciliation
from cloud_broker.web.pages import labels
from tests.console.backroom import BOOT, BOX, DAY, UNREADABLE
from tests.console.conftest import Client
from tests.console.house import AGENT, CSRF, HEADQUARTERS, MANAGER, House
from tests.console.markup import check_markup
from tests.console.serve import build_app, serving
from tests.console.test_looks import CUT, SIZES, findings, open_page

DAY_PAGE = f"/reconciliation/{BOX}/{DAY}"
LETTERS = ["/letters", "/letters?state=any", "/letters/1", "/letters/2", "/letters/6", "/letters/7"]
PAGES = [*LETTERS, "/reconciliation", DAY_PAGE]
LOOKED_AT = ["/letters?state=any", "/letters/1", "/reconciliation", DAY_PAGE]
TOKEN = {"X-CSRF-Token": CSRF}
CODES = re.compile(
    r'<(script|style|kbd)\b.*?</\1>|<pre.*?</pre>|<[^>]*class="[^"]*mono[^"]*".*?</\w+>|<[^>]+>', re.S
)


@pytest.fixture
def house() -> House:
    made = House()
    made.user = HEADQUARTERS
    return made


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_page_is_whole(client: Client, language: str) -> None:
    for path in PAGES:
        page = client.get(path, headers={"Accept-Language": language})
        assert (path, page.status_code) == (path, 200)
        check_markup(page.text)


def test_an_empty_page_says_what_would_appear() -> None:
    house = House(empty=True)
    house.user = HEADQUARTERS
    client = Client(build_app(house))
    for path in ("/letters", "/reconciliation"):
        page = client.get(path)
        check_markup(page.text)
        assert "empty-title" in page.text


def test_no_english_is_left_on_a_chinese_page(client: Client) -> None:
    for path in PAGES:
        words = set(re.findall(r"[A-Za-z]{3,}", CODES.sub(" ", client.get(path).text)))
        assert words <= {"English", "Enter", "Ctrl", "Esc", "desk", HEADQUARTERS.username}, path


@pytest.mark.parametrize(
    ("user", "letters", "days"), [(AGENT, 403, 403), (MANAGER, 403, 200), (HEADQUARTERS, 200, 200)]
)
def test_who_may_look(house: House, client: Client, user: object, letters: int, days: int) -> None:
    house.user = user  # type: ignore[assignment]
    assert client.get("/letters").status_code == letters
    assert client.get("/letters/1").status_code == letters
    answer = client.get("/reconciliation")
    assert answer.status_code == days
    assert ('href="/letters"' in client.get("/calls").text) is (letters == 200)
    assert ('href="/reconciliation"' in client.get("/calls").text) is (days == 200)
    assert client.post("/alarms/1/resolve", headers=TOKEN).status_code == (303 if letters == 200 else 403)


def test_an_alarm_says_in_words_where_each_thing_is(client: Client) -> None:
    for path in ("/reconciliation", DAY_PAGE):
        page = client.get(path).text
        assert f"{BOOT}:9 没有到过坐席电脑" in page and f"{BOOT}:4-5 曾确认入库，现已不见" in page
    english = client.get("/reconciliation", headers={"Accept-Language": "en"}).text
    assert f"{BOOT}:9 never reached the desk PC" in english


def test_filters_stay_in_the_address(client: Client) -> None:
    page = client.get("/letters", params={"state": "set_aside", "q": "desk-1"}).text
    assert '<option value="set_aside" selected>' in page
    assert 'value="desk-1"' in page and page.count("data-letter=") == 1
    assert client.get("/letters", params={"reason": "missing"}).text.count("data-letter=") == 1
    days = client.get("/reconciliation", params={"state": "open", "day": DAY}).text
    assert f'value="{DAY}"' in days and days.count("<tr tabindex") == 2


def test_a_conflict_stands_out(client: Client) -> None:
    assert client.get("/letters").text.count('class="row-bad"') == 1
    page = client.get("/letters/1").text
    assert "138****5678" in page and "139****0000" in page and page.count("row-bad") == 1
    assert 'action="/letters/1/replay"' not in page
    assert "同一事件两种内容" in client.get("/reconciliation").text


def test_a_form_decides_and_a_refusal_says_why(house: House, client: Client) -> None:
    assert client.post("/letters/3/replay", headers=TOKEN).headers["location"] == "/letters/3"
    assert house.backroom.letter(HEADQUARTERS, 3).state == "replayed"
    refused = client.post(f"/letters/{UNREADABLE}/replay", headers=TOKEN)
    assert refused.status_code == 422 and "云端仍读不懂它" in refused.text
    assert "请在备注里写明原因" in client.post("/letters/1/set-aside", data={"note": " "}, headers=TOKEN).text
    assert client.post("/letters/1/burn", headers=TOKEN).status_code == 422
    assert client.post("/letters/1/replay").status_code == 403


def test_a_script_is_told_what_became_of_it(client: Client) -> None:
    headers = TOKEN | {"Accept": "application/json"}
    assert client.post("/letters/3/replay", headers=headers).json() == {"said": "已重新入库"}
    refused = client.post("/letters/1/replay", headers=headers)
    assert refused.status_code == 422 and "不可能都对" in refused.json()["sentence"]


def test_a_day_is_compared_again_and_an_alarm_seen_to(house: House, client: Client) -> None:
    path = DAY_PAGE
    assert f'action="{path}/check"' in client.get(path).text
    assert client.post(f"{path}/check", headers=TOKEN).headers["location"] == path
    assert house.backroom.day(HEADQUARTERS, BOX, DAY).state == "whole"
    client.post("/alarms/2/resolve", headers=TOKEN)
    assert [alarm.id for alarm in house.backroom.alarm_list] == [1, 3]
    house.user = MANAGER
    assert f'action="{path}/check"' not in client.get(path).text
    assert client.get(f"/reconciliation/{BOX}/1999-01-01").status_code == 404


def test_every_reason_has_a_word() -> None:
    assert labels.letter_reason("missing:call") is labels.LETTER_REASONS["missing"]
    assert labels.letter_reason("new_word").text == "new_word"
    assert set(labels.DAY_STATES) == set(reconciliation.STATES)
    assert set(labels.GAP_PLACES) == set(reconciliation.PLACES)


@pytest.mark.needs("chromium")
def test_letters_by_keys_and_all_at_once(browser: Browser, house: House) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES["wide"], "light", "zh-CN")
        page.goto(f"{address}/letters")
        _tick_and_decide(page, house)
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/letters/1$"))
        page.context.close()


def _tick_and_decide(page: Page, house: House) -> None:
    page.keyboard.press("j")
    for _ in range(2):  # rows 2 and 3: one stays unreadable, one is taken in
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator("[data-ticked]")).to_have_text("2")
    page.get_by_role("button", name="重新入库").click()
    expect(page.locator("[data-result]")).to_have_text("完成 1 封，未成 1 封")
    expect(page.locator("[data-letter='3'] [data-state]")).to_have_text("已重新入库")
    expect(page.locator("[data-letter='2'] [data-state]")).to_contain_text("云端仍读不懂它")
    page.locator("[data-tick-all]").check()
    page.get_by_role("button", name="搁置").click()
    assert house.backroom.letter(HEADQUARTERS, 1).state == "open"  # no note, nothing happens
    page.locator("[name=note]").fill("旧固件")
    page.get_by_role("button", name="搁置").click()
    expect(page.locator("[data-undo]")).to_be_visible()
    assert house.backroom.letter(HEADQUARTERS, 1).note == "旧固件"
    page.locator("[data-undo]").click()
    expect(page.locator("[data-letter='1'] [data-state]")).to_have_text("已重新打开")
    assert house.backroom.letter(HEADQUARTERS, 1).state == "open"


@pytest.mark.needs("chromium", "fonts-noto-cjk")
@pytest.mark.parametrize(("theme", "language"), [("light", "zh-CN"), ("dark", "en")])
def test_headquarters_pages_have_no_serious_finding(
    browser: Browser, house: House, theme: str, language: str
) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES["wide"], theme, language)
        for path in LOOKED_AT:
            page.goto(f"{address}{path}")
            assert (path, findings(page)) == (path, [])
        page.context.close()


@pytest.mark.needs("chromium", "fonts-noto-cjk")
def test_no_text_is_cut_on_a_phone(browser: Browser, house: House) -> None:
    with serving(house) as address:
        page = open_page(browser, address, SIZES["phone"], "light", "en")
        for path in LOOKED_AT:
            page.goto(f"{address}{path}")
            assert (path, page.evaluate(CUT)) == (path, [])
        page.context.close()

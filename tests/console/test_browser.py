"""The desk page in a real browser: pops, keys, drafts, the player, and a connection that breaks."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from cloud_broker.domain.views import RecordingView
from tests.console.estate import LIU, WANG, ZHAO
from tests.console.house import House
from tests.console.serve import serving

pytestmark = pytest.mark.needs("chromium")

LAYOUT_SHIFT = """() => { window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(
    entry => { window.shift += entry.value; })).observe({type: "layout-shift", buffered: false}); }"""


def test_a_call_pops_before_it_is_answered_and_nothing_moves(house: House, page: Page) -> None:
    page.evaluate(LAYOUT_SHIFT)
    boxes = page.eval_on_selector_all(
        ".panel, .list-card", "all => all.map(e => e.getBoundingClientRect().top)"
    )
    call = house.ring(None, (), ring_count=1)
    expect(page.locator(".pop-number")).to_have_text("正在收号码…")
    expect(page.locator("[data-ready]")).to_have_count(0)
    house.put_call(replace(house.ring(id=call.id), ring_count=1))
    expect(page.locator(".pop-number")).to_have_text("138 1234 5678")
    expect(page.locator(".pop-name")).to_contain_text("王建国")
    expect(page.locator("[data-ready]")).to_have_text("可以接了")
    expect(page).to_have_title(re.compile("138 1234 5678"))
    expect(page.locator("#caller .arrears")).to_contain_text("¥1,382.40")
    after = page.eval_on_selector_all(
        ".panel, .list-card", "all => all.map(e => e.getBoundingClientRect().top)"
    )
    assert after == boxes
    assert page.evaluate("window.shift") == 0


def test_a_ticket_without_a_mouse(house: House, page: Page) -> None:
    call = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    for key in ("1", "2", "Backspace", "4", "3", "p"):  # drains: blocked; lift: noise; one hour
        page.keyboard.press(key)
    expect(page.locator("[data-picked]")).to_have_text("堵塞异响")
    page.locator("#note").fill("三楼")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".saved-title")).to_be_visible()
    made = house.ticket_list[-1]
    assert (made.call, list(made.items), made.note) == (call.id, ["water.blocked", "lift.noise"], "三楼")
    assert made.promised_at is not None
    assert (made.promised_at - house.time).total_seconds() == 3600
    page.keyboard.press("n")
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    expect(page.locator("#note")).to_have_value("")


def test_digits_and_letters_stay_text_in_a_text_field(house: House, page: Page) -> None:
    page.locator("#note").focus()
    page.keyboard.type("n1p 4")
    expect(page.locator("#note")).to_have_value("n1p 4")
    assert page.locator("[name=items]:checked").count() == 0


def test_space_does_nothing(house: House, page: Page) -> None:
    before = page.content()
    page.keyboard.press("Space")
    assert page.content() == before


def test_a_draft_survives_refresh_and_hang_up(house: House, page: Page) -> None:
    call = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    page.locator("#note").fill("水表间有水声")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")
    house.hang_up(call)
    expect(page.locator(".pop-ended")).to_be_visible()
    expect(page.locator("#note")).to_have_value("水表间有水声")
    page.reload()
    expect(page.locator("#note")).to_have_value("水表间有水声")


def test_a_second_call_does_not_take_the_form_from_under_the_fingers(house: House, page: Page) -> None:
    first = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", first.id)
    page.locator("#note").fill("还在写")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")
    house.hang_up(first)
    second = house.ring("01062345678", (LIU, ZHAO))
    expect(page.locator(".pop-number")).to_have_text("010 6234 5678")
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", first.id)
    expect(page.locator(".switch-call")).to_be_visible()
    house.answer(second)
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", second.id)
    assert house.drafts[first.id]["note"] == "还在写"


def test_what_was_typed_last_belongs_to_the_call_it_was_typed_for(house: House, page: Page) -> None:
    first = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", first.id)
    page.locator("#note").fill("最后一句")
    house.hang_up(first)
    second = house.answer(house.ring("01062345678", (LIU, ZHAO)))
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", second.id)
    for _ in range(250):
        if first.id in house.drafts:
            break
        page.wait_for_timeout(20)
    assert house.drafts[first.id]["note"] == "最后一句"
    assert second.id not in house.drafts


def test_the_form_learns_who_is_calling_when_the_number_comes(house: House, page: Page) -> None:
    call = house.ring(None, (), ring_count=1)
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    expect(page.locator("#place")).to_have_value("")
    known = house.put_call(replace(house.ring(id=call.id), residents=(WANG,)))
    expect(page.locator("#place")).to_have_value(WANG.rooms[0])
    expect(page.locator(".form-for")).to_contain_text("王建国")
    house.hang_up(known)
    second = house.ring(None, (), ring_count=1)
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", second.id)
    page.locator("#note").fill("已经在写")
    house.put_call(replace(house.ring(id=second.id), residents=(WANG,)))
    expect(page.locator("#place")).to_have_value(WANG.rooms[0])
    expect(page.locator("#note")).to_have_value("已经在写")


def test_a_resident_is_chosen_or_saved_on_the_pop(house: House, page: Page) -> None:
    shared = house.ring("01062345678", (LIU, ZHAO))
    page.get_by_role("button", name="赵雅琴").click()
    expect(page.locator(".pop-name")).to_contain_text("赵雅琴")
    house.hang_up(shared)
    house.ring("15920001000", ())
    page.locator(".quick-save [name=name]").fill("周敏")
    page.locator(".quick-save [name=salutation]").select_option("女士")
    page.locator(".quick-save button").click()
    expect(page.locator(".pop-name")).to_contain_text("周敏")


def test_what_is_typed_into_the_pop_survives_the_next_ring(house: House, page: Page) -> None:
    call = house.ring("15920001000", ())
    page.locator(".quick-save [name=name]").fill("周")
    house.put_call(replace(call, ring_count=3))
    expect(page.locator("[data-rings]")).to_have_text("第 3 声")
    expect(page.locator(".quick-save [name=name]")).to_have_value("周")


def test_a_half_typed_name_stays_with_its_caller(house: House, page: Page) -> None:
    first = house.ring("15920001000", ())
    page.locator(".quick-save [name=name]").fill("周")
    house.hang_up(first)
    house.ring("15920002000", ())
    expect(page.locator(".pop-number")).to_have_text("159 2000 2000")
    expect(page.locator(".quick-save [name=name]")).to_have_value("")


def test_rows_by_j_k_and_enter(house: House, page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#missed [data-row]").first).to_be_focused()
    page.keyboard.press("c")
    expect(page.locator("[data-dial-number]")).to_have_text("139 2222 1111")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/calls/c0$"))


def test_help_search_and_going_elsewhere_by_keys(house: House, page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("0601")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/residents\\?q=0601"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("g")
    page.keyboard.press("2")
    expect(page).to_have_url(re.compile("/calls$"))


def test_the_player_plays_where_the_row_is(house: House, page: Page) -> None:
    button = page.locator("#recent [data-play=c3]")
    button.click()
    expect(page.locator("#recent .player.player-playing")).to_be_visible()
    expect(page.locator("#recent .player-gaps span")).to_have_count(1)
    expect(button).to_have_attribute("aria-pressed", "true")
    house.hang_up(house.ring("15920001000", ()))  # the list is renewed; the player plays on
    expect(page.locator("#recent [data-row]").first).to_contain_text("159 2000 1000")
    expect(page.locator("#recent .player.player-playing")).to_be_visible()


def test_the_call_page_draws_the_waveform(house: House, page: Page) -> None:
    page.goto(page.url.replace("/desk", "/calls/c3"))
    page.locator("[data-play=c3]").click()
    expect(page.locator(".player.player-playing")).to_be_visible()
    page.wait_for_function(
        """() => { const canvas = document.querySelector(".waveform");
            return canvas.width > 300 && canvas.getContext("2d")
                .getImageData(0, canvas.height / 2, canvas.width, 1).data.some(value => value > 0); }"""
    )


def test_a_recording_that_cannot_be_played_says_why(house: House, page: Page) -> None:
    page.locator("#recent [data-play=c1]").wait_for()
    house.call_list = [
        replace(call, recording=RecordingView("uploading", 9.0, None, ())) if call.id == "c1" else call
        for call in house.call_list
    ]
    page.locator("#recent [data-play=c1]").click()
    expect(page.locator(".player-error")).to_contain_text("正在上传")


def test_the_recording_asked_for_last_plays(house: House, page: Page) -> None:
    held: list[Route] = []
    page.route("**/calls/c3/play", lambda route: held.append(route))
    page.locator("#recent [data-play=c3]").click()
    first = page.locator("audio").element_handle()
    page.locator("#recent [data-play=c1]").click()
    expect(page.locator("#recent .player.player-playing")).to_be_visible()
    with page.expect_response("**/calls/c3/play"):
        held[0].continue_()
    expect(page.locator(".player-error")).to_be_hidden()
    assert first.evaluate("audio => audio.paused && !audio.src")


@pytest.mark.parametrize("status", [502, 503])
def test_a_ticket_that_cannot_be_saved_stays_in_its_form(house: House, page: Page, status: int) -> None:
    call = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    page.locator("#note").fill("水管爆了")
    page.route("**/desk/tickets", lambda route: route.fulfill(status=status, body="Bad gateway"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-form-problem]")).to_be_visible()
    expect(page.locator("#note")).to_have_value("水管爆了")
    page.unroute("**/desk/tickets")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".saved-title")).to_be_visible()


def test_a_first_connection_that_is_refused_is_tried_again(
    house: House, site: str, browser_page: Page
) -> None:
    page = browser_page
    page.route("**/desk/stream*", lambda route: route.fulfill(status=503), times=1)
    page.goto(f"{site}/desk")
    expect(page.locator("#offline")).to_be_visible()
    house.ring()
    expect(page.locator(".pop-name")).to_contain_text("王建国")
    expect(page.locator("#offline")).to_be_hidden()


def test_the_page_catches_up_after_the_connection_broke(browser_page: Page, house: House) -> None:
    page = browser_page
    with serving(house) as first:
        port = int(first.rsplit(":", 1)[1])
        with page.expect_response("**/desk/stream*"):
            page.goto(f"{first}/desk")
        expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("#offline")).to_be_visible()
    house.ring()  # nobody is told
    with serving(house, port):
        expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
        expect(page.locator(".pop-name")).to_contain_text("王建国")


def test_a_draft_typed_while_offline_is_not_lost(browser_page: Page, house: House) -> None:
    page = browser_page
    with serving(house) as first:
        port = int(first.rsplit(":", 1)[1])
        call = house.answer(house.ring())
        page.goto(f"{first}/desk")
        expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    page.locator("#note").fill("断网时写的")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已留在本机")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-form-problem]")).to_be_visible()
    with serving(house, port):
        page.reload()
        expect(page.locator("#note")).to_have_value("断网时写的")
        expect(page.locator("[data-draft-state]")).to_have_text("草稿已存")


def test_the_phone_rings_on_every_page(house: House, page: Page) -> None:
    with page.expect_response("**/desk/stream*"):
        page.goto(page.url.replace("/desk", "/residents"))
    call = house.ring()
    expect(page.locator(".banner-ring")).to_contain_text("138 1234 5678 王建国")
    expect(page).to_have_title("☎ 138 1234 5678")
    house.answer(call)
    expect(page.locator(".banner-ring")).to_have_count(0)
    expect(page).not_to_have_title("☎ 138 1234 5678")


def test_the_session_that_ended_leads_to_the_log_in(house: House, page: Page) -> None:
    house.user = None
    page.locator("[data-new-ticket]").or_(page.locator("body")).first.press("n")
    expect(page).to_have_url(re.compile("/login"))


def test_a_draft_is_kept_when_the_session_has_ended(house: House, page: Page) -> None:
    call = house.answer(house.ring())
    expect(page.locator("#ticket-form")).to_have_attribute("data-form-call", call.id)
    house.user = None
    page.locator("#note").fill("写到一半")
    expect(page.locator("[data-draft-state]")).to_have_text("草稿已留在本机")
    assert "写到一半" in page.evaluate("id => localStorage.getItem(`draft:${id}`)", call.id)


def test_a_refusal_is_said_and_the_page_stays(house: House, page: Page) -> None:
    call = house.ring("01062345678", (LIU, ZHAO))
    expect(page.locator(".chooser button")).to_have_count(2)
    house.call_list = [
        replace(old, residents=(LIU,)) if old.id == call.id else old for old in house.call_list
    ]
    page.get_by_role("button", name="赵雅琴").click()
    expect(page.locator("#said")).to_contain_text("内容不存在")
    expect(page.locator(".chooser button")).to_have_count(2)


def test_theme_and_language_switch(house: House, page: Page) -> None:
    page.locator("details.menu summary").click()
    page.locator("[data-theme=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


@pytest.fixture
def browser_page(context: BrowserContext) -> Page:
    """A page without a site: the test serves and stops it."""
    return context.new_page()

"""Every page renders in both languages, full and empty, and refuses what it must refuse."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from cloud_broker.domain.views import LinkState, NewResident, RecordingState, RecordingView
from tests.console.conftest import Client
from tests.console.estate import LIU, ZHAO
from tests.console.house import AGENT, CSRF, MANAGER, PASSWORD, House
from tests.console.markup import check_markup
from tests.console.serve import build_app

PAGES = ["/desk", "/calls", "/calls/c3", "/calls/c0", "/tickets", "/tickets/3", "/residents", "/residents/1"]
LISTS = ["/desk", "/calls", "/tickets", "/residents"]
TOKEN = {"X-CSRF-Token": CSRF}

SCENES: dict[str, Callable[[House], object]] = {
    "quiet": lambda house: None,
    "ringing": lambda house: house.ring(),
    "waiting for the number": lambda house: house.ring(None, (), ring_count=1),
    "withheld": lambda house: house.ring(None, (), number_state="withheld"),
    "unknown": lambda house: house.ring("15920001000", ()),
    "shared": lambda house: house.ring("01062345678", (LIU, ZHAO)),
    "talking": lambda house: house.answer(house.ring()),
    "ended": lambda house: house.hang_up(house.answer(house.ring())),
    "offline": lambda house: setattr(house, "links", LinkState(False, True, True)),
}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole(client: Client, path: str, language: str) -> None:
    page = client.get(path, headers={"Accept-Language": language})
    assert page.status_code == 200
    assert f'<html lang="{language}"' in page.text
    check_markup(page.text)


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_page_says_what_would_appear(path: str) -> None:
    page = Client(build_app(House(empty=True))).get(path)
    check_markup(page.text)
    assert "empty-title" in page.text


@pytest.mark.parametrize("scene", SCENES)
def test_the_desk_shows_every_state_of_a_call(house: House, client: Client, scene: str) -> None:
    SCENES[scene](house)
    page = client.get("/desk")
    assert page.status_code == 200
    check_markup(page.text)


@pytest.mark.parametrize("path", [*PAGES, "/login"])
def test_no_english_is_left_on_a_chinese_page(house: House, client: Client, path: str) -> None:
    if path == "/login":
        house.user = None
    text = re.sub(r"<(script|style|kbd)\b.*?</\1>|<[^>]+>", " ", client.get(path).text, flags=re.S)
    words = set(re.findall(r"[A-Za-z]{3,}", text))
    assert words <= {"English", "Enter", "Ctrl", "Esc", "VIP", "FSK", "MDMF", AGENT.username}


def test_who_is_not_signed_in_comes_back_to_the_page_after_it(house: House, client: Client) -> None:
    house.user = None
    answer = client.get("/calls?outcome=missed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/calls%3Foutcome%3Dmissed")
    form = {"username": AGENT.username, "password": PASSWORD, "next": "/calls?outcome=missed"}
    assert client.post("/login", data=form).headers["location"] == "/calls?outcome=missed"


def test_a_fragment_without_session_sends_the_whole_page_to_the_log_in(house: House, client: Client) -> None:
    house.user = None
    answer = client.get("/desk/ticket?desk=desk-1", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


@pytest.mark.parametrize(
    ("username", "sentence"), [("linxia", "用户名或密码不对"), ("locked", "请等 5 分钟再试")]
)
def test_a_refused_log_in_says_what_to_do(house: House, client: Client, username: str, sentence: str) -> None:
    house.user = None
    answer = client.post("/login", data={"username": username, "password": "x"})
    assert answer.status_code == 401
    assert sentence in answer.text
    assert f'value="{username}"' in answer.text


def test_a_log_in_from_another_site_is_refused(house: House, client: Client) -> None:
    house.user = None
    form = {"username": AGENT.username, "password": PASSWORD}
    assert client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("path", ["/desk/draft", "/desk/tickets", "/desk/claim", "/calls/c1/play", "/logout"])
def test_a_write_without_the_token_is_refused(client: Client, path: str) -> None:
    for headers in ({}, {"X-CSRF-Token": "another"}):
        assert client.post(path, data={"call": "c1"}, headers=headers).status_code == 403


def test_text_from_outside_is_never_markup(house: House, client: Client) -> None:
    house.save_resident(AGENT, _resident(house.ring("15920001000", ()).id, "<script>alert(1)</script>"))
    page = client.get("/desk").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_headers_keep_the_page_to_itself(client: Client) -> None:
    headers = client.get("/desk").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_a_ticket_is_made_and_bound_to_the_call(house: House, client: Client) -> None:
    call = house.answer(house.ring())
    form = _ticket(call=call.id, items=["water.leak", "power.off"], note="水槽下漏水", promise="60")
    answer = client.post("/desk/tickets", data=form, headers=TOKEN)
    ticket = house.ticket_list[-1]
    assert (ticket.call, list(ticket.items), ticket.place) == (
        call.id,
        ["water.leak", "power.off"],
        "3-2-1102",
    )
    assert ticket.number in answer.text
    assert "已绑定本次通话" in answer.text


def test_a_double_click_is_one_ticket(house: House, client: Client) -> None:
    before = len(house.ticket_list)
    for _ in range(2):
        client.post("/desk/tickets", data=_ticket(note="x", key="same"), headers=TOKEN)
    assert len(house.ticket_list) == before + 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "请至少勾选一个事项"),
        ({"note": "很" * 2001}, "内容太长"),
        ({"note": "x", "promise": "0"}, "承诺时限须在"),
        ({"note": "x", "promise": "soon"}, "承诺时限须在"),
    ],
)
def test_a_wrong_ticket_comes_back_as_filled_in(
    house: House, client: Client, wrong: dict[str, str], sentence: str
) -> None:
    before = len(house.ticket_list)
    answer = client.post("/desk/tickets", data=_ticket(place="梧桐路西门", **wrong), headers=TOKEN)
    assert len(house.ticket_list) == before
    assert sentence in answer.text
    assert 'value="梧桐路西门"' in answer.text


def test_a_draft_comes_back_after_a_refresh_and_after_the_hang_up(house: House, client: Client) -> None:
    call = house.answer(house.ring())
    draft = {
        "call": call.id,
        "type": "complaint",
        "items": ["noise"],
        "place": "楼道",
        "note": "半夜",
        "promise": "120",
    }
    assert client.post("/desk/draft", data=draft, headers=TOKEN).status_code == 204
    house.hang_up(call)
    page = client.get("/desk").text
    assert "半夜</textarea>" in page
    assert 'value="noise" checked' in page
    assert 'value="120" checked' in page


def test_several_residents_are_asked_apart(house: House, client: Client) -> None:
    call = house.ring("01062345678", (LIU, ZHAO))
    page = client.get("/desk").text
    assert "这个号码有多位住户" in page
    answer = client.post(
        "/desk/choose", data={"call": call.id, "resident": str(ZHAO.id), "desk": "desk-1"}, headers=TOKEN
    )
    assert 'class="pop-name"><a href="/residents/4">赵雅琴' in answer.text


def test_a_weak_match_is_never_shown_as_the_caller(house: House, client: Client) -> None:
    house.ring("15920001000", (replace(LIU, match="possibly"),))
    page = client.get("/desk").text
    assert "可能是下面的住户" in page
    assert 'class="pop-name"' not in page


def test_an_unknown_caller_is_saved_while_talking(house: House, client: Client) -> None:
    call = house.answer(house.ring("15920001000", ()))
    form = {"call": call.id, "desk": "desk-1", "name": "周敏", "salutation": "女士", "room": "3-2-0901"}
    answer = client.post("/desk/resident", data=form, headers=TOKEN)
    assert "周敏" in answer.text
    assert "您好，周女士" in answer.text
    refused = client.post("/desk/resident", data={**form, "name": " "}, headers=TOKEN)
    assert "请填写这一项" in refused.text


def test_a_ticket_moves_and_a_reason_is_asked_for(house: House, client: Client) -> None:
    refused = client.post("/tickets/5/move", data={"to": "suspended", "note": ""}, headers=TOKEN)
    assert refused.status_code == 422
    assert "请在备注里写明原因" in refused.text
    moved = client.post("/tickets/5/move", data={"to": "suspended", "note": "等配件"}, headers=TOKEN)
    assert moved.status_code == 303
    assert "等配件" in client.get("/tickets/5").text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("none", "没有录音"),
        ("writing", "还在录音"),
        ("local", "已请它优先上传"),
        ("uploading", "正在上传"),
        ("expired", "已过保存期"),
        ("erased", "已按要求删除"),
        ("lost", "录音在坐席电脑上丢失"),
    ],
)
def test_a_recording_that_cannot_be_played_says_why(
    house: House, client: Client, state: RecordingState, sentence: str
) -> None:
    call = house.put_call(replace(house.ring(), recording=RecordingView(state, None, None, ())))
    answer = client.post(f"/calls/{call.id}/play", headers=TOKEN)
    assert answer.status_code == 409
    assert sentence in answer.json()["sentence"]


@pytest.mark.parametrize("path", ["/nothing", "/tickets/x", "/tickets/99", "/calls/nothing", "/residents/99"])
def test_what_does_not_exist_is_a_sentence(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "内容不存在" in answer.text
    assert "回到坐席" in answer.text


def test_a_refused_fragment_leaves_the_page_and_says_why(house: House, client: Client) -> None:
    form = {"call": house.ring().id, "resident": "99", "desk": "desk-1"}
    answer = client.post("/desk/choose", data=form, headers={**TOKEN, "HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-reswap"]) == (404, "none")
    assert "内容不存在" in json.loads(answer.headers["hx-trigger"])["said"]["text"]


def test_the_api_keeps_its_own_answers(client: Client) -> None:
    assert client.get("/api/v1/nothing").json() == {"detail": "Not Found"}


def test_filters_stay_in_the_address_and_in_the_form(client: Client) -> None:
    page = client.get("/calls?outcome=missed&q=1381234&day=2026-03-15").text
    assert page.count("data-row ") == 1
    assert '<option value="missed" selected>' in page
    assert 'value="2026-03-15"' in page


def test_a_filter_that_is_no_day_is_left_out(client: Client) -> None:
    assert client.get("/calls?day=yesterday").status_code == 200


def test_who_sees_all_desks_chooses_among_them(house: House, client: Client) -> None:
    house.user = MANAGER
    page = client.get("/calls").text
    assert 'value="desk-2"' in page
    check_markup(client.get("/desk").text)


def _ticket(**more: object) -> dict[str, object]:
    return {"desk": "desk-1", "call": "", "type": "repair", "place": "3-2-1102", "key": "k1", **more}


def _resident(call: str, name: str) -> NewResident:
    return NewResident("desk-1", call, name, "", "")

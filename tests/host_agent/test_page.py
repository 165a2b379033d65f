"""The desk's page over HTTP: who gets in, what it shows and plays; and that nobody else reads or writes."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from host_agent.desk.answers import Answers
from host_agent.desk.call_book import CallBook
from host_agent.desk.files import choose_portion
from host_agent.desk.guard import Guard, Request, build_form_token
from host_agent.desk.page import HOST, MAX_CONNECTIONS, _Handler, _Server, open_page
from host_agent.desk.render import Renderer
from host_agent.desk.window import Window
from host_agent.errors import AgentError
from tests.host_agent.page_desk import KEY, SHARED, Browser, PageDesk, page_desk


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageDesk]:
    """For tests that change nothing."""
    with page_desk(tmp_path_factory.mktemp("quiet") / "agent") as made:
        yield made


@pytest.fixture
def outsider(quiet: PageDesk) -> Browser:
    return Browser(quiet.page.port)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PageDesk]:
    with page_desk(tmp_path / "agent") as made:
        yield made


@pytest.fixture
def browser(world: PageDesk) -> Browser:
    return Browser(world.page.port)


RENDERER = Renderer()
DATA = ("/", "/stream", "/form?call=", "/calls?before=2026-03-17T09:00:00.000Z", "/recording?call=x")


@pytest.mark.parametrize("path", DATA)
def test_nothing_is_shown_without_the_key(outsider: Browser, path: str) -> None:
    for cookie in ("", "0" * 32, KEY[:-1]):
        assert outsider.ask("GET", path, cookie=cookie)[0] == 403
    status, _, text = outsider.ask("GET", "/?key=" + "0" * 32, cookie="")
    assert status == 403 and b"cloudseat-agent page" in text


def test_the_key_opens_the_page_once_and_leaves_the_address(outsider: Browser) -> None:
    status, headers, _ = outsider.ask("GET", f"/?key={KEY}&theme=dark&language=en", cookie="")
    assert (status, headers["Location"]) == (303, "/")
    connection = http.client.HTTPConnection("127.0.0.1", outsider.port)
    connection.request("GET", f"/?key={KEY}", headers={"Host": f"127.0.0.1:{outsider.port}"})
    cookies = connection.getresponse().headers.get_all("Set-Cookie")
    connection.close()
    assert cookies is not None and len(cookies) == 1
    assert cookies[0].startswith(f"cloudseat_page={KEY};")
    assert "HttpOnly" in cookies[0] and "SameSite=Lax" in cookies[0]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1.nip.example:{port}", "localhost.evil.example"]
)
def test_a_name_that_points_here_is_not_us(outsider: Browser, host: str) -> None:
    """DNS rebinding: the browser believes it talks to its own site."""
    for path in ("/", "/hello", "/static/desk.css"):
        assert outsider.ask("GET", path, Host=host.format(port=outsider.port))[0] == 421
    assert outsider.ask("GET", "/", Host=f"localhost:{outsider.port}")[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_of_this_browser_gets_nothing(outsider: Browser, site: str) -> None:
    """The cookie does not help: what another site, or another port here, made the browser ask is refused."""
    for path in DATA[1:]:
        assert outsider.ask("GET", path, Sec_Fetch_Site=site)[0] == 403
    assert outsider.ask("POST", "/draft", {}, Sec_Fetch_Site=site)[0] == 403
    status, headers, _ = outsider.ask("GET", "/", Sec_Fetch_Site=site)  # the console opens it like this
    assert (status, headers["X-Frame-Options"]) == (200, "DENY")
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/draft", "/finish", "/play"])
def test_a_form_of_another_site_writes_nothing(quiet: PageDesk, outsider: Browser, path: str) -> None:
    said = {"draft": "a1", "call": "", "fields": {"note": "forged"}}
    assert outsider.ask("POST", path, said, X_CSRF_Token="0" * 32)[0] == 403
    assert outsider.ask("POST", path, said, X_CSRF_Token="")[0] == 403
    assert outsider.ask("POST", path, said, Origin="https://evil.example")[0] == 403
    assert quiet.desk.database.execute("SELECT count(*) FROM draft").fetchone() == (0,)


def test_only_the_console_reads_the_greeting(quiet: PageDesk, outsider: Browser) -> None:
    status, headers, body = outsider.ask(
        "GET", "/hello", cookie="", Origin=quiet.cloud.url, Sec_Fetch_Site="cross-site"
    )
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, quiet.cloud.url)
    said = json.loads(body)
    assert said["agent"] == quiet.desk.identity.agent_id and KEY not in body.decode()
    assert set(said) == {"agent", "open", "waiting"}
    headers = outsider.ask("GET", "/hello", cookie="", Origin="https://evil.example")[1]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../page.py",
        "/static/%2e%2e/page.py",
        "/static/",
        "/static/none.css",
        "/etc/passwd",
        "/stream/",
    ],
)
def test_there_is_nothing_else(outsider: Browser, path: str) -> None:
    assert outsider.ask("GET", path)[0] == 404


def test_bad_requests_end_with_a_clear_no(outsider: Browser) -> None:
    assert outsider.ask("POST", "/draft", {"x": "y" * 70_000})[0] == 413
    assert outsider.ask("GET", "/form?call=..%2F..")[0] == 400
    assert outsider.ask("GET", "/calls?before=yesterday")[0] == 400
    assert outsider.ask("DELETE", "/")[0] == 501
    with socket.create_connection(("127.0.0.1", outsider.port)) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n")
        assert b"400" in raw.recv(4096)
    assert outsider.ask("GET", "/")[0] == 200


TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", "a1b2c3d4e5f6-1f2e3d4c-7-0", "2026-03-17T09:00:00.000Z", KEY]
)
SAID = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.binary(max_size=50) | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("draft", "call", "fields"), SAID)
).map(lambda said: json.dumps(said).encode())


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=st.sampled_from(["/", "/form", "/calls", "/draft", "/finish", "/play", "/recording", "/static/x"])
    | TEXTS,
    query=st.dictionaries(st.sampled_from(["call", "before", "key", "language", "theme"]), TEXTS, max_size=3),
    more=st.dictionaries(st.sampled_from(["range", "accept-language", "origin", "sec-fetch-site"]), TEXTS),
    cookies=TEXTS,
    body=BODIES,
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_has_an_answer(
    quiet: PageDesk,
    method: str,
    path: str,
    query: dict[str, str],
    more: dict[str, str],
    cookies: str,
    body: bytes,
) -> None:
    folder = quiet.desk.settings.data_dir
    guard, window = Guard(1, "http://console"), quiet.desk.core.parts.desk.window
    answers = Answers(
        guard, window, CallBook(folder / "spool.sqlite"), "a", quiet.put, folder, quiet.unix_ms, RENDERER
    )
    headers = {"host": "127.0.0.1:1", "x-csrf-token": build_form_token(KEY)}
    headers |= {"cookie": f"cloudseat_page={KEY}; {cookies}"} | more
    answer = answers.answer(Request(method, path, query, headers, body))
    assert answer.status in (200, 204, 303, 400, 403, 404, 409)
    assert "\r" not in "".join(answer.headers.values())


def test_it_serves_on_when_too_many_connect(quiet: PageDesk, outsider: Browser) -> None:
    held = [socket.create_connection(("127.0.0.1", outsider.port)) for _ in range(MAX_CONNECTIONS + 8)]
    for connection in held:
        connection.close()
    while True:
        try:
            assert outsider.ask("GET", "/")[0] == 200
            return
        except (http.client.HTTPException, ConnectionError):
            continue


def test_a_taken_port_says_what_to_do(quiet: PageDesk, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="CLOUDSEAT_AGENT_PAGE_PORT") as caught:
        open_page(quiet.page.port, "http://c", "a", tmp_path, tmp_path, Window(), lambda _: None, lambda: 0)
    assert caught.value.code == "page.port"


_SERVE_ON_WINDOWS = """
import importlib, os, socket
from host_agent.desk import page
socket.SO_EXCLUSIVEADDRUSE = socket.SO_KEEPALIVE
os.name = "nt"
importlib.reload(page)
with page._Server(("127.0.0.1", 0), page._Handler) as server:
    options = socket.SO_REUSEADDR, socket.SO_EXCLUSIVEADDRUSE
    print([server.socket.getsockopt(socket.SOL_SOCKET, option) for option in options])
"""


def test_on_windows_the_port_is_the_agents_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SERVE_ON_WINDOWS], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[0, 1]", done.stderr


def test_counts_of_pages_arrive_in_order() -> None:
    counts: list[int] = []
    with _Server((HOST, 0), _Handler) as server:
        leaves = threading.Thread(target=server.count_page, args=(-1,))

        def put(item: Any) -> None:
            if not leaves.ident:
                leaves.start()
                leaves.join(0.3)  # it must wait for the first
            counts.append(item.count)

        server.put = put
        server.count_page(+1)
        leaves.join()
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (ConnectionResetError(), []),
        (BrokenPipeError(), []),
        (TimeoutError(), []),
        (OSError(), ["page.failed"]),
    ],
)
def test_a_browser_that_left_is_no_failure(error: Exception, logged: list[str]) -> None:
    with _Server((HOST, 0), _Handler) as server, capture_logs() as logs:
        try:
            raise error
        except OSError:
            server.handle_error(None, None)
    assert [entry["event"] for entry in logs] == logged


def test_the_pop_says_who_is_calling(world: PageDesk, browser: Browser) -> None:
    call = world.ring()
    page = browser.ask("GET", "/")[2].decode()
    assert 'class="pop pop-ringing"' in page and "138 1234 5678" in page
    assert "王建国" in page and "3栋-2单元-1102" in page and "¥1,286.40" in page
    world.say("off_hook", call=call, by="phone", rings=1)
    assert 'class="pop pop-talking"' in browser.ask("GET", "/")[2].decode()
    world.say("on_hook", call=call, by="phone")
    assert 'class="pop pop-ended"' in browser.ask("GET", "/")[2].decode()
    world.desk.clock.advance(11 * 60_000)
    assert "线路空闲" in browser.ask("GET", "/")[2].decode()
    english = browser.ask("GET", "/", Accept_Language="en-GB,en")[2].decode()
    assert 'lang="en"' in english and "The line is quiet" in english


def test_a_number_heard_badly_is_only_possibly_somebody(world: PageDesk, browser: Browser) -> None:
    world.ring(repaired=True)
    page = browser.ask("GET", "/")[2].decode()
    assert "pop-name" not in page and "可能是" in page and "王建国" in page


def test_two_residents_are_both_named_and_neither_chosen(world: PageDesk, browser: Browser) -> None:
    world.ring(SHARED)
    page = browser.ask("GET", "/")[2].decode()
    assert "pop-name" not in page and "刘洋" in page and "赵雅琴" in page


def test_a_draft_that_is_saved_ends_no_call(world: PageDesk, browser: Browser) -> None:
    call = world.ring()
    world.say("off_hook", call=call, by="phone", rings=1)
    draft = {"draft": "d" * 32, "call": world.name_of(call), "fields": {"type": "repair", "note": "漏水"}}
    assert browser.ask("POST", "/finish", draft)[0] == 200
    assert 'class="pop pop-talking"' in browser.ask("GET", "/")[2].decode()


def test_a_call_whose_box_is_gone_has_ended(world: PageDesk, browser: Browser) -> None:
    world.say("off_hook", call=world.ring(), by="phone", rings=1)
    with world.lock:
        world.desk.unplug("P1")
    page = browser.ask("GET", "/")[2].decode()
    assert "pop-talking" not in page and "中断" in page


def test_recordings_play_without_the_cloud_and_leave_a_row(world: PageDesk, browser: Browser) -> None:
    world.cloud.close()
    call = world.ring()
    world.say("off_hook", call=call, by="phone", rings=1)
    world.say("recording_started", call=call, codec="alaw")
    with world.lock:
        world.board.play(call, 0, b"\xd5\x55" * 4000)
        world.desk.run(500)
    world.say("audio_gap", call=call, first_sample=2000, samples=1000, reason="overrun")
    world.say("recording_stopped", call=call, samples=8000)
    world.say("on_hook", call=call, by="phone")
    with world.lock:
        world.desk.tick()
        world.desk.work("encode")
    name = world.name_of(call)
    row = f'data-play="{name}" data-gaps="[[0.25, 0.125]]"'  # shares of the length, for the player's bar
    assert row in browser.ask("GET", "/")[2].decode()
    assert browser.ask("GET", f"/recording?call={name}")[0] == 404  # not before the row is written
    status, _, body = browser.ask("POST", "/play", {"call": name})
    url = json.loads(body)["url"]
    assert status == 200
    _, headers, whole = browser.ask("GET", url)
    assert whole.startswith(b"OggS") and headers["Content-Type"] == "audio/ogg"
    status, headers, part = browser.ask("GET", url, Range="bytes=4-11")
    assert (status, part, headers["Content-Range"]) == (206, whole[4:12], f"bytes 4-11/{len(whole)}")
    assert browser.ask("GET", url, Range=f"bytes={len(whole)}-")[0] == 416
    played = world.desk.database.execute("SELECT call FROM event WHERE type = 'recording_played'").fetchall()
    assert played == [(name,)]
    assert browser.ask("POST", "/play", {"call": "../../identity"})[0] == 404


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        ("", 200, 0, 99),
        ("bytes=0-", 206, 0, 99),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=90-500", 206, 90, 99),
        ("bytes=-10", 206, 90, 99),
        ("bytes=-500", 206, 0, 99),
        ("bytes=100-", 416, 0, -1),
        ("bytes=20-10", 416, 0, -1),
        ("bytes=-0", 416, 0, -1),
        ("bytes=-", 200, 0, 99),
        ("items=0-1", 200, 0, 99),
        ("bytes=0-1,5-6", 200, 0, 99),
    ],
)
def test_ranges(wanted: str, status: int, first: int, last: int) -> None:
    portion = choose_portion(wanted, 100)
    assert (portion.status, portion.first, portion.last) == (status, first, last)


def test_the_list_goes_back_call_by_call(world: PageDesk, browser: Browser) -> None:
    for _ in range(25):
        world.say("ring_stopped", call=world.ring(), bursts=1)
    page = browser.ask("GET", "/")[2].decode()
    assert page.count("data-row") == 20
    oldest = page.rsplit('data-at="', 1)[1].partition('"')[0]
    assert browser.ask("GET", f"/calls?before={oldest}")[2].decode().count("data-row") == 5


def test_the_stream_sends_what_changed_and_no_more(world: PageDesk, browser: Browser) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=10)
    headers = {"Host": f"127.0.0.1:{browser.port}", "Cookie": f"cloudseat_page={KEY}"}
    connection.request("GET", "/stream", headers=headers)
    stream = connection.getresponse()

    def take() -> dict[str, str]:
        while not (line := stream.readline()).startswith(b"data: "):
            assert line, "the stream ended"
        parts: dict[str, str] = json.loads(line[6:])
        return parts

    assert set(take()) == {"call", "banner", "links", "drafts", "calls"}
    call = world.say("ring_started")
    first = take()
    assert "pop-ringing" in first["call"] and "links" not in first and "drafts" not in first
    world.say("caller_id", call=call, format="fsk-mdmf", number="13812345678")
    assert "王建国" in take()["call"]
    world.desk.core.parts.desk.leave()  # the credentials are taken back: it ends
    world.say("ring_burst", call=call, burst=2)
    while stream.readline():
        pass
    connection.close()

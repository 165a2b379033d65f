"""What the desk's page answers to each address. One object for all threads of the page.

GET  /            the page (?key= opens it; ?language= and ?theme= choose)
GET  /hello       who is here, for the console's page: agent, desk open or not, how much waits
GET  /stream      server-sent events: the parts of the page that changed, as {element id: HTML}
GET  /form?call=  the draft of a call          GET  /calls?before=  calls before that `at`
POST /draft, /finish, /play                    GET  /recording?call=
GET  /static/…
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from host_agent.desk.call_book import CallBook, find_current
from host_agent.desk.drafts import DraftRow, is_call, read_fields
from host_agent.desk.files import Portion, choose_portion, read_portion
from host_agent.desk.guard import COOKIE, GREETING, Guard, Request, build_form_token
from host_agent.desk.reach import Reach
from host_agent.desk.render import LANGUAGES, THEMES, Renderer, choose_language
from host_agent.desk.window import DeskState, Window
from host_agent.ports import DraftFinished, DraftTyped, Input, RecordingAsked
from host_agent.time_anchor import parse_utc

COMMIT_S = 5.0
"""How long a page waits for the core to have something on the disk."""
BEAT_S = 10.0
LOOK_S = 1.0
"""While the cloud is back, the page is looked at this often: time alone may let it return."""
MAX_DRAIN_S = 20.0
"""How long the way back waits for what is saved to be delivered first."""
GRANT_S = 3_600.0
CALLS, DRAFTS = 20, 8
MAX_DRAFT_ID = 64
YEAR_S = 31_536_000
KEY_LIFE_S = 3 * 86_400
"""A browser stays let in over a weekend; each hand-over begins it anew."""

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_REFUSALS = {"host": 421, "not_enrolled": 503}
_HOW_TO_ENTER = (
    "请从控制台打开本页，或运行 cloudseat-agent page。\n"
    "Open this page from the console, or run: cloudseat-agent page"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body; a body of unknown length is sent as it comes, and ends the connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterator[bytes] = b""


@dataclass(slots=True)
class _Look:
    """What one stream has sent, so that only changes go out."""

    language: str
    sent: dict[str, str] = field(default_factory=dict)
    there_since_s: float | None = None


class Answers:
    """See the module.

    Args:
        agent_id: told in the greeting.
        put: gives the core an input.
        recordings: folder of the stored Ogg-Opus files.
        unix_ms: UTC by the PC.
    """

    def __init__(
        self,
        guard: Guard,
        window: Window,
        book: CallBook,
        agent_id: str,
        put: Callable[[Input], None],
        recordings: Path,
        unix_ms: Callable[[], int],
        renderer: Renderer,
    ) -> None:
        self._guard = guard
        self._window = window
        self._book = book
        self._agent_id = agent_id
        self._put = put
        self._recordings = recordings
        self._unix_ms = unix_ms
        self._renderer = renderer
        self._granted: dict[str, float] = {}
        self._policy = (
            f"default-src 'self'; connect-src 'self' {guard.console}/healthz; frame-ancestors 'none'; "
            "base-uri 'none'; form-action 'self'; object-src 'none'"
        )

    def answer(self, request: Request) -> Answer:
        """One request. Never raises for what was asked."""
        refused = self._guard.refuse(request, self._window.page_key)
        if refused:
            return _refuse(_REFUSALS.get(refused, 403), _HOW_TO_ENTER if refused == "key" else refused)
        if request.path.startswith("/static/"):
            return _static(request)
        handle = _ROUTES.get((request.method, request.path))
        return handle(self, request) if handle is not None else _refuse(404, "not_found")

    def _hello(self, request: Request) -> Answer:
        headers = self._guard.greeting_headers(request)
        facts = {
            "agent": self._agent_id,
            "open": bool(self._window.page_key),
            "waiting": self._book.waiting(),
        }
        return _json(facts, headers)

    def _front(self, request: Request) -> Answer:
        chosen = [
            f"{name}={request.query[name]}; Path=/; Max-Age={YEAR_S}; SameSite=Lax"
            for name, values in (("language", LANGUAGES), ("theme", THEMES))
            if request.query.get(name) in values
        ]
        if self._guard.brings_key(request, self._window.page_key):
            key = self._window.page_key
            chosen.append(f"{COOKIE}={key}; Path=/; Max-Age={KEY_LIFE_S}; HttpOnly; SameSite=Lax")
        if chosen:  # away from the key: it stays in no history and no screenshot
            return Answer(303, {"Location": "/", "Set-Cookie": "\n".join(chosen)})
        look = self._look(request)
        parts = self._facts(look)
        current = parts["booked"]
        theme = request.cookie("theme")
        page = self._renderer.text(
            look.language,
            "page.html",
            **parts,
            **self._form_facts(current.call.id if current is not None else ""),
            theme=theme if theme in THEMES else "auto",
            form_token=build_form_token(self._window.page_key),
            now_ms=self._unix_ms() + parts["state"].offset_ms,
            page_of_calls=CALLS,
            place=parts["state"].roster.place if parts["state"].roster is not None else (),
        )
        return self._html(page)

    def _stream(self, request: Request) -> Answer:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        return Answer(200, headers, self._watch(self._look(request), self._window.page_key))

    def _watch(self, look: _Look, page_key: str) -> Iterator[bytes]:
        """The whole page at first, then changes; it ends when the page is shut."""
        yield b"retry: 1000\n\n"
        quiet_s = 0.0
        while self._window.page_key == page_key:
            seen = self._window.number
            if changed := self._changes(look):
                yield f"data: {json.dumps(changed, ensure_ascii=False)}\n\n".encode()
                quiet_s = 0.0
            elif quiet_s >= BEAT_S:
                yield b": beat\n\n"
                quiet_s = 0.0
            wait_s = LOOK_S if self._window.state.reach is Reach.THERE else BEAT_S
            self._window.await_change(seen, wait_s)
            quiet_s += wait_s

    def _changes(self, look: _Look) -> dict[str, str]:
        facts = self._facts(look)
        changed = {}
        for element in ("call", "banner", "links", "drafts", "calls"):
            html = self._renderer.text(look.language, f"{element}.html", **facts)
            if look.sent.get(element) != html:
                look.sent[element] = changed[element] = html
        return changed

    def _facts(self, look: _Look) -> dict[str, Any]:
        state = self._window.state
        calls = self._book.calls(state, CALLS)
        waiting = self._book.waiting()
        return {
            "state": state,
            "calls": calls,
            "booked": find_current(calls, self._unix_ms() + state.offset_ms),
            "drafts": self._book.drafts(DRAFTS),
            "waiting": waiting,
            "may_return": _may_return(look, state, waiting),
            "console": self._guard.console,
        }

    def _form(self, request: Request) -> Answer:
        call = request.query.get("call", "")
        if not is_call(call):
            return _refuse(400, "call")
        look = self._look(request)
        facts = self._form_facts(call)
        return self._html(self._renderer.text(look.language, "form.html", state=self._window.state, **facts))

    def _form_facts(self, call: str) -> dict[str, Any]:
        """The draft of a call as far as it got, else an empty one with the room of whoever calls."""
        booked = self._book.call(self._window.state, call) if call else None
        draft = self._book.open_draft(call)
        if draft is None:
            known = booked.matches.known if booked is not None else None
            place = known.rooms[0] if known is not None and len(known.rooms) == 1 else ""
            fields = read_fields({"place": place})
            draft = DraftRow(secrets.token_hex(16), call, fields, 0, None, None, None, None, None)
        return {"draft": draft, "form_call": booked}

    def _calls(self, request: Request) -> Answer:
        before = request.query.get("before", "")
        try:
            parse_utc(before)
        except ValueError:
            return _refuse(400, "before")
        look = self._look(request)
        calls = self._book.calls(self._window.state, CALLS, before)
        html = self._renderer.text(look.language, "calls.html", calls=calls) if calls else ""
        return self._html(html)

    def _draft(self, request: Request) -> Answer:
        said = _read_draft(request)
        if said is None:
            return _refuse(400, "draft")
        if not self._ask_core(lambda answer: DraftTyped(*said, answer)):
            return _refuse(409, "not_saved")
        return Answer(204)

    def _finish(self, request: Request) -> Answer:
        said = _read_draft(request)
        if said is None:
            return _refuse(400, "draft")
        draft, call, fields = said
        self._ask_core(lambda answer: DraftTyped(*said, answer))  # False: it is finished already
        if not self._ask_core(lambda answer: DraftFinished(draft, answer)):
            return _refuse(409, "not_saved")
        row = DraftRow(draft, call, fields, 0, 0, None, None, None, None)
        look = self._look(request)
        return self._html(
            self._renderer.text(look.language, "saved.html", draft=row, state=self._window.state)
        )

    def _play(self, request: Request) -> Answer:
        """Every playback leaves a row; then the recording may be fetched, in as many ranges as it takes."""
        call = _read_json(request).get("call")
        if not isinstance(call, str) or not call or not is_call(call) or self._find_file(call) is None:
            return _refuse(404, "recording")
        if not self._ask_core(lambda answer: RecordingAsked(call, answer)):
            return _refuse(409, "not_saved")
        self._granted[call] = time.monotonic() + GRANT_S
        return _json({"url": f"/recording?call={call}"})

    def _recording(self, request: Request) -> Answer:
        call = request.query.get("call", "")
        path = self._find_file(call) if self._granted.get(call, 0) > time.monotonic() else None
        if path is None:
            return _refuse(404, "recording")
        portion = choose_portion(request.headers.get("range", ""), path.stat().st_size)
        headers = {"Content-Type": "audio/ogg", "Cache-Control": "private, no-store", **portion.headers}
        return Answer(portion.status, headers, _body(path, portion))

    def _find_file(self, call: str) -> Path | None:
        path = self._recordings / f"{call}.opus"
        return path if call and is_call(call) and path.is_file() else None

    def _ask_core(self, build: Callable[[Callable[[bool], None]], Input]) -> bool:
        """Give the core an input and wait for its answer; False when it says no, or does not in time."""
        done, said = Event(), [False]

        def answer(value: bool) -> None:
            said[0] = value
            done.set()

        self._put(build(answer))
        return done.wait(COMMIT_S) and said[0]

    def _look(self, request: Request) -> _Look:
        return _Look(choose_language(request.cookie("language"), request.headers.get("accept-language", "")))

    def _html(self, text: str) -> Answer:
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Security-Policy": self._policy,
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return Answer(200, headers, text.encode())


_ROUTES: dict[tuple[str, str], Callable[[Answers, Request], Answer]] = {
    ("GET", GREETING): Answers._hello,
    ("GET", "/"): Answers._front,
    ("GET", "/stream"): Answers._stream,
    ("GET", "/form"): Answers._form,
    ("GET", "/calls"): Answers._calls,
    ("POST", "/draft"): Answers._draft,
    ("POST", "/finish"): Answers._finish,
    ("POST", "/play"): Answers._play,
    ("GET", "/recording"): Answers._recording,
}


def _may_return(look: _Look, state: DeskState, waiting: int) -> bool:
    """The cloud is there for good, and has what was saved (or has had time enough for it)."""
    if state.reach is not Reach.THERE:
        look.there_since_s = None
        return False
    now_s = time.monotonic()
    look.there_since_s = look.there_since_s or now_s
    return waiting == 0 or now_s - look.there_since_s >= MAX_DRAIN_S


def _read_draft(request: Request) -> tuple[str, str, dict[str, Any]] | None:
    """(draft id, call, fields) that the page sent; None when it is no draft."""
    said = _read_json(request)
    draft, call, fields = said.get("draft"), said.get("call"), said.get("fields")
    if not isinstance(draft, str) or not draft.isalnum() or len(draft) > MAX_DRAFT_ID:
        return None
    if not isinstance(call, str) or not is_call(call) or not isinstance(fields, dict):
        return None
    return draft, call, read_fields(fields)


def _read_json(request: Request) -> dict[str, Any]:
    try:
        said = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _static(request: Request) -> Answer:
    folder = Path(__file__).parent / "static"
    path = folder / request.path.removeprefix("/static/")
    if path.parent != folder or path.suffix not in _TYPES or not path.is_file():
        return _refuse(404, "not_found")
    headers = {"Content-Type": _TYPES[path.suffix], "Cache-Control": "no-cache"}
    return Answer(200, headers | {"X-Content-Type-Options": "nosniff"}, path.read_bytes())


def _json(facts: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    more = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(200, {**more, **(headers or {})}, json.dumps(facts).encode())


def _refuse(status: int, text: str) -> Answer:
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, f"{text}\n".encode())


def _body(path: Path, portion: Portion) -> bytes | Iterator[bytes]:
    return b"" if portion.status == 416 else read_portion(path, portion)

"""Render templates: one Jinja environment a language, filters of `formats` and `labels`, gzip, headers."""

import gzip
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cloud_broker.domain.items import find_item
from cloud_broker.web.i18n import LANGUAGES, N_, Language, choose_language, translations
from cloud_broker.web.pages import labels
from cloud_broker.web.static_files import StaticFiles
from telephony import formats

_TEMPLATES = Path(__file__).parent.parent / "templates"
_GAP_WORD = re.compile(rf"(?<= )(?:{'|'.join(labels.GAP_WORDS)})\b")
_GZIP_LEVEL = 5
_GZIP_FROM = 700

#: Everything comes from this origin, but for the page of this PC's own agent, whom the desk page asks whether
#: it is there; `style` attributes carry positions on a time line and nothing else.
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src-attr 'unsafe-inline'; {connect}"
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"
)


class Renderer:
    """Turns a template name and facts into text or a response, in the language of the request."""

    def __init__(
        self, static: StaticFiles, now: Callable[[], datetime], demo: bool, desk_page_port: int = 0
    ) -> None:
        self._now = now
        connect = f"connect-src 'self' http://127.0.0.1:{desk_page_port}; " if desk_page_port else ""
        self._content_policy = _CONTENT_POLICY.format(connect=connect)
        self._environments = {language: _environment(language, static, now, demo) for language in LANGUAGES}

    def text(self, language: Language, template: str, **facts: Any) -> str:
        """Render `template` for a stream or a fragment."""
        return self._environments[language].get_template(template).render(language=language, **facts)

    def message(self, request: Request, text: str) -> str:
        """Translate one message of the catalogue for this request."""
        return translations(language_of(request)).gettext(text)

    def page(self, request: Request, template: str, status: int = 200, **facts: Any) -> Response:
        """Render `template` as the answer to `request`."""
        body = self.text(
            language_of(request),
            template,
            request_path=request.url.path,
            query_without_cursor=_query_without_cursor(request),
            user=getattr(request.state, "user", None),
            csrf=getattr(request.state, "csrf", None) or "",
            theme=request.cookies.get("theme", "auto"),
            **facts,
        ).encode()
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": self._content_policy,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding, Cookie",
        }
        if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return Response(body, status_code=status, media_type="text/html", headers=headers)


def language_of(request: Request) -> Language:
    """The language this request is answered in."""
    return choose_language(request.cookies.get("language"), request.headers.get("accept-language"))


def _query_without_cursor(request: Request) -> str:
    """The filters of a list as a query, for the links of its pages."""
    return urlencode(
        [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    )


def _environment(
    language: Language, static: StaticFiles, now: Callable[[], datetime], demo: bool
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    catalogue = translations(language)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(
        number=formats.group_number,
        clock=formats.clock,
        seconds_clock=formats.seconds_clock,
        stamp=formats.stamp,
        machine=formats.machine,
        duration=formats.duration,
        money=formats.money,
        moment=lambda at: _moment(at, now(), language, catalogue.gettext),
        detail=lambda text: _detail(text, catalogue.gettext),
        gap_words=lambda text: _gap_words(text, catalogue.gettext),
        item_name=lambda code: _item_name(code, language),
    )
    environment.globals.update(
        static=static.url,
        icon=_icon_renderer(static.url("icons.svg")),
        labels=labels,
        languages=LANGUAGES,
        gap_spans=formats.gap_spans,
        no_number=labels.no_number,
        may_answer=labels.may_answer,
        greeting_name=lambda known: formats.greeting_name(known.name, known.salutation, language),
        now=now,
        new_key=lambda: uuid.uuid4().hex,
        demo=demo,
    )
    return environment


def _icon_renderer(sprite: str) -> Callable[..., Markup]:
    def icon(name: str, label: str = "") -> Markup:
        """An icon of the sprite; with `label` it is read aloud, else it is decoration."""
        spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
        return Markup('<svg class="i" {}><use href="{}#{}"/></svg>').format(spoken, sprite, name)

    return icon


def _moment(at: datetime, now: datetime, language: Language, translate: Callable[[str], str]) -> str:
    """`10:21` today, `yesterday 10:21`, else day and month, with the year when it is another one."""
    time = formats.clock(at)
    local = at.astimezone(formats.SHANGHAI)
    days = formats.days_ago(at, now)
    if days == 0:
        return time
    if days in (1, -1):
        word = translate(N_("Yesterday")) if days == 1 else translate(N_("Tomorrow"))
        return f"{word} {time}"
    same_year = local.year == now.astimezone(formats.SHANGHAI).year
    if language == "en":
        return local.strftime(f"{local.day} %b %H:%M" if same_year else f"{local.day} %b %Y")
    return (
        f"{local.month}月{local.day}日 {time}" if same_year else f"{local.year}年{local.month}月{local.day}日"
    )


def _detail(text: str, translate: Callable[[str], str]) -> str:
    words = ((word, labels.DETAIL_WORDS.get(word)) for word in text.split())
    return " ".join(translate(known) if known else formats.group_number(word) for word, known in words)


def _gap_words(text: str, translate: Callable[[str], str]) -> str:
    """`1f2e3d4c-7:9 link` with its word in the reader's language."""
    return _GAP_WORD.sub(lambda found: translate(labels.GAP_WORDS[found[0]]), text)


def _item_name(code: str, language: Language) -> str:
    item = find_item(code)
    if item is None:
        return code
    return item.name_en if language == "en" else item.name_zh

"""The page's templates and words: Chinese, or English where the browser asks for it or the switch was set."""

import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from host_agent.desk.call_book import BookedCall
from host_agent.desk.roster import Item, Kind, Roster
from telephony import formats
from telephony.calls import Call, CallState
from telephony.numbers import NumberState

LANGUAGES = {"zh-CN": "中文", "en": "English"}
THEMES = ("light", "dark", "auto")


def N_(message: str) -> str:
    """Mark a text for the catalogue where it stands in a table."""
    return message


@dataclass(frozen=True, slots=True)
class Label:
    """`text` of the catalogue, `icon` of the sprite, `tone` of the stylesheet."""

    text: str
    icon: str
    tone: str


#: As the console says it (its `labels.py`), so that both catalogues are one.
STATES = {
    "ringing": Label(N_("Ringing"), "bell", "ring"),
    "talking": Label(N_("Talking"), "phone", "good"),
    "answered": Label(N_("Answered"), "call-in", "good"),
    "missed": Label(N_("Missed"), "call-missed", "bad"),
    "voicemail": Label(N_("Voicemail"), "phone", "warn"),
    "abandoned_ring": Label(N_("Hung up within one ring"), "call-missed", "quiet"),
    "answered_elsewhere": Label(N_("Answered elsewhere?"), "call-in", "quiet"),
    "outbound_connected": Label(N_("Outbound, connected"), "call-out", "good"),
    "outbound_unanswered": Label(N_("Outbound, no answer"), "call-out", "quiet"),
    "interrupted": Label(N_("Interrupted"), "alert", "warn"),
}
ROLES = {
    "owner": N_("Owner"),
    "co_owner": N_("Co-owner"),
    "tenant": N_("Tenant"),
    "family": N_("Family"),
    "agent": N_("Agent"),
    "renovator": N_("Renovator"),
}
NO_NUMBER = {
    NumberState.WITHHELD: N_("Number withheld"),
    NumberState.UNAVAILABLE: N_("Number unavailable"),
    NumberState.NONE: N_("No caller ID received"),
}
_WAITING = N_("Waiting for the number…")
_RINGS_BEFORE_CALLER_ID = 1
PROMISES = ((30, N_("30 min")), (60, N_("1 h")), (120, N_("2 h")), (360, N_("6 h")), (1440, N_("1 day")))


class Renderer:
    """Turns templates and facts into text. One for all threads."""

    def __init__(self) -> None:
        self._environments = {language: _environment(language) for language in LANGUAGES}

    def text(self, language: str, template: str, **facts: Any) -> str:
        """Render `template`."""
        return self._environments[language].get_template(template).render(language=language, **facts)


def choose_language(chosen: str, accepted: str) -> str:
    """The one chosen; else English if the browser asks for it first; else Chinese."""
    if chosen in LANGUAGES:
        return chosen
    return "en" if accepted.split(",")[0].strip().lower().startswith("en") else "zh-CN"


def label_of(call: Call) -> Label:
    """The state of a call, or how it ended."""
    return STATES[call.outcome if call.state is CallState.ENDED and call.outcome else call.state]


def no_number(call: Call) -> str:
    """Why a call shows no number; empty if it shows one."""
    if call.number:
        return ""
    is_early = call.state is CallState.RINGING and call.ring_count <= _RINGS_BEFORE_CALLER_ID
    if is_early and call.number_state is NumberState.NONE:
        return _WAITING
    return NO_NUMBER.get(call.number_state, NO_NUMBER[NumberState.NONE])


def name_items(codes: list[str], roster: Roster | None, language: str) -> str:
    """Item codes as people read them."""
    names = _names(roster, language) if roster is not None else {}
    return "、".join(names.get(code, code) for code in codes)


def _names(roster: Roster, language: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for kind in roster.kinds:
        for group in kind.groups:
            for item in (group, *group.items):
                found[item.code] = _name(item, language)
    return found


def _name(named: Item | Kind, language: str) -> str:
    return named.name_en if language == "en" else named.name_zh


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    catalogue = _read_catalogue() if language == "zh-CN" else gettext.NullTranslations()
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(
        number=formats.group_number,
        duration=formats.duration,
        money=formats.money,
        clock=lambda ms: formats.clock(_moment(ms)),
        stamp=lambda ms: formats.stamp(_moment(ms)),
        day=lambda ms: f"{_moment(ms).astimezone(formats.SHANGHAI):%m-%d %H:%M}",
        machine=lambda ms: formats.machine(_moment(ms)),
        named=lambda named: _name(named, language),
    )
    environment.globals.update(
        icon=_icon,
        label_of=label_of,
        no_number=no_number,
        roles=ROLES,
        promises=PROMISES,
        languages=LANGUAGES,
        name_items=lambda codes, roster: name_items(codes, roster, language),
        who_to_greet=lambda booked: _greeting(booked, language),
    )
    return environment


@cache
def _read_catalogue() -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    path = Path(__file__).parents[2] / "locale" / "zh_CN" / "LC_MESSAGES" / "console.po"
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale="zh_CN"))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _icon(name: str) -> Markup:
    return Markup('<svg class="i" aria-hidden="true"><use href="/static/icons.svg#{}"/></svg>').format(name)


def _greeting(booked: BookedCall, language: str) -> str:
    """How to say the caller's name: 王先生, Mr 王; the whole name where no salutation is on file."""
    known = booked.matches.known
    return formats.greeting_name(known.name, known.salutation, language) if known is not None else ""


def _moment(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)

"""Languages of the console. Templates are written in English; `locale/` holds the other catalogues, which the
desk's own page on the agent's PC shares: the same thing is called the same in both.

Catalogues are compiled when the process starts, so no binary is kept in the repository.
Update them with `python -m cloud_broker.web.i18n` after changing a text.
"""

import gettext
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

Language = Literal["zh-CN", "en"]
LANGUAGES: dict[Language, str] = {"zh-CN": "中文", "en": "English"}
DEFAULT_LANGUAGE: Language = "zh-CN"

_WEB = Path(__file__).parent
_PLACES = (_WEB, _WEB.parent.parent / "host_agent" / "desk")
_LOCALE = _WEB.parent.parent / "locale"
_DOMAIN = "console.po"
_METHODS = [("pages/**.py", "python"), ("render.py", "python"), ("templates/**.html", "jinja2")]
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def N_(message: str) -> str:
    """Mark a text for extraction where it stands in a table; it is translated where it is shown."""
    return message


def choose_language(cookie: str | None, accept_language: str | None) -> Language:
    """The cookie's language; else English if the browser asks for it first; else Chinese."""
    if cookie in LANGUAGES:
        return cookie
    first = (accept_language or "").split(",")[0].strip().lower()
    return "en" if first.startswith("en") else DEFAULT_LANGUAGE


@cache
def translations(language: Language) -> gettext.NullTranslations:
    """The catalogue of `language`; English is the language of the sources and needs none."""
    if language == "en":
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def read_catalogue(language: Language) -> Catalog:
    """The catalogue of `language` as it lies in `locale/`; empty if there is none yet."""
    name = language.replace("-", "_")
    path = _catalogue_path(language)
    if not path.exists():
        return Catalog(
            locale=name, project="cloudseat", fuzzy=False, header_comment="# CloudSeat, the console."
        )
    with path.open("rb") as source:
        return read_po(source, locale=name, abort_invalid=True)


def extract_messages() -> Catalog:
    """Every text of the pages and templates, as a template catalogue."""
    found = Catalog(project="cloudseat", charset="utf-8")
    for place in _PLACES:
        for path, _line, message, comments, context in extract_from_dir(
            place, method_map=_METHODS, options_map=_options(), keywords=_KEYWORDS
        ):
            found.add(message, None, [(path, 0)], auto_comments=comments, context=context)
    return found


def missing_messages(language: Language) -> Iterable[str]:
    """Texts of the pages that `language` does not translate."""
    have = read_catalogue(language)
    for message in extract_messages():
        known = have.get(message.id, context=message.context) if message.id else message
        if message.id and (known is None or not known.string or known.fuzzy or not all(known.string)):
            yield str(message.id)


def update_catalogue(language: Language) -> int:
    """Bring the catalogue up to date with the sources; returns how many texts lack a translation."""
    catalogue = read_catalogue(language)
    catalogue.update(extract_messages(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    path = _catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        write_po(target, catalogue, width=110, omit_header=False, sort_output=True, include_lineno=False)
    return len(list(missing_messages(language)))


def _catalogue_path(language: Language) -> Path:
    return _LOCALE / language.replace("-", "_") / "LC_MESSAGES" / _DOMAIN


def _options() -> dict[str, dict[str, str]]:
    return {"templates/**.html": {"trimmed": "true", "silent": "false"}}


if __name__ == "__main__":
    for chosen in LANGUAGES:
        if chosen != "en":
            print(f"{chosen}: {update_catalogue(chosen)} texts without a translation")

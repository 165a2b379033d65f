"""A telephone number as a line, a person or a spreadsheet wrote it, made comparable.

Rules (DOMAIN: number rules; library `phonenumbers`, region CN):
  - Two numbers are the same only if their E.164 forms are equal. A short, cut or unreadable number has none.
  - A service number (95588, 10086, 12345, 106...) is kept as dialled: never a resident, never called back.
  - A local number gets the area code of the line it arrived on. Anything else is never completed by guess.
`RULES_VERSION` is stored beside each normalised number, so that a later rule can renormalise what it touches.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

RULES_VERSION = 1

# Carrier prefixes dialled before a number ("IP calls"); what follows is a mobile or 0 + area code + number.
_IP_PREFIXES = ("17901", "17909", "17911", "17931", "17950", "17951", "17961", "17990", "17991", "17996",
                "12593", "11808", "10193", "193", "190")  # fmt: skip
_SERVICE = re.compile(r"1(?:0\d{3}|1\d{1,2}|2\d{1,4}|06\d{2,17}|00\d{2,3})|9[56]\d{3,11}", re.ASCII)
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LOCAL = re.compile(r"[2-8]\d{6,7}", re.ASCII)
_TOLL_SHARED = re.compile(r"400\d{7}", re.ASCII)
_TOLL_FREE = re.compile(r"800\d{7}", re.ASCII)
_VIRTUAL = re.compile(r"1(?:70|71|62|65|67)\d{8}", re.ASCII)
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_AREA_CODE = re.compile(r"0(?:10|2\d|[3-9]\d{2})", re.ASCII)
_PUNCTUATION = re.compile(r"[\s\-‐-―().·/_]+")
_WITHHELD = {"p", "private", "withheld"}
_UNAVAILABLE = {"o", "outofarea", "unavailable"}
_NONE = {"", "anonymous", "unknown"}
MASK_SHORTEST = 7


class NumberKind(StrEnum):
    MOBILE = "mobile"
    VIRTUAL = "virtual"  # 170/171 and the like: re-used and privacy numbers, so matches expire
    FIXED = "fixed"
    TOLL_SHARED = "toll_shared"  # 400
    TOLL_FREE = "toll_free"  # 800
    SERVICE = "service"
    FOREIGN = "foreign"
    INVALID = "invalid"
    ABSENT = "absent"


class NumberState(StrEnum):
    PRESENT = "present"
    WITHHELD = "withheld"
    UNAVAILABLE = "unavailable"
    NONE = "none"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Number:
    """`raw` as received; `e164` only for a number that can be matched."""

    raw: str
    e164: str | None
    kind: NumberKind
    state: NumberState


def may_be_resident(e164: str) -> bool:
    """False for 400 and 800: a company with many callers stands behind them, whatever a roster says."""
    national = e164.removeprefix("+86")
    return not (_TOLL_SHARED.fullmatch(national) or _TOLL_FREE.fullmatch(national))


def normalise(raw: str, *, area_code: str) -> Number:
    """Normalise one number.

    Args:
        raw: digits with any punctuation, full-width or not; or a caller ID's reason letter ("P", "O").
        area_code: of the line's project, with its 0: "010", "027", "0755".
    Returns:
        Number; `kind` is INVALID with `e164` None when the digits name no number (never an error).
    Raises:
        ValueError: `area_code` is none.
    """
    if not is_area_code(area_code):
        raise ValueError(f"not an area code: {area_code!r}")
    text = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", raw))
    absent = _absent_state(text)
    if absent is not None:
        return Number(raw, None, NumberKind.ABSENT, absent)
    if not _DIGITS.fullmatch(text):
        return Number(raw, None, NumberKind.INVALID, NumberState.UNCERTAIN)
    kind, e164 = _classify(text, area_code)
    state = NumberState.UNCERTAIN if kind is NumberKind.INVALID else NumberState.PRESENT
    return Number(raw, e164, kind, state)


def is_area_code(text: str) -> bool:
    """True for 010, 02x and 0xxx."""
    return _AREA_CODE.fullmatch(text) is not None


def mask(number: str) -> str:
    """`138****8000`: for logs, notifications and public links. Short numbers are masked whole."""
    if len(number) < MASK_SHORTEST:
        return "*" * len(number)
    return f"{number[:3]}****{number[-4:]}" if len(number) > MASK_SHORTEST else f"***{number[-4:]}"


def _absent_state(text: str) -> NumberState | None:
    word = text.lower()
    if word in _NONE:
        return NumberState.NONE
    if word in _WITHHELD:
        return NumberState.WITHHELD
    return NumberState.UNAVAILABLE if word in _UNAVAILABLE else None


def _classify(text: str, area_code: str) -> tuple[NumberKind, str | None]:
    digits = _strip_country_and_carrier(text)
    if digits.startswith(("+", "00")):
        return _foreign("+" + digits.lstrip("+0"))
    if _SERVICE.fullmatch(digits):
        return NumberKind.SERVICE, None
    trunkless = digits[1:] if digits.startswith("0") else digits
    if _MOBILE.fullmatch(trunkless):
        kind = NumberKind.VIRTUAL if _VIRTUAL.fullmatch(trunkless) else NumberKind.MOBILE
        return kind, f"+86{trunkless}"
    if _TOLL_SHARED.fullmatch(digits):
        return NumberKind.TOLL_SHARED, f"+86{digits}"
    if _TOLL_FREE.fullmatch(digits):
        return NumberKind.TOLL_FREE, f"+86{digits}"
    if _LOCAL.fullmatch(digits):
        return _fixed(area_code + digits)
    return _fixed(digits) if digits.startswith("0") else (NumberKind.INVALID, None)


def _strip_country_and_carrier(text: str) -> str:
    """National digits of a Chinese number; anything else keeps its + or 00."""
    for country in ("+86", "0086"):
        if text.startswith(country):
            return _with_trunk_zero(text.removeprefix(country))
    if text.startswith("86") and _MOBILE.fullmatch(text[2:]):
        return text[2:]
    for prefix in _IP_PREFIXES:
        rest = text.removeprefix(prefix)
        is_number = _MOBILE.fullmatch(rest) or rest.startswith("0")
        if rest != text and is_number and not _MOBILE.fullmatch(text):
            return rest
    return text


def _with_trunk_zero(national: str) -> str:
    """+86 10 6234 5678 has no trunk 0; give it back so that one rule reads both."""
    if national.startswith(("0", "400", "800", "95", "96")) or _MOBILE.fullmatch(national):
        return national
    return "0" + national


def _fixed(digits: str) -> tuple[NumberKind, str | None]:
    try:
        parsed = phonenumbers.parse(digits, "CN")
    except phonenumbers.NumberParseException:  # a single 0, or more digits than any number has
        return NumberKind.INVALID, None
    if not phonenumbers.is_valid_number(parsed):
        return NumberKind.INVALID, None
    return NumberKind.FIXED, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _foreign(digits: str) -> tuple[NumberKind, str | None]:
    try:
        parsed = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException:
        return NumberKind.INVALID, None
    if not phonenumbers.is_valid_number(parsed):
        return NumberKind.INVALID, None
    return NumberKind.FOREIGN, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

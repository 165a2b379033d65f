"""How numbers, times and durations are written on a page. Pure; times come in as aware datetimes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

#: China has had one zone and no summer time since 1991, so no zone database is needed.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"(0(?:10|2\d)|0[3-9]\d{2})(\d{3,4})(\d{4})")
_SERVICE = re.compile(r"([48]00)(\d{3})(\d{4})")

_SEPARATORS = re.compile(r"[\s()-]")
_DOUBLE_FAMILY_NAMES = (
    *("欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯", "端木"),
    *("司徒", "南宫", "长孙", "宇文", "申屠", "独孤"),
)


def family_name(name: str) -> str:
    """The family name of a Chinese name; the whole name if it is not one."""
    if not name or not "\u3400" <= name[0] <= "\u9fff":
        return name
    return name[:2] if name.startswith(_DOUBLE_FAMILY_NAMES) and len(name) > 2 else name[0]


def greeting_name(name: str, salutation: str, language: str) -> str:
    """How to say a caller's name: 王先生, Mr 王; the whole name where no salutation is on file."""
    family = family_name(name)
    if salutation.startswith(family) and len(salutation) > len(family):
        return salutation
    if language == "en":
        title = {"先生": "Mr", "女士": "Ms"}.get(salutation, salutation)
        return f"{title} {family}" if title else name
    return f"{family}{salutation}" if salutation else name


def group_number(number: str) -> str:
    """Group the digits of a number as people read them aloud; what is no known shape is left as it is."""
    digits = _SEPARATORS.sub("", number.removeprefix("+86"))
    if number.startswith("+86") and not _MOBILE.fullmatch(digits) and not digits.startswith("400"):
        digits = "0" + digits
    if _MOBILE.fullmatch(digits):
        return f"{digits[:3]} {digits[3:7]} {digits[7:]}"
    if len(digits) == 12 and digits[0] == "0" and _MOBILE.fullmatch(digits[1:]):
        return f"0 {group_number(digits[1:])}"
    for shape in (_SERVICE, _LANDLINE):
        if found := shape.fullmatch(digits):
            return " ".join(found.groups())
    return number


def clock(at: datetime) -> str:
    """`10:21` in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%H:%M")


def seconds_clock(at: datetime) -> str:
    """`10:21:05` in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%H:%M:%S")


def stamp(at: datetime) -> str:
    """`2026-03-17 10:21:05` in Shanghai, for tooltips and histories."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def machine(at: datetime) -> str:
    """ISO 8601 UTC to the millisecond, for `datetime` attributes."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def days_ago(at: datetime, now: datetime) -> int:
    """Whole calendar days in Shanghai between `at` and `now`; 0 = today."""
    return (now.astimezone(SHANGHAI).date() - at.astimezone(SHANGHAI).date()).days


def duration(seconds: float | None) -> str:
    """`1:23` or `1:02:03`; an en dash where there is none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def money(cents: int) -> str:
    """`¥1,234.50`."""
    return f"¥{cents / 100:,.2f}"


def gap_spans(gaps: Sequence[tuple[float, float, str]], seconds: float | None) -> list[tuple[float, float]]:
    """Gaps of a recording as (left, width) in percent of its length, clipped to it."""
    if not seconds:
        return []
    spans = []
    for first, length, _reason in gaps:
        left = min(max(first / seconds * 100, 0), 100)
        spans.append((round(left, 2), round(min(length / seconds * 100, 100 - left), 2)))
    return spans

"""The number-rules table of the domain, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.numbers import NumberKind, NumberState, mask, may_be_resident, normalise

AREA = "027"

MATCHABLE = [
    ("13800138000", "+8613800138000", "mobile"),
    ("+8613800138000", "+8613800138000", "mobile"),
    ("+86 138-0013-8000", "+8613800138000", "mobile"),
    ("008613800138000", "+8613800138000", "mobile"),
    ("8613800138000", "+8613800138000", "mobile"),
    ("0138 0013 8000", "+8613800138000", "mobile"),
    ("1795113800138000", "+8613800138000", "mobile"),
    ("1259313800138000", "+8613800138000", "mobile"),
    ("19313800138000", "+8613800138000", "mobile"),
    ("17909 010 62345678", "+861062345678", "fixed"),
    ("17911010 62345678", "+861062345678", "fixed"),
    ("010-62345678", "+861062345678", "fixed"),
    ("（010）６２３４５６７８", "+861062345678", "fixed"),
    ("+861062345678", "+861062345678", "fixed"),
    ("02156430144", "+862156430144", "fixed"),
    ("0755 8234 5678", "+8675582345678", "fixed"),
    ("82345678", "+862782345678", "fixed"),
    ("8234-5678", "+862782345678", "fixed"),
    ("4008001234", "+864008001234", "toll_shared"),
    ("8008101234", "+868008101234", "toll_free"),
    ("0085223456789", "+85223456789", "foreign"),
    ("+85223456789", "+85223456789", "foreign"),
    ("17012345678", "+8617012345678", "virtual"),
    ("17112345678", "+8617112345678", "virtual"),
    ("19312345678", "+8619312345678", "mobile"),  # 193 is also a carrier prefix: eleven digits are a mobile
]


@pytest.mark.parametrize(("raw", "e164", "kind"), MATCHABLE)
def test_number_is_normalised(raw: str, e164: str, kind: str) -> None:
    number = normalise(raw, area_code=AREA)
    assert (number.e164, number.kind, number.state) == (e164, kind, NumberState.PRESENT)
    assert number.raw == raw


@pytest.mark.parametrize(
    "raw", ["95588", "9501312345678", "10086", "12345", "1069012345678", "110", "119", "96110"]
)
def test_service_number_is_kept_and_never_a_resident(raw: str) -> None:
    number = normalise(raw, area_code=AREA)
    assert (number.e164, number.kind, number.state) == (None, NumberKind.SERVICE, NumberState.PRESENT)


UNREADABLE = [
    *("7551234567", "2156430144", "1380013800", "138001380000", "06212345", "00000", "12ab34", "1.38E+10"),
    *("0", "1930", "179090", "0111111111111111111"),  # an outside line or a carrier, and no number behind it
]


@pytest.mark.parametrize("raw", UNREADABLE)
def test_what_cannot_be_read_is_never_guessed(raw: str) -> None:
    number = normalise(raw, area_code=AREA)
    assert (number.e164, number.kind, number.state) == (None, NumberKind.INVALID, NumberState.UNCERTAIN)


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("P", "withheld"),
        ("p", "withheld"),
        ("O", "unavailable"),
        ("", "none"),
        ("  ", "none"),
        ("anonymous", "none"),
    ],
)
def test_absence_is_four_different_things(raw: str, state: str) -> None:
    number = normalise(raw, area_code=AREA)
    assert (number.e164, number.kind, number.state) == (None, NumberKind.ABSENT, state)


@pytest.mark.parametrize(
    ("raw", "expected"), [("4008001234", False), ("8008001234", False), ("13800138000", True)]
)
def test_a_toll_number_is_no_resident_but_can_be_called(raw: str, expected: bool) -> None:
    e164 = normalise(raw, area_code=AREA).e164
    assert e164 is not None
    assert may_be_resident(e164) is expected


@pytest.mark.parametrize("area_code", ["27", "", "0", "02７", "1234"])
def test_area_code_must_be_one(area_code: str) -> None:
    with pytest.raises(ValueError, match="not an area code"):
        normalise("82345678", area_code=area_code)


@given(st.text(max_size=40))
def test_no_text_raises_and_e164_is_well_formed(raw: str) -> None:
    number = normalise(raw, area_code=AREA)
    if number.e164 is not None:
        assert number.e164[0] == "+"
        assert number.e164[1:].isdigit()


@given(st.integers(13_000_000_000, 19_999_999_999))
def test_every_way_to_write_a_mobile_is_one_number(digits: int) -> None:
    mobile = str(digits)
    written = (
        mobile,
        "+86" + mobile,
        "0086" + mobile,
        "0" + mobile,
        "17951" + mobile,
        f"{mobile[:3]} {mobile[3:]}",
    )
    assert {normalise(raw, area_code=AREA).e164 for raw in written} == {"+86" + mobile}


@pytest.mark.parametrize(
    ("number", "masked"),
    [("13800138000", "138****8000"), ("62345678", "623****5678"), ("10086", "*****"), ("", "")],
)
def test_mask(number: str, masked: str) -> None:
    assert mask(number) == masked

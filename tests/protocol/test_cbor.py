"""Deterministic CBOR against cbor2, and what it refuses."""

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor
from protocol.errors import CborError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=300) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXT, inner, max_size=6),
    max_leaves=12,
)


@given(VALUES)
def test_encodes_as_cbor2_does_and_back(value: Any) -> None:
    encoded = cbor.encode(value)
    assert encoded == cbor2.dumps(value, canonical=True)
    assert cbor.decode(encoded) == value
    assert cbor.decode(bytearray(encoded)) == cbor.decode(memoryview(encoded)) == value


@given(st.binary(max_size=60))
def test_what_is_accepted_has_no_other_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except CborError as error:
        assert error.reason in REASONS
        return
    assert cbor.encode(value) == data
    assert cbor2.loads(data) == value


@given(VALUES, st.data())
def test_one_byte_changed_gives_another_value_or_a_reason(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(cbor.encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        assert cbor.encode(cbor.decode(encoded)) == encoded
    except CborError as error:
        assert error.reason in REASONS


REASONS = {
    "truncated", "trailing", "not_shortest", "order", "duplicate", "type", "key", "text", "items", "depth",
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.5, "type"),
        ({1, 2}, "type"),
        (1 << 64, "range"),
        (-(1 << 64) - 1, "range"),
        ({1: 2}, "key"),
        (list(range(257)), "items"),
        ({str(number): number for number in range(257)}, "items"),
    ],
)
def test_what_is_not_carried_is_not_encoded(value: Any, reason: str) -> None:
    with pytest.raises(CborError) as caught:
        cbor.encode(value)
    assert caught.value.reason == reason and reason in str(caught.value)


def test_depth_ends_alike_for_both() -> None:
    deepest: Any = 0
    for _ in range(cbor.MAX_DEPTH):
        deepest = [deepest]
    assert cbor.decode(cbor.encode(deepest)) == deepest
    with pytest.raises(CborError, match="depth"):
        cbor.encode([deepest])
    with pytest.raises(CborError, match="depth"):
        cbor.decode(b"\x81" + cbor.encode(deepest))


def test_a_length_of_terabytes_is_refused_without_allocating() -> None:
    for head in (b"\x5b", b"\x7b", b"\x9b", b"\xbb"):
        with pytest.raises(CborError):
            cbor.decode(head + b"\x00\x00\x7f\xff\xff\xff\xff\xff")

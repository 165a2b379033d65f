"""Control messages, hellos and audio payloads: what they carry and every error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor
from protocol.const import MAX_AUDIO_BYTES, MAX_PAYLOAD
from protocol.errors import MessageError
from protocol.messages import (
    decode_audio,
    decode_board_hello,
    decode_host_hello,
    decode_message,
    encode_audio,
    encode_board_hello,
    encode_host_hello,
    encode_message,
)

SOURCE, BOOT = "a1b2c3d4e5f6", "1f2e3d4c-7"
UINT32 = st.integers(0, 0xFFFFFFFF)


def reason_of(decode: Any, payload: bytes) -> str:
    with pytest.raises(MessageError) as caught:
        decode(payload)
    return caught.value.reason


@given(UINT32, UINT32, st.binary(min_size=1, max_size=MAX_AUDIO_BYTES))
def test_audio_round_trip(call: int, first_sample: int, alaw: bytes) -> None:
    payload = encode_audio(call, first_sample, alaw)
    assert len(payload) <= MAX_PAYLOAD
    assert decode_audio(payload) == (call, first_sample, alaw)


@pytest.mark.parametrize(
    ("call", "first_sample", "size"),
    [(0, 0, 0), (0, 0, 249), (-1, 0, 1), (1 << 32, 0, 1), (0, 1 << 32, 1), (0, True, 1)],
)
def test_audio_that_cannot_be_said(call: int, first_sample: int, size: int) -> None:
    with pytest.raises(MessageError, match="audio"):
        encode_audio(call, first_sample, bytes(size))


@pytest.mark.parametrize("size", [0, 7, 8, 257])
def test_audio_that_is_none(size: int) -> None:
    assert reason_of(decode_audio, bytes(size)) == "audio"


def test_hellos_round_trip() -> None:
    assert decode_board_hello(encode_board_hello(SOURCE, BOOT, "0.1.0", 5)) == (SOURCE, BOOT, "0.1.0", 5)
    held = [[BOOT, number, number] for number in range(10)]
    assert decode_host_hello(encode_host_hello(SOURCE, 1773737760123, {"country": "CN"}, held)) == (
        SOURCE,
        1773737760123,
        {"country": "CN"},
        held[:8],
    )


@pytest.mark.parametrize(("settings", "fit"), [({}, 7), ({"country": "CN", "record": "always"}, 6)])
def test_a_host_hello_says_as_many_ranges_as_fit(settings: dict[str, str], fit: int) -> None:
    held = [["ffffffff-4294967295", 0xFFFFFF00, 0xFFFFFFFF]] * 8
    payload = encode_host_hello(SOURCE, 1773737760123, settings, held)
    assert len(payload) <= MAX_PAYLOAD
    assert len(decode_host_hello(payload)[3]) == fit
    with pytest.raises(MessageError, match="long"):
        encode_host_hello(SOURCE, 1773737760123, {"x": "y" * 240}, held)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (["hello"], "shape"),
        (["event", 1], "shape"),
        (["hello", 2, SOURCE, BOOT, "0.1.0", 5], "version"),
        (["hello", True, SOURCE, BOOT, "0.1.0", 5], "version"),
        (["hello", 1, SOURCE, BOOT, "0.1.0"], "shape"),
        (["hello", 1, SOURCE, BOOT, "0.1.0", 5, 6], "shape"),
        (["hello", 1, "box", BOOT, "0.1.0", 5], "source"),
        (["hello", 1, 7, BOOT, "0.1.0", 5], "source"),
        (["hello", 1, SOURCE, "7", "0.1.0", 5], "boot"),
        (["hello", 1, SOURCE, None, "0.1.0", 5], "boot"),
        (["hello", 1, SOURCE, BOOT, 1, 5], "shape"),
        (["hello", 1, SOURCE, BOOT, "0.1.0", -1], "shape"),
        (["hello", 1, SOURCE, BOOT, "0.1.0", True], "shape"),
        ("hello", "shape"),
        ([], "shape"),
        ([1], "shape"),
    ],
)
def test_board_hellos_that_are_none(parts: Any, reason: str) -> None:
    assert reason_of(decode_board_hello, cbor.encode(parts)) == reason


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (["hello", 2, SOURCE, 5, {}, []], "version"),
        (["hello", 1, "agent", 5, {}, []], "source"),
        (["hello", 1, SOURCE, "5", {}, []], "shape"),
        (["hello", 1, SOURCE, True, {}, []], "shape"),
        (["hello", 1, SOURCE, 5, [], []], "shape"),
        (["hello", 1, SOURCE, 5, {}, {}], "shape"),
        (["hello", 1, SOURCE, 5, {"country": 86}, []], "shape"),
        (["hello", 1, SOURCE, 5, {}, [[BOOT, 1]]], "shape"),
        (["hello", 1, SOURCE, 5, {}, [["boot", 1, 2]]], "shape"),
        (["hello", 1, SOURCE, 5, {}, [[BOOT, 1, -2]]], "shape"),
        (["hello", 1, SOURCE, 5, {}, [7]], "shape"),
    ],
)
def test_host_hellos_that_are_none(parts: Any, reason: str) -> None:
    assert reason_of(decode_host_hello, cbor.encode(parts)) == reason


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (["explode"], "kind"),
        (["hello", 1, SOURCE, BOOT, "0.1.0", 5], "kind"),
        (["event", 1, 2, "boot"], "shape"),
        (["event", 1, 2, "boot", []], "shape"),
        (["event", "1", 2, "boot", {}], "shape"),
        (["event", True, 2, "boot", {}], "shape"),
        (["event", -1, 2, "boot", {}], "shape"),
        (["event", 1 << 32, 2, "boot", {}], "shape"),
        (["event", 1, -2, "boot", {}], "shape"),
        (["time", None], "shape"),
        (["health", {}, {}], "shape"),
        (["capture", 1, 2, 3, "loop"], "shape"),
        (["capture", 1, 2, 1 << 32, b""], "shape"),
        (["journal_ack", "boot", []], "shape"),
        (["journal_ack", BOOT, [[1]]], "shape"),
        (["journal_ack", BOOT, [[2, 1]]], "shape"),
        (["journal_ack", BOOT, [["1", 2]]], "shape"),
        (["journal_ack", BOOT, [1, 2]], "shape"),
        ({}, "shape"),
        ([["event"]], "shape"),
    ],
)
def test_messages_that_are_none(parts: Any, reason: str) -> None:
    assert reason_of(decode_message, cbor.encode(parts)) == reason


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x9f\xff", b"\x82\x61a"])
def test_bytes_that_are_no_message(payload: bytes) -> None:
    for decode in (decode_message, decode_board_hello, decode_host_hello):
        assert reason_of(decode, payload) == "cbor"


@given(st.binary(max_size=MAX_PAYLOAD))
def test_any_bytes_are_a_message_or_refused(payload: bytes) -> None:
    for decode in (decode_message, decode_board_hello, decode_host_hello, decode_audio):
        try:
            decode(payload)
        except MessageError:
            continue


def test_a_message_longer_than_a_frame_is_refused_where_it_is_made() -> None:
    with pytest.raises(MessageError) as caught:
        encode_message("log", "info", "x" * 250)
    assert caught.value.reason == "long"

"""Frames: round trips, any split, and no byte stream that stops the decoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.const import MAX_PAYLOAD
from protocol.errors import FrameError
from protocol.framing import (
    FRAME_TYPES,
    MAX_ENCODED,
    FrameDecoder,
    cobs_decode,
    cobs_encode,
    decode_frame,
    encode_frame,
)
from tests.vectors import make_protocol

Frame = tuple[int, int, int, int, bytes]

UINT16 = st.integers(0, 0xFFFF)
PAYLOADS = st.binary(max_size=MAX_PAYLOAD) | st.integers(0, MAX_PAYLOAD).map(bytes)
FRAMES = st.tuples(UINT16, st.sampled_from(FRAME_TYPES), UINT16, UINT16, PAYLOADS)
GOOD: Frame = (7, 2, 1, 0, b"good")


@given(st.binary(max_size=1200) | st.integers(0, 600).map(lambda count: b"\x01" * count))
def test_cobs_round_trip(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + 1 + len(data) // 254
    assert encoded == make_protocol.encode_cobs(data)
    assert cobs_decode(encoded) == data


@given(FRAMES)
def test_frame_round_trip(frame: Frame) -> None:
    encoded = encode_frame(*frame)
    assert encoded.endswith(b"\0") and encoded.count(0) == 1 and len(encoded) <= MAX_ENCODED + 1
    assert decode_frame(encoded[:-1]) == frame


@given(st.lists(FRAMES, max_size=6), st.binary(max_size=40), st.data())
def test_any_split_gives_the_same(frames: list[Frame], noise: bytes, data: st.DataObject) -> None:
    stream = noise + b"\0" + b"".join(encode_frame(*frame) for frame in frames) + noise
    whole, cut = FrameDecoder(), FrameDecoder()
    expected = whole.feed(stream)
    assert expected[-len(frames) :] == frames or not frames
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    got = []
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += cut.feed(stream[first:last])
    assert got == expected
    assert cut.rejected == whole.rejected


@given(st.lists(st.binary(max_size=700), max_size=8))
def test_random_bytes_never_raise_and_the_next_good_frame_is_found(pieces: list[bytes]) -> None:
    decoder = FrameDecoder()
    for piece in pieces:
        decoder.feed(piece)
    assert decoder.feed(b"\0" + encode_frame(*GOOD))[-1:] == [GOOD]


@given(FRAMES, st.data())
def test_a_damaged_frame_is_never_another(frame: Frame, data: st.DataObject) -> None:
    encoded = bytearray(encode_frame(*frame))
    bits = data.draw(st.sets(st.integers(0, 8 * len(encoded) - 1), min_size=1, max_size=3))
    for bit in bits:
        encoded[bit >> 3] ^= 1 << (bit & 7)
    decoder = FrameDecoder()
    found = decoder.feed(bytes(encoded) + b"\0" + encode_frame(*GOOD))
    assert found == [GOOD]
    assert sum(decoder.rejected.values()) >= 1


def test_reasons_are_counted() -> None:
    decoder = FrameDecoder()
    body = b"\x00\x07\x09\x00\x00\x00\x00"
    unknown_type = make_protocol.encode_cobs(body + make_protocol.compute_crc32(body).to_bytes(4, "big"))
    good = encode_frame(*GOOD)
    decoder.feed(b"\x05\x01\0")  # runs past its end
    decoder.feed(b"\x02\x01\0")  # too short for a frame
    decoder.feed(good.replace(b"good", b"gold"))
    decoder.feed(unknown_type + b"\0")
    decoder.feed(b"\x01" * (MAX_ENCODED + 1) + b"\0")
    decoder.feed(b"\0\0\0")  # nothing between zeros is no error
    assert decoder.rejected == {"cobs": 1, "short": 1, "crc": 1, "type": 1, "long": 1}
    assert decoder.feed(good) == [GOOD]


@pytest.mark.parametrize("size", [1, 7, 100, MAX_ENCODED + 1, 10_000])
def test_a_line_without_zeros_is_one_rejection_and_bounded(size: int) -> None:
    decoder = FrameDecoder()
    for _ in range(100_000 // size):
        decoder.feed(b"\x55" * size)
    assert decoder.rejected == {"long": 1}
    assert len(decoder._pending) <= MAX_ENCODED
    assert decoder.feed(b"\0" + encode_frame(*GOOD)) == [GOOD]


@pytest.mark.parametrize(
    ("frame_type", "payload", "reason"), [(0, b"", "type"), (6, b"", "type"), (2, bytes(257), "long")]
)
def test_a_frame_that_must_not_be_sent(frame_type: int, payload: bytes, reason: str) -> None:
    with pytest.raises(FrameError) as caught:
        encode_frame(1, frame_type, 0, 0, payload)
    assert caught.value.reason == reason


def test_a_long_body_with_a_good_crc_is_refused() -> None:
    body = b"\x00\x07\x02\x00\x00\x00\x00" + b"\x01" * 257
    encoded = make_protocol.encode_cobs(body + make_protocol.compute_crc32(body).to_bytes(4, "big"))
    with pytest.raises(FrameError, match="long"):
        decode_frame(encoded)

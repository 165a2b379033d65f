"""Golden vectors: the standards' own, and frames put together by other code (make_protocol.py)."""

import binascii
import json
from typing import Any

import pytest

from protocol import cbor
from protocol.errors import CborError
from protocol.framing import FrameDecoder, cobs_decode, cobs_encode, decode_frame, encode_frame
from protocol.messages import decode_board_hello, decode_host_hello, decode_message, encode_message
from tests.vectors import make_protocol

VECTORS: dict[str, Any] = json.loads(make_protocol.PATH.read_text(encoding="utf-8"))


def test_the_file_is_what_its_generator_makes() -> None:
    assert make_protocol.PATH.read_text(encoding="utf-8") == make_protocol.render()


@pytest.mark.parametrize("vector", VECTORS["crc32"])
def test_crc_is_ieee_802_3(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["data"])
    assert make_protocol.compute_crc32(data) == int(vector["crc"], 16) == binascii.crc32(data)


@pytest.mark.parametrize("vector", VECTORS["cobs"])
def test_cobs_as_in_the_paper(vector: dict[str, str]) -> None:
    decoded, encoded = bytes.fromhex(vector["decoded"]), bytes.fromhex(vector["encoded"])
    assert cobs_encode(decoded) == encoded == make_protocol.encode_cobs(decoded)
    assert cobs_decode(encoded) == decoded


@pytest.mark.parametrize("vector", VECTORS["cbor"], ids=lambda vector: vector["encoded"][:16])
def test_cbor_as_in_rfc_8949_appendix_a(vector: dict[str, Any]) -> None:
    encoded = bytes.fromhex(vector["encoded"])
    assert cbor.encode(vector["value"]) == encoded
    decoded = cbor.decode(encoded)
    assert decoded == vector["value"] and type(decoded) is type(vector["value"])


@pytest.mark.parametrize("vector", VECTORS["cbor_refused"], ids=lambda vector: vector["encoded"][:16])
def test_cbor_refuses_what_it_would_not_write(vector: dict[str, str]) -> None:
    with pytest.raises(CborError) as caught:
        cbor.decode(bytes.fromhex(vector["encoded"]))
    assert caught.value.reason == vector["reason"]


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: f"type{vector['type']}")
def test_frames(vector: dict[str, Any]) -> None:
    parts = (
        vector["session"],
        vector["type"],
        vector["seq"],
        vector["ack"],
        bytes.fromhex(vector["payload"]),
    )
    encoded = bytes.fromhex(vector["encoded"])
    assert encode_frame(*parts) == encoded
    assert decode_frame(encoded[:-1]) == parts
    assert FrameDecoder().feed(encoded) == [parts]


@pytest.mark.parametrize(
    ("parts", "encoded"), list(zip(make_protocol.MESSAGES, VECTORS["messages"], strict=True))
)
def test_messages(parts: list[Any], encoded: str) -> None:
    payload = bytes.fromhex(encoded)
    assert encode_message(*parts) == payload
    if parts[0] != "hello":
        assert decode_message(payload) == parts
    elif isinstance(parts[5], int):
        assert list(decode_board_hello(payload)) == parts[2:]
    else:
        assert list(decode_host_hello(payload)) == parts[2:]

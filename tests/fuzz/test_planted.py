"""Each target finds the fault that is planted behind it: a harness that sees nothing proves nothing."""

import json
import re
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest

from cloud_broker.handlers import recordings
from firmware.line import caller_id
from protocol import cbor, event_json, framing, link, messages, window
from protocol.errors import FrameError
from protocol.event_json import EventRecord
from tests.fuzz import runner, targets
from tests.fuzz.runner import FuzzFailure, run
from tests.fuzz.targets import TARGETS

COUNT = 30_000


def believe_any_sum(real: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Frames whose checksum is wrong are taken."""

    def decode(encoded: bytes) -> Any:
        try:
            return real(encoded)
        except FrameError as error:
            body = framing.cobs_decode(encoded) if error.reason == "crc" else b""
            if error.reason != "crc" or body[2] not in framing.FRAME_TYPES:
                raise
            return (body[0] << 8 | body[1], body[2], body[3] << 8 | body[4], 0, body[7:-4])

    return decode


def stay_deaf(real: Callable[..., Any]) -> Callable[..., Any]:
    """After a frame that is too long no other is heard."""

    def feed(self: framing.FrameDecoder, data: bytes) -> Any:
        return [] if "long" in self.rejected else real(self, data)

    return feed


def take_long_heads(real: Callable[..., Any]) -> Callable[..., Any]:
    """CBOR lengths and numbers in more bytes than they need are taken."""

    def read(data: bytes, at: int) -> Any:
        if data[at : at + 1] == b"\x18" and len(data) > at + 1:
            return 0, data[at + 1], at + 2
        return real(data, at)

    return read


def take_any_text(real: Callable[[bytes], str]) -> Callable[[bytes], str]:
    return lambda raw: raw.decode("utf-8", "replace")


def take_truth_for_a_number(real: Callable[..., bool]) -> Callable[..., bool]:
    return lambda value, greatest=0xFFFFFFFF: isinstance(value, int) and 0 <= value <= greatest


def keep_all_that_is_early(real: Callable[..., Any]) -> Callable[..., Any]:
    """A receiver without a window."""

    def accept(self: window.Receiver, seq: int, payload: bytes) -> Any:
        self._size = 1 << 16
        return real(self, seq, payload)

    return accept


def never_say_hello_twice(real: Callable[..., Any]) -> Callable[..., Any]:
    """A link that opens once in its life."""

    def classify(self: link.LinkEnd, *arguments: Any) -> str:
        return "none" if self.foreign_frames else str(real(self, *arguments))

    return classify


def trust_the_envelope(real: Callable[..., Any]) -> Callable[..., Any]:
    """Whether numbers are numbers is not looked at."""

    def check(event: EventRecord) -> None:
        if event.seq is not True:
            real(event)

    return check


def parse_any_json(real: Callable[..., Any]) -> Callable[..., Any]:
    """What is no JSON raises its own error."""

    def decode(payload: bytes) -> Any:
        json.loads(payload.decode("utf-8"))
        return real(payload)

    return decode


def take_any_ranges(real: Callable[..., Any]) -> Callable[..., Any]:
    """What the cloud is said to have is believed as it stands."""

    def decode(payload: bytes, source: str) -> Any:
        body = json.loads(payload) if payload.startswith(b"{") else real(payload, source)
        return body["ranges"] if isinstance(body, dict) and "ranges" in body else real(payload, source)

    return decode


def believe_any_checksum(real: Callable[..., Any]) -> Callable[..., Any]:
    def decode(message: bytes) -> Any:
        if len(message) < 3 or len(message) != message[1] + 3:
            raise caller_id.MessageRejected("truncated")
        return caller_id.decode_body(message[0], message[2:-1])

    return decode


def take_33_bytes(_real: Any) -> Any:
    """Digests that are no SHA-256, as the pattern once was."""
    return re.compile(r"(?:^|,\s*)sha-256=:([A-Za-z0-9+/=]{44}):")


FAULTS = [
    ("frames", framing, "decode_frame", believe_any_sum),
    ("frames", framing.FrameDecoder, "feed", stay_deaf),
    ("cbor", cbor, "_read_head", take_long_heads),
    ("cbor", cbor, "_text", take_any_text),
    ("messages", messages, "_is_uint", take_truth_for_a_number),
    ("link", window.Receiver, "accept", keep_all_that_is_early),
    ("link", link.LinkEnd, "_classify", never_say_hello_twice),
    ("mqtt", event_json, "_check_envelope", trust_the_envelope),
    ("mqtt", targets, "decode_event", parse_any_json),
    ("downlink", targets, "decode_committed", take_any_ranges),
    ("caller_id", targets, "decode_caller_id_message", believe_any_checksum),
    ("upload", recordings, "_DIGEST", take_33_bytes),
]


@pytest.mark.parametrize(("target", "where", "name", "make"), FAULTS)
def test_a_planted_fault_is_found(target: str, where: Any, name: str, make: Callable[[Any], Any]) -> None:
    faulty = make(getattr(where, name))
    with patch.object(where, name, faulty), pytest.raises(FuzzFailure, match=f"fuzz {target}: seed 1"):
        run(target, COUNT, 1)


def test_every_target_has_a_fault_that_it_finds() -> None:
    assert {fault[0] for fault in FAULTS} == set(TARGETS)


def test_an_input_that_never_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(data: bytes) -> str:
        while data == b"":
            pass
        return "passed"

    monkeypatch.setattr(runner, "SLOWEST_MS", 50)
    monkeypatch.setitem(TARGETS, "cbor", spin)
    with pytest.raises(FuzzFailure, match=r"NeverEnds.*: $") as caught:
        run("cbor", COUNT, 1)
    assert caught.value.data == b""


def test_memory_that_grows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    number = count()

    def keep(data: bytes) -> str:
        if next(number) % 10 == 0:
            kept.append(b"x" * 200_000)  # so large a piece is never one that lies ready
        return "kept"

    monkeypatch.setattr(runner, "GROWTH_KB", 16_384)
    monkeypatch.setitem(TARGETS, "cbor", keep)
    with pytest.raises(FuzzFailure, match="memory grew by"):
        run("cbor", 3_000, 1)

"""One event as MQTT carries it: round trips, the payload hash, every refusal."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MessageError
from protocol.event_json import EventRecord, decode_event, encode_event

EVENT = EventRecord(
    source="a1b2c3d4e5f6",
    boot="1f2e3d4c-7",
    seq=13,
    uptime_ms=347_000,
    type="caller_id",
    fields={"call": 12, "format": "fsk-mdmf", "number": "13800138000", "name": "张三".encode("gb2312")},
    at="2026-03-17T08:56:00.123Z",
    clock="synced",
)


def refuse(payload: bytes) -> str:
    with pytest.raises(MessageError) as caught:
        decode_event(payload)
    return caught.value.reason


def changed(**changes: Any) -> bytes:
    body = json.loads(encode_event(EVENT))
    return json.dumps({**body, **changes}).encode()


def test_round_trip() -> None:
    payload = encode_event(EVENT)
    assert json.loads(payload)["fields"]["name"] == "1cXI/Q=="
    assert decode_event(payload) == EVENT
    assert decode_event(payload).key == ("a1b2c3d4e5f6", "1f2e3d4c-7", 13)


def test_the_hash_is_of_what_the_source_said() -> None:
    again = replace(EVENT, at="2026-03-17T09:00:00.000Z", clock="stepped")
    assert again.payload_hash() == EVENT.payload_hash()
    reordered = replace(EVENT, fields=dict(reversed(EVENT.fields.items())))
    assert reordered.payload_hash() == EVENT.payload_hash()
    for other in (replace(EVENT, seq=14), replace(EVENT, uptime_ms=1), replace(EVENT, fields={"call": 12})):
        assert other.payload_hash() != EVENT.payload_hash()


def test_the_hash_is_a_promise_to_stored_events() -> None:
    said = [EVENT.source, EVENT.boot, EVENT.seq, EVENT.uptime_ms, EVENT.type, EVENT.fields]
    assert EVENT.payload_hash() == hashlib.sha256(cbor2.dumps(said, canonical=True)).hexdigest()
    assert EVENT.payload_hash().startswith("5214ea9ea0a42365")


def test_a_box_that_is_up_for_a_year() -> None:
    event = replace(EVENT, uptime_ms=366 * 86_400_000)
    assert decode_event(encode_event(event)) == event
    assert refuse(changed(uptime_ms=1 << 53)) == "shape"


def test_fields_of_a_newer_box_pass_through() -> None:
    event = replace(EVENT, fields={**EVENT.fields, "snr_db": [1, {"low": -3}]})
    assert decode_event(encode_event(event)) == event
    with_bytes = replace(EVENT, fields={**EVENT.fields, "raw": b"\x00\xff"})
    assert decode_event(encode_event(with_bytes)).fields["raw"] == "AP8="


def test_what_cannot_be_said() -> None:
    with pytest.raises(MessageError, match="fields"):
        encode_event(replace(EVENT, fields={"call": {1, 2}}))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff\xfe{\x00}\x00", "json"),
        (encode_event(EVENT).decode().encode("utf-16"), "json"),
        (b"[" * 100_000, "json"),
        (b'{"v":' + b"1" * 5000 + b"}", "json"),
        (b"[]", "shape"),
        (b"null", "shape"),
        (b"{}", "version"),
        (b'{"v":1}', "missing:source"),
        (changed(v=2), "version"),
        (changed(v=True), "version"),
        (changed(v="1"), "version"),
        (changed(source="box"), "source"),
        (changed(source=None), "source"),
        (changed(boot="7"), "boot"),
        (changed(boot=7), "boot"),
        (changed(seq=-1), "shape"),
        (changed(seq=1 << 32), "shape"),
        (changed(seq=1.0), "shape"),
        (changed(seq=True), "shape"),
        (changed(uptime_ms="1"), "shape"),
        (changed(type=7), "shape"),
        (changed(fields=[]), "shape"),
        (changed(at="2026-03-17T08:56:00Z"), "at"),
        (changed(at="2026-03-17 08:56:00.123Z"), "at"),
        (changed(at="٢٠٢٦-03-17T08:56:00.123Z"), "at"),
        (changed(at=1773737760123), "at"),
        (changed(clock="right"), "clock"),
        (changed(clock=[]), "clock"),
        (changed(type="explode"), "type"),
        (changed(fields={}), "missing:call"),
        (changed(fields={"call": 12, "format": "dtmf", "number": "abc"}), "field:number"),
        (changed(fields={"call": 12, "format": "dtmf", "name": "not base64!"}), "field:name"),
        (changed(fields={"call": 12, "format": "dtmf", "name": 7}), "field:name"),
        (changed(fields={"call": 12, "format": "dtmf", "snr": 1.5}), "fields"),
        (changed(fields={"call": 12, "format": "dtmf", "snr": float("nan")}), "fields"),
        (changed(fields={"call": 12, "format": "dtmf", "big": 1 << 64}), "fields"),
        (changed(fields={"call": 12, "format": "dtmf", "odd": "\ud800"}), "fields"),
        (changed(fields={"call": 12, "format": "dtmf", "\ud800": 1}), "fields"),
        (changed(fields={"call": 12, "format": "\ud800"}), "fields"),
    ],
)
def test_what_is_refused(payload: bytes, reason: str) -> None:
    assert refuse(payload) == reason


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(payload: bytes) -> None:
    assert refuse(payload)


@given(
    st.dictionaries(
        st.sampled_from(["v", "source", "boot", "seq", "uptime_ms", "type", "fields", "at", "clock"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_any_json_is_an_event_or_refused_by_name(changes: dict[str, Any]) -> None:
    try:
        event = decode_event(changed(**changes))
    except MessageError:
        return
    assert decode_event(encode_event(event)) == event

"""What goes over MQTT and how it reads: topics and payloads of one desk. Pure but for the broker it is given.

Out: event (QoS 1), status (retained), health (retained, QoS 0), reply. In: committed, missing, command.
"""

import json
from typing import Any

from host_agent.mqtt import build_status
from host_agent.ports import Broker, Instant
from host_agent.spool import Range, Waiting
from host_agent.time_anchor import format_utc
from protocol.const import UINT32_MAX
from protocol.errors import MessageError
from protocol.ids import is_boot, parse_call_id
from protocol.topics import TOPICS, build_filter, build_topic

MAX_RANGES = 4096
"""Ranges in one `committed` or `missing`, at most; recordings, too."""
DOWNWARD = ("committed", "missing", "command")


class Bridge:
    """One desk's side of the broker; silent until it has joined one.

    Attributes:
        is_up: the broker is connected.
    """

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._broker: Broker | None = None
        self._desk = ""
        self.is_up = False

    def join(self, broker: Broker, desk: str) -> None:
        """Credentials are there: this is the broker, and the desk whose topics are ours."""
        self._broker = broker
        self._desk = desk

    def handle_up(self, attached: dict[str, str], now: Instant) -> None:
        """Connected: subscribe, then say who is there (source → firmware)."""
        if self._broker is None:
            return
        self.is_up = True
        filters = [(build_filter(name, self._desk), TOPICS[name][2]) for name in DOWNWARD]
        self._broker.subscribe(filters)
        self._publish("status", self._agent, build_status("online", now.unix_ms))
        for source, firmware in attached.items():
            self.tell_box(source, "online", firmware, now)

    def handle_down(self) -> None:
        """Not connected."""
        self.is_up = False

    def tell_box(self, source: str, state: str, firmware: str, now: Instant) -> None:
        """A box came or went."""
        self._publish(
            "status", source, build_status(state, now.unix_ms, agent=self._agent, firmware=firmware)
        )

    def tell_health(self, source: str, boot: str, numbers: dict[str, Any], now: Instant) -> None:
        """A box's numbers, counted since `boot`; what is neither number nor text is left out."""
        plain = {name: value for name, value in numbers.items() if isinstance(value, (int, str))}
        body = {**plain, "v": 1, "at": format_utc(now.unix_ms), "boot": boot}
        self._publish("health", source, json.dumps(body).encode())

    def tell_report(self, report: dict[str, Any], now: Instant) -> bool:
        """What this PC holds (see `report`); False: not connected."""
        body = {**report, "v": 1, "at": format_utc(now.unix_ms)}
        return self._publish("health", self._agent, json.dumps(body, separators=(",", ":")).encode())

    def say_goodbye(self, attached: dict[str, str], now: Instant) -> None:
        """In order, before the connection is closed."""
        for source, firmware in attached.items():
            self.tell_box(source, "offline", firmware, now)
        self._publish("status", self._agent, build_status("offline", now.unix_ms))

    def publish_event(self, event: Waiting) -> bool:
        """False: not connected."""
        return self._publish("event", event.source, event.payload)

    def reply(self, source: str, command_id: str, result: str, reason: str, now: Instant) -> None:
        """The one reply to a command."""
        body = {"v": 1, "id": command_id, "result": result, "reason": reason, "at": format_utc(now.unix_ms)}
        self._publish("reply", source, json.dumps(body).encode())

    def _publish(self, name: str, source: str, payload: bytes) -> bool:
        if self._broker is None or not self.is_up:
            return False
        _, _, qos, retain, _ = TOPICS[name]
        topic = build_topic(name, self._desk, source)
        return self._broker.publish(topic, payload, qos=qos, retain=retain)


def decode_committed(payload: bytes, source: str) -> list[Range]:
    """The ranges of one `committed` for `source`.

    Raises:
        MessageError: `json`, `shape`, `source`.
    """
    return _read_ranges(_read_body(payload, source))


def decode_missing(payload: bytes, source: str) -> tuple[list[Range], list[str]]:
    """The ranges and the recordings (call ids) of one `missing` for `source`.

    Raises:
        MessageError: `json`, `shape`, `source`, `call_id`.
    """
    body = _read_body(payload, source)
    calls = body.get("recordings")
    if not isinstance(calls, list) or len(calls) > MAX_RANGES:
        raise MessageError("shape")
    for call in calls:
        if not isinstance(call, str) or parse_call_id(call)[0] != source:
            raise MessageError("call_id")
    return _read_ranges(body), calls


def _read_body(payload: bytes, source: str) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        raise MessageError("json") from None
    if not isinstance(body, dict):
        raise MessageError("shape")
    if body.get("source") != source:
        raise MessageError("source")
    return body


def _read_ranges(body: dict[str, Any]) -> list[Range]:
    ranges = body.get("ranges")
    if not isinstance(ranges, list) or len(ranges) > MAX_RANGES:
        raise MessageError("shape")
    return [_decode_range(item) for item in ranges]


def _decode_range(item: Any) -> Range:
    if not isinstance(item, list) or len(item) != 3:
        raise MessageError("shape")
    boot, first, last = item
    if not isinstance(boot, str) or not is_boot(boot):
        raise MessageError("shape")
    if type(first) is not int or type(last) is not int or not 0 <= first <= last <= UINT32_MAX:
        raise MessageError("shape")
    return boot, first, last

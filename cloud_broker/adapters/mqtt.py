"""The broker: subscriptions that are acknowledged by hand, and a connection that always comes back.

All of it runs in the consumer's thread. paho reads a packet by four small calls to the socket, each of which
gives the interpreter's lock away; with a busy consumer in another thread every message would wait for it four
times. What is not read stays with the broker, which stops at the receive maximum: that is the back-pressure.
"""

import random
import selectors
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocol.topics import build_filter

log = structlog.get_logger()

RECEIVE_MAXIMUM = 2000
SESSION_EXPIRY_S = 7 * 24 * 3600
KEEPALIVE_S = 30
MAX_BATCH = 500
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
SUBSCRIBED = ("event", "status", "health", "reply")


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message; `client` is the connection it came by, the only one that can acknowledge it."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    client: paho.Client


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are there. `share` names a group of consumers, or is empty."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    client_id: str = "cloudseat-cloud"
    share: str = ""


def backoff_s(attempt: int, rng: random.Random) -> float:
    """Full jitter: anything up to 0.5 s, 1 s, 2 s … 30 s. `attempt` counts failures from 0."""
    return rng.uniform(0, min(MAX_DELAY_S, FIRST_DELAY_S * 2 ** min(attempt, 10)))


class Connection:
    """One connection after another; MQTT 5, and 3.1.1 where 5 is not spoken. For one thread.

    Attributes:
        connected: set while we are in and subscribed (other threads may wait for it).
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._client: paho.Client | None = None
        self._selector = selectors.DefaultSelector()
        self._batch: list[Incoming] = []
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._rng = random.Random()
        self._failures = 0
        self._not_before_s = 0.0
        self.connected = threading.Event()

    def receive(self, timeout_s: float) -> list[Incoming]:
        """Wait for a message, then take what is there, up to 500. Empty after `timeout_s` without any.

        Connects, writes what waits to be written and keeps the connection alive on the way.
        """
        client = self._client
        if client is None:
            self._connect_when_due(timeout_s)
            return []
        self._wait(client, timeout_s)
        while self._client is client and len(self._batch) < MAX_BATCH and self._selector.select(0):
            client.loop_read()
        if self._client is client:
            client.loop_misc()
        batch, self._batch = self._batch, []
        return batch

    def acknowledge(self, batch: Sequence[Incoming]) -> None:
        """Let the broker forget these; those of an earlier connection it will send again."""
        client = self._client
        if client is None:
            return
        for incoming in batch:
            if incoming.qos and incoming.client is client:
                client.ack(incoming.mid, incoming.qos)
        client.loop_write()

    def publish(self, topic: str, payload: bytes) -> bool:
        """QoS 1; False while the broker is away (nothing is queued then)."""
        client = self._client
        if client is None or not self.connected.is_set():
            return False
        sent = client.publish(topic, payload, qos=1).rc == paho.MQTT_ERR_SUCCESS
        client.loop_write()
        return sent

    def close(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            if self._client is not None:
                self._client.loop_write()
        self._selector.close()

    def _wait(self, client: paho.Client, timeout_s: float) -> None:
        """Until there is something to read; what waits to be written goes out meanwhile."""
        if client.want_write():
            self._watch(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
            self._selector.select(timeout_s)
            client.loop_write()
            if self._client is client:
                self._watch(client, selectors.EVENT_READ)
            return
        self._selector.select(timeout_s)

    def _watch(self, client: paho.Client, events: int) -> None:
        socket = client.socket()
        if socket is None:
            return
        with suppress(KeyError):
            self._selector.unregister(socket)
        self._selector.register(socket, events)

    def _connect_when_due(self, timeout_s: float) -> None:
        wait_s = self._not_before_s - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            return
        client = self._build_client()
        try:
            client.connect(**self._connect_options())
        except OSError:
            self._back_off()
            return
        self._client = client
        self._watch(client, selectors.EVENT_READ)

    def _back_off(self) -> None:
        delay_s = backoff_s(self._failures, self._rng)
        self._failures += 1
        self._not_before_s = time.monotonic() + delay_s
        log.warning(
            "mqtt.away",
            host=self._broker.host,
            port=self._broker.port,
            retry_in_s=round(delay_s, 1),
            remedy="start the broker; the web part works meanwhile",
        )

    def _build_client(self) -> paho.Client:
        is_v5 = self._protocol is MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            clean_session=None if is_v5 else False,
            protocol=self._protocol,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        client.on_connect = self._handle_connect
        client.on_subscribe = self._handle_subscribe
        client.on_message = self._handle_message
        client.on_disconnect = self._handle_disconnect
        client.on_socket_close = self._handle_socket_close
        # with this set, paho leaves writing to our loop instead of one system call a packet
        client.on_socket_register_write = lambda _client, _data, _socket: None
        return client

    def _connect_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "host": self._broker.host,
            "port": self._broker.port,
            "keepalive": KEEPALIVE_S,
        }
        if self._protocol is MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            options |= {"clean_start": False, "properties": properties}
        return options

    def _handle_connect(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.error(
                "mqtt.refused", reason=str(reason), remedy="check CLOUDSEAT_CLOUD_MQTT_USERNAME and _PASSWORD"
            )
            return
        prefix = f"$share/{self._broker.share}/" if self._broker.share else ""
        client.subscribe([(prefix + build_filter(name), 1) for name in SUBSCRIBED])

    def _handle_subscribe(self, _client: paho.Client, *_: Any) -> None:
        self._failures = 0
        self.connected.set()
        log.info(
            "mqtt.connected", host=self._broker.host, port=self._broker.port, version=self._protocol.name
        )

    def _handle_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self._batch.append(Incoming(message.topic, payload, message.mid, message.qos, client))

    def _handle_socket_close(self, _client: paho.Client, _data: Any, socket: Any) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(socket)

    def _handle_disconnect(self, client: paho.Client, *_: Any) -> None:
        if client is not self._client:
            return
        self._client = None
        if not self.connected.is_set():
            # Brokers without MQTT 5 refuse it or just hang up: try the other version next.
            older = self._protocol is MQTTProtocolVersion.MQTTv5
            self._protocol = MQTTProtocolVersion.MQTTv311 if older else MQTTProtocolVersion.MQTTv5
        self.connected.clear()
        self._back_off()

"""The broker: subscriptions that are acknowledged by hand, and a connection that always comes back.

paho's thread only puts messages into a bounded queue (paho then stops reading, and the broker waits at the
receive maximum); `Consumer` takes them out in batches.
"""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
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
MAX_QUEUED = 10_000
MAX_BATCH = 500
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
SUBSCRIBED = ("event", "status", "health", "reply")


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message; `acknowledge` may be called once, from any thread."""

    topic: str
    payload: bytes
    acknowledge: Callable[[], None]


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
    """Keeps one connection to the broker until `close`; MQTT 5, and 3.1.1 where 5 is not spoken."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._queue: Queue[Incoming] = Queue(MAX_QUEUED)
        self._client: paho.Client | None = None
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._closing = threading.Event()
        self.connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(timeout=5)

    def publish(self, topic: str, payload: bytes) -> bool:
        """QoS 1; False while the broker is away (nothing is queued then)."""
        client = self._client
        if client is None or not self.connected.is_set():
            return False
        return client.publish(topic, payload, qos=1).rc == paho.MQTT_ERR_SUCCESS

    def take_batch(self, timeout_s: float) -> list[Incoming]:
        """Wait for a message, then take what is there, up to 500. Empty after `timeout_s` without any."""
        batch: list[Incoming] = []
        with suppress(Empty):
            batch.append(self._queue.get(timeout=timeout_s))
            while len(batch) < MAX_BATCH:
                batch.append(self._queue.get_nowait())
        return batch

    def _run(self) -> None:
        rng = random.Random()
        attempt = 0
        while not self._closing.is_set():
            reached = self._connect_once()
            if self._closing.is_set():
                return
            attempt = 0 if reached else attempt + 1
            delay_s = backoff_s(attempt, rng)
            log.warning(
                "mqtt.away",
                host=self._broker.host,
                port=self._broker.port,
                retry_in_s=round(delay_s, 1),
                remedy="start the broker; the web part works meanwhile",
            )
            self._closing.wait(delay_s)

    def _connect_once(self) -> bool:
        """Run one connection to its end; True if the broker let us in."""
        client = self._build_client()
        try:
            client.connect(**self._connect_options())
        except OSError:
            return False
        self._client = client
        client.loop_forever(retry_first_connection=False)
        reached = self.connected.is_set()
        self.connected.clear()
        self._client = None
        if not reached:
            # Brokers without MQTT 5 refuse it or just hang up: try the other version next.
            older = self._protocol is MQTTProtocolVersion.MQTTv5
            self._protocol = MQTTProtocolVersion.MQTTv311 if older else MQTTProtocolVersion.MQTTv5
        return reached

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
        client.on_message = self._handle_message
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
        self.connected.set()
        log.info(
            "mqtt.connected", host=self._broker.host, port=self._broker.port, version=self._protocol.name
        )

    def _handle_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        mid, qos = message.mid, message.qos
        incoming = Incoming(message.topic, bytes(message.payload), lambda: _acknowledge(client, mid, qos))
        self._queue.put(incoming)


def _acknowledge(client: paho.Client, mid: int, qos: int) -> None:
    if qos:
        client.ack(mid, qos)

"""The broker through paho: MQTT 5, or 3.1.1 where the broker knows no better; jittered back-off; a last
will."""

import json
import random
import socket
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from host_agent.credentials import Credentials
from host_agent.ports import BrokerDown, BrokerUp, MessageArrived
from host_agent.time_anchor import format_utc
from protocol.topics import build_topic

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 5.0
FIRST_WAIT_S = 1.0
WAIT_S = 60.0
MAX_INFLIGHT = 1000
"""QoS 1 messages under way; the publisher's window is below it."""

log = structlog.get_logger()

_REMEDIES = {
    "Not authorized": "The credentials were revoked or belong to another desk: enrol this PC again.",
    "Bad user name or password": "The credentials were revoked: enrol this PC again.",
}


class PahoBroker:
    """One connection, kept up by paho's own thread. Inputs go to `put`; nothing here blocks the caller.

    Args:
        retry_s: the longest wait between two attempts, in wall time.
    """

    def __init__(
        self,
        credentials: Credentials,
        put: Callable[[BrokerUp | BrokerDown | MessageArrived], None],
        unix_ms: Callable[[], int],
        retry_s: float = WAIT_S,
    ) -> None:
        self._retry_s = retry_s
        self._credentials = credentials
        self._put = put
        self._unix_ms = unix_ms
        self._failures = 0
        self._told = ""
        self._is_up = False
        self._is_answered = False
        self._wait_s = 0.0
        self._stopping = threading.Event()
        self._client = self._build_client(MQTTProtocolVersion.MQTTv5)

    def start(self) -> None:
        """Begin to connect; failures are tried again until `stop`."""
        self._client.connect_async(self._credentials.mqtt.host, self._credentials.mqtt.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect in order (the last will is not sent) and end the thread."""
        self._stopping.set()
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """False: not connected, the message was not taken."""
        if not self._is_up:
            return False
        return self._client.publish(topic, payload, qos, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def subscribe(self, topics: list[tuple[str, int]]) -> None:
        self._client.subscribe(topics)

    def _build_client(self, version: MQTTProtocolVersion) -> paho.Client:
        mqtt = self._credentials.mqtt
        client = paho.Client(CallbackAPIVersion.VERSION2, self._credentials.agent, protocol=version)
        client.username_pw_set(mqtt.username, mqtt.password.get_secret_value())
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(MAX_INFLIGHT)
        client.on_pre_connect = self._set_will
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_disconnect = self._handle_disconnect
        client.on_message = self._handle_message
        client.on_socket_open = _set_no_delay
        self._set_will(client, None)
        self._set_wait(client)
        return client

    def _set_will(self, client: paho.Client, _userdata: Any) -> None:
        """Anew before each connection: its `at` is when the connection began."""
        topic = build_topic("status", self._credentials.desk, self._credentials.agent)
        client.will_set(topic, build_status("offline", self._unix_ms()), qos=1, retain=True)

    def _set_wait(self, client: paho.Client) -> None:
        """The next wait: between half and the whole of a bound that doubles."""
        bound_s = min(FIRST_WAIT_S * 2 ** min(self._failures - 1, 10), self._retry_s)
        self._wait_s = bound_s * random.uniform(0.5, 1) if self._failures else 0.0
        client.reconnect_delay_set(self._wait_s, self._wait_s)  # type: ignore[arg-type]  # to a float

    def _handle_connect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if client is not self._client:
            return
        self._is_answered = True
        if not reason.is_failure:
            self._failures = 0
            self._told = ""
            self._is_up = True
            self._set_wait(client)
            self._put(BrokerUp("5" if client.protocol == MQTTProtocolVersion.MQTTv5 else "3.1.1"))
        elif str(reason) == "Unsupported protocol version":
            self._change_version(client)
        else:
            self._tell(str(reason))

    def _change_version(self, old: paho.Client) -> None:
        """The broker did not take this version of MQTT: try the other one.

        Some say so, some only close the connection. In a thread of its own: paho's cannot end itself.
        """
        versions = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
        self._client = self._build_client(versions[old.protocol == MQTTProtocolVersion.MQTTv5])
        threading.Thread(target=self._restart, args=(old,), name="mqtt version", daemon=True).start()

    def _restart(self, old: paho.Client) -> None:
        old.disconnect()
        old.loop_stop()
        if not self._stopping.wait(self._wait_s):
            self.start()

    def _handle_connect_fail(self, client: paho.Client, _userdata: Any) -> None:
        if client is not self._client:
            return
        self._failures += 1
        self._set_wait(client)
        self._tell("unreachable")

    def _handle_disconnect(
        self, client: paho.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if client is not self._client:
            return
        was_up, self._is_up = self._is_up, False
        was_answered, self._is_answered = self._is_answered, False
        self._failures += 1
        self._set_wait(client)
        if was_up:
            self._put(BrokerDown(str(reason)))
        elif not was_answered and not self._stopping.is_set():
            if client.protocol != MQTTProtocolVersion.MQTTv5:
                self._tell("no answer")
            self._change_version(client)

    def _handle_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._put(MessageArrived(message.topic, bytes(message.payload)))

    def _tell(self, reason: str) -> None:
        """One message a reason, not one an attempt."""
        if reason == self._told:
            return
        self._told = reason
        mqtt = self._credentials.mqtt
        remedy = _REMEDIES.get(
            reason, "Check the network and that the broker runs; events stay on this PC meanwhile."
        )
        log.error("broker.refused", host=mqtt.host, port=mqtt.port, reason=reason, remedy=remedy)


def build_status(state: str, unix_ms: int, **more: str) -> bytes:
    """The payload of a status topic: `online` or `offline`."""
    return json.dumps({"v": 1, "state": state, "at": format_utc(unix_ms), **more}).encode()


def _set_no_delay(_client: paho.Client, _userdata: Any, connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

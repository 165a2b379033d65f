"""A real Mosquitto as the cloud configures it, and a desk's client of it."""

import json
import queue
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho

from cloud_broker.adapters.mosquitto import write_config
from tests.cloud_broker.world import DESK

WAIT_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """`kill` is kill -9; what was acknowledged may be lost, as in life."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        write_config(folder, self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        raise TimeoutError("mosquitto does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class DeskClient:
    """What an agent is to the broker: its messages land in `received`."""

    def __init__(self, port: int, username: str = "", password: str = "") -> None:
        self.received: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._connack: queue.Queue[bool] = queue.Queue()
        self._suback: queue.Queue[list[bool]] = queue.Queue()
        self.was_cut = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if username:
            self._client.username_pw_set(username, password)
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._connack.put(not reason.is_failure)
        self._client.on_disconnect = lambda *_: self.was_cut.set()
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._suback.put(
            [not reason.is_failure for reason in reasons]
        )
        self._client.on_message = lambda _c, _d, message: self.received.put(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.is_in = self._connack.get(timeout=WAIT_S)

    def subscribe(self, *topics: str) -> list[bool]:
        self._client.subscribe([(topic, 1) for topic in topics])
        return self._suback.get(timeout=WAIT_S)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def take(self, name: str) -> dict[str, Any]:
        """The next message whose topic ends so."""
        while True:
            topic, body = self.received.get(timeout=WAIT_S)
            if topic.endswith(f"/{name}"):
                return body

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def desk_topic(rest: str, desk: str = DESK) -> str:
    return f"cloudseat/v1/{desk}/{rest}"

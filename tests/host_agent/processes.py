"""The agent as a child process, and a consumer in the cloud's place on the broker's other side."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.host_agent.cloud import FakeCloud

WAIT_S = 20.0


class Consumer:
    """Reads the desk's topics and lists events as committed, as the cloud does."""

    def __init__(self, port: int) -> None:
        self.messages: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.commits = True
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._handle
        self._client.on_connect = self._subscribe
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"cloudseat/v1/desk-1/+/{name}", 1) for name in ("event", "status", "reply")])

    def _handle(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        body = json.loads(message.payload)
        if message.topic.endswith("/event") and self.commits:
            self.commit(body)
        self.messages.put((message.topic, body))

    def commit(self, event: dict[str, Any]) -> None:
        ranges = [[event["boot"], event["seq"], event["seq"]]]
        body = {"v": 1, "source": event["source"], "ranges": ranges}
        self._client.publish(f"cloudseat/v1/desk-1/{event['source']}/committed", json.dumps(body), 1)

    def send(self, topic: str, body: dict[str, Any]) -> None:
        self._client.publish(topic, json.dumps(body), 1)

    def expect(self, matches: Callable[[str, dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            topic, body = self.messages.get(timeout=WAIT_S)
            self.seen.append((topic, body))
            if matches(topic, body):
                return body

    def expect_event(self, event_type: str) -> dict[str, Any]:
        return self.expect(lambda topic, body: topic.endswith("/event") and body["type"] == event_type)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Agent:
    """`cloudseat-agent run` as a child."""

    def __init__(self, folder: Path, cloud: FakeCloud, *flags: str) -> None:
        environment = {
            **os.environ,
            "CLOUDSEAT_AGENT_CLOUD_URL": cloud.url,
            "CLOUDSEAT_AGENT_DATA_DIR": str(folder),
            "CLOUDSEAT_AGENT_CLAIM_CODE": "CLAIM",
            "CLOUDSEAT_AGENT_REPUBLISH_AFTER_S": "0.5",
            "CLOUDSEAT_AGENT_DISK_RESERVE_MB": "0",
            "CLOUDSEAT_AGENT_PAGE_PORT": "0",
        }
        self.log = folder.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "host_agent.cli", "run", *flags],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def expect_line(self, start: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return line.strip()
        raise AssertionError(f"the agent ended without {start!r}: {self.log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(WAIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

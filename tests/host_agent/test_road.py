"""The agent as a process, on real parts: pty → spool → Mosquitto → committed; recording → HTTP."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from host_agent.opus import build_alaw_table
from tests.host_agent.board import Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto

pytestmark = pytest.mark.needs("mosquitto")
WAIT_S = 20.0


class Consumer:
    """Reads the desk's topics and lists events as committed, as the cloud does."""

    def __init__(self, port: int) -> None:
        self.messages: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.commits = True
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "cloud", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._handle
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(
            [(f"cloudseat/v1/desk-1/+/{name}", 1) for name in ("event", "status", "reply")]
        )
        self._client.loop_start()

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


@pytest.fixture
def consumer(mosquitto: Mosquitto, cloud: FakeCloud) -> Iterator[Consumer]:
    cloud.mqtt_port = mosquitto.port
    consumer = Consumer(mosquitto.port)
    yield consumer
    consumer.close()


@pytest.fixture
def agent(tmp_path: Path, cloud: FakeCloud, cable: Cable) -> Iterator[Agent]:
    agent = Agent(tmp_path / "agent", cloud, "--port", cable.path)
    yield agent
    if agent.process.poll() is None:
        agent.stop(signal.SIGKILL)


def wait_until(is_true: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline
        os.sched_yield()
        time.sleep(0.005)


def test_a_call_goes_all_the_way(consumer: Consumer, agent: Agent, cable: Cable, cloud: FakeCloud) -> None:
    ready = agent.expect_line("agent.ready")
    assert (
        agent.expect_line("agent.box_attached")
        == f"agent.box_attached source={cable.board.source} port={cable.path}"
    )
    with cable.lock:
        board = cable.board
        call = board.state("ring_started", 1000, call=0)
        board.state("caller_id", 1500, call=call, format="fsk-mdmf", number="13912345678", name=b"\xb0\xa2")
        board.state("off_hook", 4000, call=call, by="phone")
        board.state("recording_started", 4000, call=call, codec="alaw")
        board.play(call, 0, b"\xd5" * 8000)
        board.play(call, 8000 + 400, b"\x55" * 4000)
        board.state("audio_gap", 4500, call=call, first_sample=8000, samples=400, reason="overrun")
        board.state("recording_stopped", 6000, call=call, samples=12400)
        board.state("on_hook", 6000, call=call, by="phone")
    caller_id = consumer.expect_event("caller_id")
    assert caller_id["fields"]["number"] == "13912345678"
    assert caller_id["source"] == board.source and caller_id["clock"] == "synced"
    stored = consumer.expect_event("recording_stored")
    call_id = f"{board.source}-{board.boot}-{call}"
    assert stored["source"] == ready.partition("agent_id=")[2]
    assert stored["fields"] == {"call": call_id, "samples": 12400, "gaps": [[8000, 400]]}
    uploaded = consumer.expect_event("recording_uploaded")
    assert uploaded["fields"]["call"] == call_id
    assert count_samples(cloud.stored[call_id]) == 12400
    wait_until(lambda: cable.board.is_idle)
    assert agent.stop() == 0
    statuses = {
        topic: body["state"]
        for topic, body in [*consumer.seen, *list(consumer.messages.queue)]
        if "/status" in topic
    }
    assert set(statuses.values()) == {"offline"} and len(statuses) == 2


def count_samples(ogg: bytes) -> int:
    import io

    import av

    with av.open(io.BytesIO(ogg)) as container:
        frames = list(container.decode(audio=0))
    return round(sum(frame.samples for frame in frames) * 8000 / frames[0].sample_rate)


def test_alaw_table_has_its_corners() -> None:
    """ITU-T G.711 table 1a: the smallest and the largest value of each sign."""
    table = build_alaw_table()
    assert [table[code] for code in (0xD5, 0x55, 0xAA, 0x2A)] == [8, -8, 32256, -32256]

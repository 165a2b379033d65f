"""The broker's side on real parts: versions, last will, credentials refused, a broker that is killed."""

import queue
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from host_agent.credentials import Credentials, MqttAccess
from host_agent.mqtt import PahoBroker
from host_agent.ports import BrokerDown, BrokerUp, MessageArrived
from tests.host_agent.board import Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto
from tests.host_agent.processes import Agent, Consumer

WAIT_S = 20
AGENT = "0123456789ab"


def build_credentials(port: int) -> Credentials:
    return Credentials(
        "desk-1", AGENT, MqttAccess("127.0.0.1", port, "desk-1", SecretStr("x")), SecretStr("t")
    )


class Link:
    """A PahoBroker and what it puts."""

    def __init__(self, port: int) -> None:
        self.inputs: queue.Queue[Any] = queue.Queue()
        self.broker = PahoBroker(build_credentials(port), self.inputs.put, lambda: 1_773_737_760_123)
        self.broker.start()

    def expect(self, kind: type) -> Any:
        item = self.inputs.get(timeout=WAIT_S)
        assert isinstance(item, kind), item
        return item


@pytest.mark.needs("mosquitto")
def test_mqtt_5_where_the_broker_knows_it(mosquitto: Mosquitto) -> None:
    link = Link(mosquitto.port)
    assert link.expect(BrokerUp) == BrokerUp("5")
    link.broker.subscribe([(f"cloudseat/v1/desk-1/{AGENT}/event", 1)])
    topic = f"cloudseat/v1/desk-1/{AGENT}/event"
    assert link.broker.publish(topic, b"{}", qos=1, retain=False)
    assert link.expect(MessageArrived) == MessageArrived(topic, b"{}")
    link.broker.stop()


@pytest.mark.needs("mosquitto")
def test_a_killed_broker_is_found_again(mosquitto: Mosquitto) -> None:
    link = Link(mosquitto.port)
    link.expect(BrokerUp)
    mosquitto.kill()
    link.expect(BrokerDown)
    assert not link.broker.publish("x", b"", qos=1, retain=False)
    mosquitto.start()
    link.expect(BrokerUp)
    link.broker.stop()


def test_no_broker_is_said_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with capture_logs() as logs:
        link = Link(port)
        deadline = time.monotonic() + WAIT_S
        while not logs and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        link.broker.stop()
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("broker.refused", "unreachable")]
    assert link.inputs.empty()


class OldBroker:
    """Speaks MQTT 3.1.1 only: answers a CONNECT of version 5 as told, accepts one of version 4."""

    def __init__(self, answer_to_5: bytes) -> None:
        self._answer = answer_to_5
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.versions: list[int] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with ExitStack() as connections:
            while True:
                try:
                    connection, _ = self._server.accept()
                except OSError:
                    return
                connections.enter_context(connection)
                packet = connection.recv(4096)
                if not packet:
                    continue
                self.versions.append(packet[packet.index(b"MQTT") + 4])
                if self.versions[-1] == 4:
                    connection.sendall(b"\x20\x02\x00\x00")
                else:
                    connection.sendall(self._answer)
                    connection.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b""], ids=["says so", "hangs up"])
def test_mqtt_311_where_the_broker_knows_no_better(answer: bytes) -> None:
    old = OldBroker(answer)
    link = Link(old.port)
    assert link.expect(BrokerUp) == BrokerUp("3.1.1")
    assert old.versions[0] == 5 and old.versions[-1] == 4
    link.broker.stop()
    old.close()


def test_refused_credentials_say_to_enrol_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, capture_logs() as logs:
        link = Link(server.getsockname()[1])
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(struct.pack("BBBBB", 0x20, 3, 0, 0x87, 0))
        deadline = time.monotonic() + WAIT_S
        while not logs and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        link.broker.stop()
        connection.close()
    assert "enrol this PC again" in logs[0]["remedy"]


@pytest.fixture
def consumer(mosquitto: Mosquitto, cloud: FakeCloud) -> Iterator[Consumer]:
    cloud.mqtt_port = mosquitto.port
    consumer = Consumer(mosquitto.port)
    yield consumer
    consumer.close()


def is_offline(agent_id: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda topic, body: topic.endswith(f"{agent_id}/status") and body["state"] == "offline"


@pytest.mark.needs("mosquitto")
def test_a_killed_agent_is_said_by_its_last_will_and_loses_nothing(
    tmp_path: Path, consumer: Consumer, cloud: FakeCloud, cable: Cable
) -> None:
    agent = Agent(tmp_path / "agent", cloud, "--port", cable.path)
    agent_id = agent.expect_line("agent.ready").partition("agent_id=")[2]
    agent.expect_line("agent.box_attached")
    consumer.commits = False
    with cable.lock:
        cable.board.state("ring_started", 5, call=0)
    first = consumer.expect_event("ring_started")
    agent.stop(signal.SIGKILL)
    consumer.expect(is_offline(agent_id))
    agent = Agent(tmp_path / "agent", cloud, "--port", cable.path)
    again = consumer.expect_event("ring_started")
    assert again == first
    consumer.commit(again)
    agent.stop()
    assert len([path for path in cloud.requests if path.endswith("/enrol")]) == 1


@pytest.mark.needs("mosquitto")
def test_a_second_agent_on_the_same_folder_ends_with_a_clear_message(
    tmp_path: Path, consumer: Consumer, cloud: FakeCloud, cable: Cable
) -> None:
    first = Agent(tmp_path / "agent", cloud, "--port", cable.path)
    first.expect_line("agent.box_attached")
    second = Agent(tmp_path / "agent", cloud, "--port", cable.path)
    assert second.process.wait(WAIT_S) == 1
    assert second.process.stdout is not None
    second.process.stdout.close()
    assert "agent.running: Another agent" in first.log.read_text()
    first.stop()

"""The agent as a process, on real parts: pty → spool → Mosquitto → committed; recording → HTTP."""

import io
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from host_agent.time_anchor import format_utc
from sim.clock import TimeService
from sim.port import PseudoPort
from tests.host_agent.board import Board, Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto
from tests.host_agent.processes import WAIT_S, Agent, Consumer

pytestmark = pytest.mark.needs("mosquitto")


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
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline
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
    with av.open(io.BytesIO(ogg)) as container:
        frames = list(container.decode(audio=0))
    return round(sum(frame.samples for frame in frames) * 8000 / frames[0].sample_rate)


START_MS = 1_773_738_000_000


class SteppedBox:
    """A board on a pty that lives in the time service's steps; counts start when the agent opens the port."""

    def __init__(self, service: TimeService) -> None:
        self.board = Board()
        self.port = PseudoPort()
        self.service = service
        self._base: tuple[int, int] | None = None

    def step(self, ms: int = 128) -> None:
        """The board speaks, time passes, the board hears."""
        now_ms = self.service.now_ms - START_MS + ms
        written = {}
        if self._base is not None:
            self.port.write(self.board.poll(now_ms), 5.0)
            written[self.port.path] = self.port.written - self._base[0]
        answered = self.service.step(ms, written).get(self.port.path)
        if answered is None:
            return
        self._base = self._base or (self.port.written, self.port.received)
        self.board.receive(self.port.read_until(self._base[1] + answered), now_ms)


def test_stepped_time_is_exact(
    tmp_path: Path, mosquitto: Mosquitto, consumer: Consumer, cloud: FakeCloud
) -> None:
    service = TimeService(START_MS, patience_s=20)
    cloud.now_ms = lambda: service.now_ms
    box = SteppedBox(service)
    agent = Agent(tmp_path / "agent", cloud, "--port", box.port.path, "--clock", service.address)
    try:
        agent.expect_line("agent.ready")
        service.await_clients(1, 0, 20)
        while not box.board.link.is_open:
            box.step()
        assert box.port.path in agent.expect_line("agent.box_attached")
        call = box.board.state("ring_started", service.now_ms - START_MS, call=0)
        box.board.state("recording_started", service.now_ms - START_MS, call=call, codec="alaw")
        for second in range(60):
            box.board.play(call, 8000 * second, b"\xd5" * 8000)
            for _ in range(8):
                box.step(125)
        box.board.state("recording_stopped", service.now_ms - START_MS, call=call, samples=480_000)
        while not box.board.is_idle:
            box.step()
        assert service.ask("committed") == 0
        assert service.ask("uploaded") == 0
        assert count_samples(cloud.stored[f"{box.board.source}-{box.board.boot}-{call}"]) == 480_000
        rung = consumer.expect_event("ring_started")
        assert rung["at"] == format_utc(START_MS + rung["uptime_ms"])
        assert rung["clock"] == "synced"
    finally:
        agent.stop(signal.SIGTERM)
        service.close()
        box.port.close()

"""The time service between its owner and small stand-ins for agent and cloud."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from sim.clock import MAX_QUIET_MS, ClientLost, TimeService

START_MS = 1_773_700_000_000
PORT = "/dev/pts/9"
Answer = Callable[[dict[str, Any]], "dict[str, Any] | None"]


class StandIn:
    """A client in a thread: joins, keeps what it is told, answers as it is taught."""

    def __init__(self, service: TimeService, role: str, answer: Answer) -> None:
        self.told: list[dict[str, Any]] = []
        self._answer = answer
        port = int(service.address.rsplit(":", 1)[1])
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(json.dumps({"join": role, "name": f"the {role}"}).encode() + b"\n")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(ConnectionError), self._socket, self._socket.makefile("rb") as lines:
            for line in lines:
                self.told.append(json.loads(line))
                answer = self._answer(self.told[-1])
                if answer is not None:
                    self._socket.sendall(json.dumps(answer).encode() + b"\n")

    def join(self) -> None:
        self._thread.join(5)
        assert not self._thread.is_alive()


def answer_all(told: dict[str, Any]) -> dict[str, Any]:
    if "step" in told:
        return {"step": told["step"], "ports": {PORT: 7 * told["step"]}}
    return {"wait": told["wait"], "done": True}


@pytest.fixture
def service() -> Iterator[TimeService]:
    made = TimeService(START_MS, patience_s=5)
    yield made
    made.close()


def test_a_client_that_joins_is_told_the_time_at_once() -> None:
    service = TimeService(START_MS)
    agent = StandIn(service, "agent", answer_all)
    cloud = StandIn(service, "observer", lambda told: None)
    service.await_clients(agents=1, observers=1, timeout_s=5)
    service.close()
    agent.join()
    cloud.join()
    assert [told["now_ms"] for told in agent.told + cloud.told] == [START_MS, START_MS]


def test_a_step_moves_time_and_counts_bytes_both_ways(service: TimeService) -> None:
    agent = StandIn(service, "agent", answer_all)
    service.await_clients(agents=1, observers=0, timeout_s=5)
    assert service.step(128, {PORT: 40, "/dev/pts/unopened": 3}) == {PORT: 7}
    assert service.step(32, {PORT: 50}) == {PORT: 14}
    assert service.now_ms == START_MS + 160
    assert agent.told[1] == {
        "step": 1,
        "now_ms": START_MS + 128,
        "elapsed_ms": 128,
        "ports": {PORT: 40},
    }


def test_the_clock_of_a_pc_may_jump_while_time_goes_on_evenly(service: TimeService) -> None:
    agent = StandIn(service, "agent", answer_all)
    service.await_clients(agents=1, observers=0, timeout_s=5)
    service.agent_clock_ms = -3_600_000
    service.step(128, {})
    assert agent.told[1]["now_ms"] == START_MS + 128 - 3_600_000
    assert agent.told[1]["elapsed_ms"] == 128
    assert service.now_ms == START_MS + 128


def test_time_stands_still_while_events_are_uncommitted(service: TimeService) -> None:
    pauses = iter([300, None])

    def answer(told: dict[str, Any]) -> dict[str, Any]:
        if "step" in told:
            return answer_all(told)
        pause = next(pauses)
        return {"wait": told["wait"], "done": pause is None} | ({"retry_in_ms": pause} if pause else {})

    StandIn(service, "agent", answer)
    service.await_clients(agents=1, observers=0, timeout_s=5)
    assert service.ask("committed") == 300
    assert service.ask("committed") == 0
    assert service.now_ms == START_MS


def test_an_observer_that_leaves_is_no_trouble(service: TimeService) -> None:
    cloud = StandIn(service, "observer", lambda told: None)
    StandIn(service, "agent", answer_all)
    service.await_clients(agents=1, observers=1, timeout_s=5)
    cloud._socket.shutdown(socket.SHUT_RDWR)
    cloud.join()
    for _ in range(3):
        service.step(128, {})


def test_an_agent_that_leaves_ends_the_run(service: TimeService) -> None:
    def answer_once(told: dict[str, Any]) -> dict[str, Any]:
        if told["step"] > 0:
            raise ConnectionError
        return answer_all(told)

    StandIn(service, "agent", answer_once)
    service.await_clients(agents=1, observers=0, timeout_s=5)
    with pytest.raises(ClientLost, match="the agent left"):
        service.step(128, {})


def test_an_agent_that_keeps_silent_ends_the_run() -> None:
    service = TimeService(START_MS, patience_s=0.05)
    StandIn(service, "agent", lambda told: answer_all(told) if told["step"] == 0 else None)
    service.await_clients(agents=1, observers=0, timeout_s=5)
    with pytest.raises(ClientLost, match="did not answer"):
        service.step(128, {})
    service.close()


def test_nobody_joins() -> None:
    service = TimeService(START_MS)
    with pytest.raises(ClientLost, match="did not join"):
        service.await_clients(agents=1, observers=0, timeout_s=0.05)
    service.close()


@pytest.mark.parametrize("noise", [b"\xff\xfe\n", b"[]\n", b'{"join":"king"}\n', b'{"step":1}\n'])
def test_a_stranger_is_shown_out(service: TimeService, noise: bytes) -> None:
    port = int(service.address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(noise)
        StandIn(service, "agent", answer_all)
        service.await_clients(agents=1, observers=0, timeout_s=5)
        service.step(128, {})
        stranger.settimeout(5)
        assert stranger.recv(100) == b""


def test_a_step_has_its_limits(service: TimeService) -> None:
    for ms in (0, MAX_QUIET_MS + 1):
        with pytest.raises(ValueError, match="a step is"):
            service.step(ms, {})

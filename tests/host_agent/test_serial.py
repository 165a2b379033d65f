"""Serial ports: opened for this process alone, without touching the lines that reset a board."""

import os
import pty
import queue
import tty
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from host_agent.errors import AgentError
from host_agent.ports import SerialBytes, SerialLost
from host_agent.serial_link import BRIDGES, UNKNOWN_BRIDGE, find_ports, open_device, open_link

WAIT_S = 10


@pytest.fixture
def ends() -> Iterator[tuple[int, str]]:
    board_end, agent_end = pty.openpty()
    tty.setraw(agent_end)
    yield board_end, os.ttyname(agent_end)
    for end in (board_end, agent_end):
        try:
            os.close(end)
        except OSError:
            continue


def test_bytes_go_both_ways_whole(ends: tuple[int, str]) -> None:
    board_end, path = ends
    inputs: queue.Queue[Any] = queue.Queue()
    link = open_link(path, inputs.put)
    data = bytes(range(256)) * 4
    os.write(board_end, data)
    received = b""
    while len(received) < len(data):
        received += inputs.get(timeout=WAIT_S).data
    assert received == data
    link.write(data)
    back = b""
    while len(back) < len(data):
        back += os.read(board_end, 4096)
    assert back == data and link.written == len(data)
    link.close()


def test_a_port_that_another_program_has_is_named(ends: tuple[int, str]) -> None:
    _, path = ends
    first = open_device(path, UNKNOWN_BRIDGE)
    with pytest.raises(AgentError, match="Close the other program") as caught:
        open_device(path, UNKNOWN_BRIDGE)
    assert caught.value.code == "port.busy"
    first.close()


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(AgentError, match="Plug the box in") as caught:
        open_device("/dev/ttyNOTHERE", UNKNOWN_BRIDGE)
    assert caught.value.code == "port.missing"


def test_a_port_that_goes_is_reported_once(ends: tuple[int, str]) -> None:
    board_end, path = ends
    inputs: queue.Queue[Any] = queue.Queue()
    link = open_link(path, inputs.put)
    os.close(board_end)
    lost = inputs.get(timeout=WAIT_S)
    assert isinstance(lost, SerialLost) and lost.path == path
    link.close()
    assert not any(isinstance(item, SerialBytes) for item in list(inputs.queue))


def test_the_lines_stand_before_the_port_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import serial

    steps: list[tuple[str, Any]] = []

    class Device:
        def __init__(self, **_: Any) -> None:
            return

        def __setattr__(self, name: str, value: Any) -> None:
            steps.append((name, value))

        def open(self) -> None:
            steps.append(("open", None))

    monkeypatch.setattr(serial, "Serial", Device)
    open_device("COM3", BRIDGES[0x1A86, 0x7523])
    assert steps == [("port", "COM3"), ("dtr", False), ("rts", False), ("open", None)]


def test_only_devices_of_the_table_are_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    from serial.tools import list_ports

    devices = [
        SimpleNamespace(device="COM9", vid=0x303A, pid=0x4001, serial_number="S1"),
        SimpleNamespace(device="COM1", vid=None, pid=None, serial_number=None),
        SimpleNamespace(device="COM4", vid=0x046D, pid=0xC077, serial_number="mouse"),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: devices)
    assert [(found.path, found.serial_number) for found in find_ports()] == [("COM9", "S1")]

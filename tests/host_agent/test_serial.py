"""Serial ports: opened for this process alone, without touching the lines that reset a board."""

import os
import pty
import queue
import tty
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from host_agent.boxes import Boxes
from host_agent.errors import AgentError
from host_agent.ports import Instant, PortsSeen, SerialBytes, SerialLost
from host_agent.serial_link import (
    BRIDGES,
    UNKNOWN_BRIDGE,
    PortScan,
    find_ports,
    open_device,
    open_link,
)

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


def vanish() -> list[Any]:
    """A device that goes while the system is asked about it."""
    raise TypeError("expected str, got NoneType")


def test_the_scan_goes_on_after_a_device_that_vanished_while_ports_were_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = SimpleNamespace(vid=0x303A, pid=0x4001, device="COM9", serial_number="S1")
    seen: list[Any] = []
    scan = PortScan(seen.append)
    with capture_logs() as logs:
        for list_ports in (lambda: [box], vanish, vanish, list, vanish):
            monkeypatch.setattr("serial.tools.list_ports.comports", list_ports)
            scan.look()
    assert seen == [PortsSeen({"COM9": "S1"}), PortsSeen({})]
    assert [entry["event"] for entry in logs] == ["port.unlisted", "port.unlisted"]


def test_a_port_that_cannot_be_listed_now_is_opened_later(
    ends: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = ends
    boxes = Boxes(lambda path: open_link(path, lambda _: None), {path})
    with monkeypatch.context() as now, capture_logs() as logs:
        now.setattr("serial.tools.list_ports.comports", vanish)
        boxes.open_due(Instant(0, 0))
    assert [entry["event"] for entry in logs] == ["port.unlisted"]
    boxes.open_due(Instant(60_000, 60_000))
    assert boxes.session(path) is not None
    boxes.close()

"""Serial ports of boxes: which ports are boxes, how to open one without resetting its board, reading and
writing it.

DTR and RTS are set before the port is opened, by VID and PID: on boards with a USB-to-serial bridge they pull
the chip's EN and IO0 (Espressif "boot mode selection"), so a wrong level resets the box in the middle of a
call; on native USB the device does not send before DTR is up (USB CDC 1.2, PSTN subclass 6.3.12). A board is
opened once.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from host_agent.errors import AgentError
from host_agent.ports import PortsSeen, SerialBytes, SerialLost

BAUD = 921_600
READ_TIMEOUT_S = 0.5
MAX_UNWRITTEN = 256
"""Writes that wait for a port; beyond it they are dropped, and the link sends again."""

log = structlog.get_logger()


class BridgeKind(NamedTuple):
    """How a USB device must stand while its port is open."""

    name: str
    dtr: bool
    rts: bool


BRIDGES = {
    (0x303A, 0x4001): BridgeKind("ESP32-S3 native USB", dtr=True, rts=False),
    (0x303A, 0x1001): BridgeKind("ESP32-S3 USB-Serial-JTAG", dtr=False, rts=False),
    (0x10C4, 0xEA60): BridgeKind("CP210x", dtr=False, rts=False),
    (0x1A86, 0x7523): BridgeKind("CH340", dtr=False, rts=False),
    (0x1A86, 0x55D4): BridgeKind("CH9102", dtr=False, rts=False),
    (0x0403, 0x6001): BridgeKind("FT232R", dtr=False, rts=False),
}
UNKNOWN_BRIDGE = BridgeKind("unknown", dtr=False, rts=False)


class PortFound(NamedTuple):
    """A port of a device in the table. `serial_number` is empty where the device has none."""

    path: str
    serial_number: str
    bridge: BridgeKind


def find_ports() -> list[PortFound]:
    """All ports of devices in the table, by path.

    Raises:
        AgentError: `port.unlisted`, as when a device vanishes meanwhile.
    """
    from serial.tools import list_ports

    try:
        ports = list_ports.comports()
    except (OSError, TypeError, AttributeError, ValueError) as error:
        raise AgentError(
            "port.unlisted",
            f"The system could not list its serial ports: {error}.",
            "It is asked again; if this goes on, unplug the USB devices that are no boxes.",
        ) from error
    found = []
    for port in ports:
        bridge = BRIDGES.get((port.vid or 0, port.pid or 0))
        if bridge is not None:
            found.append(PortFound(port.device, port.serial_number or "", bridge))
    return sorted(found)


class PortScan:
    """Looks which ports are boxes now, and tells it when it changed."""

    def __init__(self, put: Callable[[PortsSeen], None]) -> None:
        self._put = put
        self._seen: dict[str, str] | None = None
        self._is_blind = False

    def look(self) -> None:
        """Once; what goes wrong is said once until it is well again."""
        try:
            ports = {found.path: found.serial_number for found in find_ports()}
        except AgentError as error:
            if not self._is_blind:
                log.error(error.code, problem=error.problem, remedy=error.remedy)
            self._is_blind = True
            return
        self._is_blind = False
        if ports != self._seen:
            self._seen = ports
            self._put(PortsSeen(ports))


def open_device(path: str, bridge: BridgeKind) -> Any:
    """Open a port for this process alone, DTR and RTS set before it opens.

    Raises:
        AgentError: `port.busy`, `port.missing`, `port.forbidden`, `port.unusable`.
    """
    import serial

    device = serial.Serial(baudrate=BAUD, timeout=READ_TIMEOUT_S, exclusive=True)
    device.port = path
    device.dtr = bridge.dtr
    device.rts = bridge.rts
    try:
        device.open()
    except (serial.SerialException, OSError, ValueError) as error:
        raise _explain(path, error) from error
    return device


def _explain(path: str, error: Exception) -> AgentError:
    text = str(error)
    if (
        "lock" in text
        or "Resource busy" in text
        or "Access is denied" in text
        or "PermissionError(13" in text
    ):
        if "Permission denied" in text:
            remedy = "Add this user to the group `dialout` (Linux), sign in again and start the agent again."
            return AgentError("port.forbidden", f"This user may not open {path}.", remedy)
        remedy = "Close the other program (a second agent, a terminal program, a flashing tool)."
        return AgentError("port.busy", f"Another program has {path} open.", remedy)
    if "Permission denied" in text:
        remedy = "Add this user to the group `dialout` (Linux), sign in again and start the agent again."
        return AgentError("port.forbidden", f"This user may not open {path}.", remedy)
    if "No such file" in text or "FileNotFoundError" in text:
        return AgentError(
            "port.missing", f"There is no port {path}.", "Plug the box in, or name another port."
        )
    return AgentError(
        "port.unusable", f"{path} cannot be opened: {text}.", "Unplug the box and plug it in again."
    )


class SerialLink:
    """One open port with a reading and a writing thread. What is read goes into the core's queue.

    Attributes:
        received, written: bytes since the port was opened.
        dropped: writes that found the queue full.
    """

    def __init__(self, path: str, device: Any, put: Callable[[SerialBytes | SerialLost], None]) -> None:
        self._path = path
        self._device = device
        self._put = put
        self._outgoing: queue.Queue[bytes | None] = queue.Queue(MAX_UNWRITTEN)
        self._closing = False
        self.written = 0
        self.dropped = 0
        self._threads = [
            threading.Thread(target=self._read, name=f"read {path}", daemon=True),
            threading.Thread(target=self._write, name=f"write {path}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def path(self) -> str:
        return self._path

    def write(self, data: bytes) -> None:
        """Queue bytes; `written` counts them at once (a dropped write is not counted)."""
        try:
            self._outgoing.put_nowait(data)
            self.written += len(data)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Stop both threads and release the port."""
        self._closing = True
        while True:
            try:
                self._outgoing.put_nowait(None)
                break
            except queue.Full:
                self._outgoing.get_nowait()
        if hasattr(self._device, "cancel_read"):
            self._device.cancel_read()
        for thread in self._threads:
            thread.join(2 * READ_TIMEOUT_S)
        self._device.close()

    def _read(self) -> None:
        try:
            while not self._closing:
                if first := self._device.read(1):
                    self._put(SerialBytes(self._path, first + self._device.read(self._device.in_waiting)))
        except (OSError, TypeError, AttributeError) as error:  # pyserial's own errors are OSErrors
            self._lose(error)

    def _write(self) -> None:
        try:
            while (data := self._outgoing.get()) is not None:
                self._device.write(data)
        except (OSError, TypeError, AttributeError) as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        if not self._closing:
            self._put(SerialLost(self._path, str(error)))


def open_link(path: str, put: Callable[[SerialBytes | SerialLost], None]) -> SerialLink:
    """Open `path` by the table's rules, or as an unknown bridge when it is not in it (a pseudo-terminal).

    Raises:
        AgentError: as `find_ports` and `open_device`.
    """
    bridge = next((found.bridge for found in find_ports() if found.path == path), UNKNOWN_BRIDGE)
    return SerialLink(path, open_device(path, bridge), put)

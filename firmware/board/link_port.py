"""The serial port to the desk PC: a second USB CDC interface where the chip has one, else a UART on a bridge.

The REPL's own port is not used: it mirrors to a slow UART and a Ctrl-C in binary data would stop the program.
"""

import sys

from machine import UART, Pin
from micropython import const

from firmware.board import pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Port(Protocol):
        """What the link runs on."""

        def read(self) -> "bytes | None": ...
        def write(self, data: bytes) -> "int | None": ...


_BAUD = const(921600)
_BUFFER_BYTES = const(4096)


def open_port() -> "Port":
    """The port: `read()` gives what has arrived (or None), `write(data)` how many bytes it took."""
    cdc: "Port | None" = getattr(sys.modules.get("firmware.board.usb_port"), "cdc", None)
    if cdc is not None:
        return cdc
    return UART(
        1, _BAUD, tx=Pin(pins.UART_TX), rx=Pin(pins.UART_RX), txbuf=_BUFFER_BYTES, rxbuf=_BUFFER_BYTES
    )

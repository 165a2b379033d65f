"""The serial port to the desk PC: a second USB CDC interface where the chip has one, else a UART on a bridge.

The REPL's own port is not used: it mirrors to a slow UART and a Ctrl-C in binary data would stop the program.
"""

import sys

from machine import UART, Pin

from firmware.board import pins

BAUD = 921600
BUFFER_BYTES = 4096


def open_port():
    """The port: `read()` gives what has arrived (or None), `write(data)` how many bytes it took."""
    cdc = getattr(sys.modules.get("firmware.board.usb_port"), "cdc", None)
    if cdc is not None:
        return cdc
    return UART(1, BAUD, tx=Pin(pins.UART_TX), rx=Pin(pins.UART_RX), txbuf=BUFFER_BYTES, rxbuf=BUFFER_BYTES)

"""Runs first on the board: brings up the data port, because USB enumerates once."""

try:
    import firmware.board.usb_port  # noqa: F401
except ImportError:  # no usb-device-cdc on this board: the link runs on the UART
    pass

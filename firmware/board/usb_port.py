"""The data port over native USB: one runtime CDC interface beside the REPL's (micropython-lib
usb-device-cdc).

Imported by boot.py on boards that have the package, before anything else, because the device enumerates once.
"""

import usb.device  # type: ignore[import-not-found]
from usb.device.cdc import CDCInterface  # type: ignore[import-not-found]

cdc = CDCInterface()
cdc.init(timeout=0, txbuf=4096, rxbuf=4096)
usb.device.get().init(cdc, builtin_driver=True)

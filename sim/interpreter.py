"""Starts MicroPython with a ROM image that lies outside its heap: `interpreter.py IMAGE HEAP MODULE
key=value ...`.

The interpreter of the distribution is a library inside a Python process, so this process maps the image and
tells MicroPython where it lies. MODULE is imported from the image; the rest are its arguments.
"""

import ctypes
import mmap
import sys
from pathlib import Path

_MOUNT = """
import sys, uctypes, vfs
vfs.mount(vfs.VfsRom(uctypes.bytearray_at({address}, {size})), "/rom")
sys.path[:] = ["/rom/sim/machine", "/rom", ".frozen"]
sys.argv[:] = {arguments!r}
import {module}
"""


def main(image: str, heap: str, module: str, *arguments: str) -> int:
    """Run until the program ends; its exit code."""
    import micropython_run  # type: ignore[import-not-found]  # MicroPython as a CPython extension

    size = Path(image).stat().st_size
    with Path(image).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    program = _MOUNT.format(address=address, size=size, arguments=[module, *arguments], module=module)
    return int(micropython_run.run_main(["micropython", "-X", f"heapsize={heap}", "-c", program]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

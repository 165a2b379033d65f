"""The flash chip as a file of the simulator, with a power cut at a chosen operation.

A block device for `vfs.VfsLfs2` with the extended protocol: erase sets bytes to 0xFF, programming happens
at any offset inside an erased block. A cut inside an operation leaves its first bytes done and the rest as
it was.
"""

from micropython import const

_ERASE_SIZE = const(4096)
_SYNC = const(3)
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)
_ERASED = b"\xff" * 4096
"""Made once: a chip needs no memory to erase, and littlefs does not survive an operation that raises."""


class FlashFile:
    """Block device on the file `path`, whose size is a multiple of 4,096.

    Args:
        on_write: called with (operation number from 1, bytes of this operation) before each erase and
        program;
            returns how many of the bytes still reach the chip. Fewer than asked means that power is gone.
        on_cut: called when power is gone; never returns.
    """

    def __init__(self, path, on_write, on_cut):
        self._file = open(path, "r+b")
        self._file.seek(0, 2)
        self._size = self._file.tell()
        self._on_write = on_write
        self._on_cut = on_cut

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * _ERASE_SIZE + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self._change(block * _ERASE_SIZE + offset, buffer)

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._size // _ERASE_SIZE
        if operation == _SIZE:
            return _ERASE_SIZE
        if operation == _ERASE:
            self._change(argument * _ERASE_SIZE, _ERASED)
        elif operation == _SYNC:
            self._file.flush()
        return 0

    def _change(self, place, data):
        reached = self._on_write(len(data))
        self._file.seek(place)
        self._file.write(data if reached >= len(data) else bytes(data)[:reached])
        if reached < len(data):
            self._file.flush()
            self._on_cut()

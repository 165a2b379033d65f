"""Small files on the board's littlefs, below /data. littlefs keeps the old or the new file, never half of one."""

import os

DATA = "/data"


def prepare():
    """Make the folder where it is absent."""
    try:
        os.mkdir(DATA)
    except OSError:  # it is there
        pass


def read(name):
    """The file's bytes, or None when it is absent or cannot be read."""
    try:
        with open(DATA + "/" + name, "rb") as file:
            return file.read()
    except OSError:
        return None


def write(name, data):
    """Replace the file.

    Raises:
        OSError: the flash is full or broken.
    """
    with open(DATA + "/" + name, "wb") as file:
        file.write(data)

"""Settings of the box: few, bounded, kept as one line of `key=value` each in a flash file.

The `configure` command changes them while on-hook; an unknown key or a value outside its range changes
nothing.
"""

from firmware.board import storage

_FILE = "settings"

SETTINGS = {
    # key: (default, least, most)
    "dial_tone_wait_ms": (3000, 0, 20000),
    "answer_wait_ms": (40000, 5000, 80000),
    "dtmf_ms": (100, 60, 500),
}


class Config:
    """The settings in force; `values[key]` is an integer inside its range."""

    def __init__(self) -> None:
        self.values = {key: row[0] for key, row in SETTINGS.items()}
        for line in (storage.read(_FILE) or b"").split(b"\n"):
            key, _, value = line.decode().partition("=")
            self.change(key, value)

    def change(self, key: str, value: str) -> bool:
        """Change one setting in RAM; False when the key is unknown or the value is out of range."""
        row = SETTINGS.get(key)
        if row is None or not value.isdigit() or not row[1] <= int(value) <= row[2]:
            return False
        self.values[key] = int(value)
        return True

    def store(self) -> None:
        """Write what differs from the defaults to flash.

        Raises:
            OSError: the flash cannot be written.
        """
        changed = [(key, value) for key, value in self.values.items() if value != SETTINGS[key][0]]
        lines = ["%s=%d" % pair for pair in sorted(changed)]
        storage.write(_FILE, "\n".join(lines).encode())

"""The process's secret key: 32 random bytes in the data directory, made at the first start."""

import os
import secrets
from pathlib import Path

KEY_FILE = "secret.key"
KEY_BYTES = 32


def load_secret(data_dir: Path) -> bytes:
    """Read the key, or make it (mode 0600). Losing it revokes play addresses and broker passwords."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / KEY_FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(key := secrets.token_bytes(KEY_BYTES))
    return key

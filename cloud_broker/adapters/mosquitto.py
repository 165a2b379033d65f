"""Mosquitto's own files: who may connect (passwd), to which topics (acl), where it listens (mosquitto.conf).

A desk's user name is its id. The one ACL holds a desk inside `cloudseat/v1/{desk}/` and each topic to its
direction. Passwords are PBKDF2-SHA512 in Mosquitto's `$7$iterations$salt$hash` form; its default of 101
iterations is enough here, because the passwords are 32 random bytes.
"""

import base64
import getpass
import hashlib
import hmac
import os
import secrets
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path

from protocol.topics import DOWN, POP, PREFIX, TOPICS, UP

CLOUD_USER = "_cloud"
"""Outside the alphabet of desk ids, so no desk can be called that."""

ITERATIONS = 101
SALT_BYTES = 12
PID_FILE = "mosquitto.pid"


def derive_password(secret: bytes, user: str, generation: int) -> str:
    """The broker password of a desk: derived, so that it is stored nowhere; a new generation revokes it."""
    mac = hmac.new(secret, f"mqtt\n{user}\n{generation}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def encode_password(password: str, salt: bytes) -> str:
    """One password in the `$7$` form."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def build_acl() -> str:
    """Patterns by user name, from the topic table."""
    lines = [f"user {CLOUD_USER}", f"topic readwrite {PREFIX}/#", ""]
    rights = {UP: "write", DOWN: "read"}
    lines += [
        f"pattern {rights[direction]} {PREFIX}/%u/+/{level}" for level, direction, _, _, _ in TOPICS.values()
    ]
    lines.append(f"pattern read {PREFIX}/%u/{POP}")
    return "\n".join(lines) + "\n"


def write_config(folder: Path, port: int) -> None:
    """mosquitto.conf and acl for a broker on loopback that keeps sessions and queues on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    home = folder.absolute()
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {home / 'passwd'}",
        f"acl_file {home / 'acl'}",
        f"pid_file {home / PID_FILE}",
        f"user {getpass.getuser()}",
        "persistence true",
        f"persistence_location {home}/",
        "autosave_interval 30",
        "max_inflight_messages 2000",
        "max_queued_messages 100000",
        "set_tcp_nodelay true",
        "log_type error",
        "log_type warning",
    ]
    _replace(folder / "mosquitto.conf", "\n".join(lines) + "\n")
    _replace(folder / "acl", build_acl())


def write_passwords(folder: Path, passwords: Mapping[str, str]) -> None:
    """The passwd file (user → password), then a SIGHUP to the broker if it runs."""
    lines = [
        f"{user}:{encode_password(passwords[user], secrets.token_bytes(SALT_BYTES))}"
        for user in sorted(passwords)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "passwd", "\n".join(lines) + "\n")
    reload_broker(folder)


def reload_broker(folder: Path) -> bool:
    """Ask the broker to read its files again; False if it does not run."""
    try:
        os.kill(int((folder / PID_FILE).read_text()), signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


def _replace(path: Path, text: str) -> None:
    """Mode 0600, and never half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)

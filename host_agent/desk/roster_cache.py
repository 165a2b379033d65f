"""The roster on disk: encrypted, so that the file alone says nothing, and replaced as a whole or not at all.

    "CSROSTER1" | key id 8 | nonce 12 | ChaCha20-Poly1305 of (tag, newline, the cloud's body)

The key comes from the agent's token by HKDF-SHA256 (RFC 5869); the first 17 bytes are authenticated with it.
The token lies in credentials.json, which this user alone can read: whoever copies both files has both.
The file's time of change is when the cloud last said that it is current.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from host_agent.errors import AgentError
from host_agent.files import write_durably

FILE = "roster.bin"
_MAGIC = b"CSROSTER1"
_KEY_ID, _NONCE = 8, 12
_HEAD = len(_MAGIC) + _KEY_ID


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in the cache. `tag`: its name at the cloud; `confirmed_ms`: UTC by the PC."""

    tag: str
    body: bytes
    confirmed_ms: int


class RosterCache:
    """One file, for one token. Only one thread at a time may use it."""

    def __init__(self, data_dir: Path, token: str) -> None:
        self._path = data_dir / FILE
        self._key_id = _derive(token, b"cloudseat roster cache 1 id", _KEY_ID)
        self._key = _derive(token, b"cloudseat roster cache 1 key", 32)

    def load(self) -> Kept | None:
        """None where there is none.

        Raises:
            AgentError: `roster.other_key` or `roster.damaged`; the file is gone then.
        """
        try:
            data, confirmed_ms = self._path.read_bytes(), self._path.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _damaged(self._path, str(error)) from error
        try:
            tag, body = self._open(data)
        except AgentError:
            self.erase()
            raise
        return Kept(tag, body, confirmed_ms)

    def store(self, tag: str, body: bytes) -> None:
        """Replace the file.

        Raises:
            OSError: no room; the old one is untouched.
        """
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        head = _MAGIC + self._key_id
        nonce = os.urandom(_NONCE)
        sealed = ChaCha20Poly1305(self._key).encrypt(nonce, tag.encode() + b"\n" + body, head)
        write_durably(self._path, head + nonce + sealed, mode=0o600)

    def confirm(self) -> None:
        """The cloud says that what lies here is current."""
        os.utime(self._path)

    def erase(self) -> None:
        """Forget it."""
        erase(self._path.parent)

    def _open(self, data: bytes) -> tuple[str, bytes]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        head, nonce, sealed = data[:_HEAD], data[_HEAD : _HEAD + _NONCE], data[_HEAD + _NONCE :]
        if not head.startswith(_MAGIC) or len(sealed) < 16:
            raise _damaged(self._path, "it is cut, or no roster at all")
        if head[len(_MAGIC) :] != self._key_id:
            raise AgentError(
                "roster.other_key",
                f"{self._path} was written with other credentials and cannot be read.",
                "It was thrown away; a new one is fetched as soon as the cloud answers.",
            )
        try:
            tag, _, body = ChaCha20Poly1305(self._key).decrypt(nonce, sealed, head).partition(b"\n")
        except InvalidTag as error:
            raise _damaged(self._path, "its bytes are not those that were written") from error
        return tag.decode(), body


def erase(data_dir: Path) -> None:
    """Take the cache away, whosever it is."""
    (data_dir / FILE).unlink(missing_ok=True)


def _derive(token: str, purpose: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, None, purpose).derive(token.encode())


def _damaged(path: Path, reason: str) -> AgentError:
    return AgentError(
        "roster.damaged",
        f"{path} cannot be read: {reason}.",
        "It was thrown away; a new one is fetched as soon as the cloud answers.",
    )

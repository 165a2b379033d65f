"""Playing a recording: a signed address that lives for minutes, one audit row each time it is given out."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from sqlalchemy import insert, update

from cloud_broker.adapters.sql import tables
from cloud_broker.adapters.sql.engine import Database
from cloud_broker.domain.views import CallView, Invalid, User
from cloud_broker.ports import Clock

TOKEN_LIFE_MS = 15 * 60_000
PLAYABLE = ("verified", "legal_hold")


class TokenRefused(Exception):
    """Forged, cut or expired."""


@dataclass(frozen=True, slots=True)
class Playback:
    """Signs and checks play addresses with the process's secret key."""

    database: Database
    clock: Clock
    secret: bytes

    def sign(self, user: User, call: CallView) -> str:
        """The address of one playback.

        Raises:
            Invalid: `recording` with its state as the reason, while there is nothing verified to play.
        """
        if call.recording.state not in PLAYABLE:
            raise Invalid("recording", call.recording.state)
        now_ms = self.clock.now_ms()
        with self.database.write() as connection:
            play_id = connection.execute(
                insert(tables.playback)
                .values(call_id=call.id, user_id=user.id, at_ms=now_ms, address="")
                .returning(tables.playback.c.id)
            ).scalar_one()
        token = build_token(self.secret, call.id, int(play_id), now_ms + TOKEN_LIFE_MS)
        return f"/api/v1/recordings/{call.id}/audio?token={token}"

    def open(self, call_id: str, token: str, address: str) -> None:
        """Check a token; the first request of a playback completes its audit row.

        Raises:
            TokenRefused.
        """
        now_ms = self.clock.now_ms()
        play_id = check_token(self.secret, call_id, token, now_ms)
        row = tables.playback.c
        with self.database.write() as connection:
            connection.execute(
                update(tables.playback)
                .where(row.id == play_id, row.first_byte_ms.is_(None))
                .values(first_byte_ms=now_ms, address=address)
            )


def build_token(secret: bytes, call_id: str, play_id: int, expires_ms: int) -> str:
    body = json.dumps([call_id, play_id, expires_ms], separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(_sign(secret, body))}"


def check_token(secret: bytes, call_id: str, token: str, now_ms: int) -> int:
    """The id of the playback. Raises TokenRefused."""
    body_text, _, signature = token.partition(".")
    try:
        body, given = _decode(body_text), _decode(signature)
        if not hmac.compare_digest(_sign(secret, body), given):
            raise TokenRefused
        named, play_id, expires_ms = json.loads(body)
    except (ValueError, binascii.Error) as error:
        raise TokenRefused from error
    if named != call_id or now_ms >= expires_ms:
        raise TokenRefused
    return int(play_id)


def _sign(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, b"play\n" + body, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

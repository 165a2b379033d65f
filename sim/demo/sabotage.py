"""One part broken on purpose. Each must make the headless run fail, else its check proves nothing.

caller_id   the exchange sends one wrong bit in a message, so that its checksum fails
event       the cable swallows the event that says the handset was lifted
upload      one byte of a stored recording is turned over
ticket      the person binds the ticket to another call
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

from protocol.errors import FrameError, MessageError
from protocol.framing import CONTROL, decode_frame, encode_frame
from protocol.messages import decode_message, encode_message
from sim.errors import SimulatorError


class Sabotage(StrEnum):
    """Which part is broken."""

    CALLER_ID = "caller_id"
    EVENT = "event"
    UPLOAD = "upload"
    TICKET = "ticket"


class SwallowingCable:
    """Passes the board's bytes on, but puts a log message in the place of one event.

    Frame and checksum are right, so both ends of the link are content; only the check can tell.

    Args:
        event: type of the event to swallow; the first of them goes, each time it is sent.
    """

    def __init__(self, event: str) -> None:
        self._event = event
        self._swallowed: int | None = None
        self._partial = b""

    def __call__(self, data: bytes) -> bytes:
        *frames, self._partial = (self._partial + data).split(b"\0")
        return b"".join(self._pass(frame) for frame in frames)

    def _pass(self, encoded: bytes) -> bytes:
        try:
            session, kind, seq, ack, payload = decode_frame(encoded)
            message = decode_message(payload) if kind == CONTROL else []
        except (FrameError, MessageError):
            return encoded + b"\0"
        number, event = _named(message)
        if event == self._event and self._swallowed in (None, number):
            self._swallowed = number
            return encode_frame(session, kind, seq, ack, encode_message("log", "info", "nothing happened"))
        return encoded + b"\0"


def _named(message: list[Any]) -> tuple[int, str]:
    """(seq, type) of an event, told as it happens or from flash; type "" for any other message."""
    if message[:1] == ["event"]:
        return message[1], message[3]
    if message[:1] == ["past_event"]:
        return message[2], message[4]
    return 0, ""


def flip_stored_byte(store: Path) -> None:
    """Turn one bit over in the middle of the first stored recording.

    Raises:
        SimulatorError: nothing is stored.
    """
    files = sorted(path for path in store.rglob("*") if path.is_file())
    if not files:
        raise SimulatorError(f"no recording in {store} to sabotage")
    data = bytearray(files[0].read_bytes())
    data[len(data) // 2] ^= 0x10
    files[0].write_bytes(bytes(data))

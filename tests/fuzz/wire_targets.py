"""The targets of protocol/: each takes any bytes, checks what must hold, and returns the outcome as one word.

Runs on CPython and MicroPython.
"""

from binascii import crc32

from protocol import cbor
from protocol.errors import CborError, MessageError
from protocol.framing import AUDIO, CONTROL, HELLO, FrameDecoder, encode_frame
from protocol.link import AUDIO_WINDOW, CLOSED, CONTROL_WINDOW, MAX_INPUTS, OPENED, LinkEnd
from protocol.messages import (
    decode_audio,
    decode_board_hello,
    decode_host_hello,
    decode_message,
    encode_audio,
    encode_board_hello,
    encode_host_hello,
    encode_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = {CONTROL: "control", AUDIO: "audio", OPENED: "opened", CLOSED: "closed"}
_GOOD = (7, CONTROL, 1, 0, b"good")
_GOOD_BYTES = b"\0" + encode_frame(*_GOOD)


def check_frames(data: bytes) -> str:
    """Whole and in two pieces gives the same; the next good frame is found."""
    whole, cut = FrameDecoder(), FrameDecoder()
    frames = whole.feed(data)
    middle = len(data) // 2
    assert cut.feed(data[:middle]) + cut.feed(data[middle:]) == frames
    assert whole.rejected == cut.rejected
    assert whole.feed(_GOOD_BYTES)[-1] == _GOOD
    for frame in frames:
        encoded = encode_frame(*frame)
        assert FrameDecoder().feed(encoded) == [frame]
        assert encoded in data or encoded[:-1] + b"\x01\0" in data, "nobody sent this frame"
    return "+".join(sorted(whole.rejected)) or "frame"


def check_cbor(data: bytes) -> str:
    """What is accepted is written the same way."""
    try:
        value = cbor.decode(data)
    except CborError as error:
        return error.reason
    assert cbor.encode(value) == data
    return "accepted"


def check_messages(data: bytes) -> str:
    """What is accepted is said the same way."""
    outcomes = []
    for decode, encode in (
        (decode_message, encode_message),
        (decode_board_hello, encode_board_hello),
        (decode_host_hello, encode_host_hello),
        (decode_audio, encode_audio),
    ):
        try:
            parts = decode(data)
        except MessageError as error:
            outcomes.append(error.reason)
            continue
        if len(data) <= 256:
            assert encode(*parts) == data, (decode, data)
        outcomes.append("accepted")
    return "/".join(outcomes)


class _Handed:
    """Stands where a frame decoder does and hands over these frames: the decoder is a target of its own."""

    def __init__(self, frames: "list[tuple[int, int, int, int, bytes]]") -> None:
        self._frames = frames

    def feed(self, data: bytes) -> "list[tuple[int, int, int, int, bytes]]":
        return self._frames


def check_link(data: bytes) -> str:
    """What comes from the line leaves both ends bounded, and a session still opens.

    Three times in four (by their sum) the bytes are bodies of frames of the open session, else raw.
    """
    board, host = LinkEnd(True, b"board", lambda: 0x5AA5), LinkEnd(False, b"host", lambda: 0)
    board.receive(host.poll(0), 0)
    _exchange(board, host, 0)
    assert board.is_open and host.is_open
    board.send(CONTROL, b"c")
    board.send(AUDIO, b"a")
    handed = None
    if sum(data) & 3:
        session = board._drawn ^ board._nonce
        handed = [_build_frame(session, board._drawn, data[at : at + 12]) for at in range(0, len(data), 12)]
    board.take()
    host.take()
    kinds = set()
    for end in (board, host):
        decoder = end.decoder
        if handed is not None:
            end.decoder = _Handed(handed)  # type: ignore[assignment]
        for now_ms in (1, 400):
            end.receive(data, now_ms)
            end.send(CONTROL, b"c")
            assert len(end.poll(now_ms, 1024)) <= 1024 + 4 * 280
            inputs = end.take()
            assert len(inputs) <= MAX_INPUTS + AUDIO_WINDOW
            kinds.update([_KINDS[kind] for kind, _ in inputs])
            assert end.next_deadline_ms(now_ms) >= now_ms
            for channel, window in ((CONTROL, CONTROL_WINDOW), (AUDIO, AUDIO_WINDOW)):
                assert 0 <= end.under_way(channel) <= window
                assert 0 <= end.room(channel) <= window
        end.decoder = decoder
        assert len(end._receivers[CONTROL]._early) < CONTROL_WINDOW
        assert len(end._receivers[AUDIO]._early) < AUDIO_WINDOW
    now_ms = 2000
    while not _is_joined(board, host):
        _exchange(board, host, now_ms)
        now_ms += 200
        assert now_ms < 14_000
    return "+".join(sorted(kinds)) or "nothing"


def _is_joined(board: LinkEnd, host: LinkEnd) -> bool:
    session = board._drawn ^ board._nonce
    return board.is_open and host.is_open and session == host._drawn ^ host._nonce


def _exchange(board: LinkEnd, host: LinkEnd, now_ms: int) -> None:
    host.receive(board.poll(now_ms), now_ms)
    board.receive(host.poll(now_ms), now_ms)


def _build_frame(session: int, drawn: int, body: bytes) -> "tuple[int, int, int, int, bytes]":
    """A frame of an open session: type and numbers drawn from the bytes, mostly near the ones waited for;
    one in sixteen is a hello."""
    key = crc32(body)
    if key >> 26 & 15 == 0:
        return (0, drawn, drawn ^ 1)[key >> 24 & 3 and key % 3], HELLO, key & 1, 0, body
    seq, ack = (0, 0, 1, 2)[key >> 2 & 3], key >> 4 & 3
    if key >> 8 & 15 == 0:
        seq, ack = key >> 12 & 0xFFFF, key >> 16 & 0xFFFF
    return session, CONTROL + key % 4, seq, ack, body


TARGETS: "dict[str, Callable[[bytes], str]]" = {
    "frames": check_frames,
    "cbor": check_cbor,
    "messages": check_messages,
    "link": check_link,
}

"""The targets of protocol/: each takes any bytes, checks what must hold, and returns the outcome as one word.

Runs on CPython and MicroPython.
"""

from binascii import crc32

from protocol import cbor
from protocol.errors import CborError, MessageError
from protocol.framing import AUDIO, CONTROL, FrameDecoder, encode_frame
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
        assert FrameDecoder().feed(encode_frame(*frame)) == [frame]
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


def check_link(data: bytes) -> str:
    """Bytes from the line leave both ends bounded, and a session still opens.

    Three times in four (by their sum) they are bodies of frames of the open session, else raw.
    """
    board, host = LinkEnd(True, b"board", lambda: 0x5AA5), LinkEnd(False, b"host", lambda: 0)
    board.receive(host.poll(0), 0)
    _exchange(board, host, 0)
    assert board.is_open and host.is_open
    board.send(CONTROL, b"c")
    board.send(AUDIO, b"a")
    session = board._drawn ^ board._nonce
    line = data
    if sum(data) & 3:
        line = b"".join([_build_frame(session, data[at : at + 12]) for at in range(0, len(data), 12)])
    board.take()
    host.take()
    kinds = set()
    for end in (board, host):
        for now_ms in (1, 100):
            end.receive(line, now_ms)
            assert len(end.poll(now_ms, 1024)) <= 1024 + 4 * 280
            inputs = end.take()
            assert len(inputs) <= MAX_INPUTS + AUDIO_WINDOW
            kinds.update([_KINDS[kind] for kind, _ in inputs])
            assert end.next_deadline_ms(now_ms) >= now_ms
        assert len(end._receivers[CONTROL]._early) < CONTROL_WINDOW
        assert len(end._receivers[AUDIO]._early) < AUDIO_WINDOW
    now_ms = 200
    while not _is_joined(board, host):
        _exchange(board, host, now_ms)
        now_ms += 200
        assert now_ms < 12_000
    return "+".join(sorted(kinds)) or "nothing"


def _is_joined(board: LinkEnd, host: LinkEnd) -> bool:
    session = board._drawn ^ board._nonce
    return board.is_open and host.is_open and session == host._drawn ^ host._nonce


def _exchange(board: LinkEnd, host: LinkEnd, now_ms: int) -> None:
    host.receive(board.poll(now_ms), now_ms)
    board.receive(host.poll(now_ms), now_ms)


def _build_frame(session: int, body: bytes) -> bytes:
    """A frame of an open session: type and numbers drawn from the bytes, mostly near the ones waited for."""
    key = crc32(body)
    seq, ack = (0, 0, 1, 2)[key >> 2 & 3], key >> 4 & 3
    if key >> 8 & 15 == 0:
        seq, ack = key >> 12 & 0xFFFF, key >> 16 & 0xFFFF
    return encode_frame(session, CONTROL + key % 4, seq, ack, body)


TARGETS: "dict[str, Callable[[bytes], str]]" = {
    "frames": check_frames,
    "cbor": check_cbor,
    "messages": check_messages,
    "link": check_link,
}

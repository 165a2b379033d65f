"""One thing done wrong on purpose. Each must make `reconcile` exit 1, else its count proves nothing.

drop-event      the wire of the first box swallows the event that says that ringing began or a set was lifted
drop-segment    the wire of the first box swallows three seconds of a recording
double-call     a call stands twice in the cloud's database
"""

from collections.abc import Callable
from enum import StrEnum

from protocol.errors import FrameError, MessageError
from protocol.framing import AUDIO, decode_frame, encode_frame
from protocol.messages import decode_audio, encode_audio
from sim.demo.sabotage import SwallowingCable
from sim.errors import SimulatorError

SEGMENT_SAMPLES = (8_000, 32_000)


class ChaosSabotage(StrEnum):
    """What is done wrong."""

    DROP_EVENT = "drop-event"
    DROP_SEGMENT = "drop-segment"
    DOUBLE_CALL = "double-call"


class SegmentDroppingCable:
    """Passes the board's bytes on, but three seconds of each recording say again what its first samples said.

    Frames and checksums are right, so both ends of the link are content.
    """

    def __init__(self) -> None:
        self._partial = b""

    def __call__(self, data: bytes) -> bytes:
        *frames, self._partial = (self._partial + data).split(b"\0")
        return b"".join(self._pass(frame) + b"\0" for frame in frames)

    def _pass(self, encoded: bytes) -> bytes:
        try:
            session, kind, seq, ack, payload = decode_frame(encoded)
            if kind != AUDIO:
                return encoded
            call, first_sample, alaw = decode_audio(payload)
        except (FrameError, MessageError):
            return encoded
        low, high = SEGMENT_SAMPLES
        if not low <= first_sample < high:
            return encoded
        return encode_frame(session, kind, seq, ack, encode_audio(call, 0, alaw)).removesuffix(b"\0")


def build_cables(sabotage: ChaosSabotage | None) -> dict[int, Callable[[bytes], bytes]]:
    """Box number → what its bytes pass through."""
    if sabotage is ChaosSabotage.DROP_EVENT:
        return {0: SwallowingCable("off_hook")}
    if sabotage is ChaosSabotage.DROP_SEGMENT:
        return {0: SegmentDroppingCable()}
    return {}


def double_a_call(database_url: str) -> None:
    """Copy the last call under another id.

    Raises:
        SimulatorError: there is none.
    """
    import sqlalchemy  # here, because every start of cloudseat-sim would pay for it

    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        table = sqlalchemy.Table("call", sqlalchemy.MetaData(), autoload_with=connection)
        row = connection.execute(table.select().order_by(table.c.started_ms.desc())).mappings().first()
        if row is None:
            raise SimulatorError("there is no call to double")
        connection.execute(table.insert().values({**row, "id": f"{row['id']}0"}))
    engine.dispose()

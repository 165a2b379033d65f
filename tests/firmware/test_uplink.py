"""The uplink's promise about sound: a session may end at any point, and no sample that the ring still has is
left out."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from protocol.framing import AUDIO
from protocol.link import LinkEnd
from protocol.messages import decode_audio
from sim.chaos.wire import Damage
from tests.firmware.bench import BLOCK_MS, IDLE_MV, LIFTED_MV, Bench
from tests.firmware.test_journal import write_events

Frames = list[tuple[int, int, int, int, bytes]]


class Deaf:
    """A frame decoder that one payload of sound never gets through."""

    def __init__(self, link: LinkEnd, first_sample: int) -> None:
        self._decoder, self._first_sample = link.decoder, first_sample

    def feed(self, data: bytes) -> Frames:
        frames = self._decoder.feed(data)
        return [f for f in frames if f[1] != AUDIO or decode_audio(f[4])[1] != self._first_sample]


def test_what_was_acknowledged_behind_a_lost_payload_comes_again_in_the_next_session(bench: Bench) -> None:
    bench.hold(IDLE_MV, 2000)
    bench.hold(LIFTED_MV, 2000)
    call = bench.desk.only("off_hook").fields["call"]
    before = bench.desk
    lost = len(before.recording(call))
    before.link.decoder = Deaf(before.link, lost)  # type: ignore[assignment]
    bench.hold(LIFTED_MV, 2000)
    assert len(before.recording(call)) == lost
    bench.desk = type(before)(audio=before.audio)
    bench.hold(LIFTED_MV, 4000)
    assert len(bench.desk.recording(call)) > 7.5 * 8000


def test_on_a_bad_wire_the_ring_has_come_up_soon_after_a_plug_is_put_back(bench: Bench) -> None:
    bench.hold(IDLE_MV, 2000)
    bench.hold(LIFTED_MV, 2000)
    call = bench.desk.only("off_hook").fields["call"]
    bench.is_plugged = False
    bench.hold(LIFTED_MV, 6000)
    bench.is_plugged = True
    bench.wire.damage = Damage(7e-4, 7e-4, 6e-4)  # as much as chaos does
    bench.hold(LIFTED_MV, 2500)
    assert len(bench.desk.recording(call)) > 10 * 8000  # of 10.5


def test_a_backlog_comes_slower_while_the_line_rings_or_a_call_is_heard(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    write_events(tmp_path, tmp_path / "flash.bin", 500, 12)
    bench = make_bench()

    def past_events_a_block(loop_mv: int) -> int:
        counts = [len(bench.desk.past)]
        for _ in range(10):
            bench.hold(loop_mv, BLOCK_MS)
            counts.append(len(bench.desk.past))
        return max(later - earlier for earlier, later in pairwise(counts))

    bench.hold(IDLE_MV, 800)
    assert past_events_a_block(IDLE_MV) > 4
    bench.ring(640)
    assert 0 < past_events_a_block(IDLE_MV) <= 4
    bench.hold(LIFTED_MV, 640)
    assert 0 < past_events_a_block(LIFTED_MV) <= 4
    assert len(bench.desk.past) < 500

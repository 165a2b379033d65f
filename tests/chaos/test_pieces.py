"""The pieces of chaos by themselves: outages, wire, port, calls, sabotaged cables."""

import os
import random
import socket
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from protocol.framing import AUDIO, FrameDecoder, encode_frame
from protocol.messages import decode_audio, encode_audio
from sim.call import CallTruth
from sim.chaos.evidence import HANG_UP_MS, RING_STOP_MS, truth_row
from sim.chaos.gate import Gate
from sim.chaos.outages import Outage, Outages
from sim.chaos.port import PluggablePort
from sim.chaos.sabotage import SegmentDroppingCable
from sim.chaos.traffic import KINDS, draw_number, draw_talk_s, plan_calls
from sim.chaos.wire import Damage

BOX = "5117b0c00000"


def test_outages_that_overlap_count_once() -> None:
    outages = Outages()
    outages.add(Outage(BOX, 1_000, 3_000, stops_audio=True))
    outages.add(Outage(Outages.EVERYBODY, 2_000, 5_000, stops_audio=True))
    outages.add(Outage("another", 0, 9_000, stops_audio=True))
    outages.add(Outage(BOX, 6_000, 7_000))
    assert outages.silent_ms(BOX, 0, 10_000) == 4_000
    assert outages.silent_ms(BOX, 2_500, 4_000) == 1_500
    assert outages.silent_ms(BOX, 8_000, 9_000) == 0


def test_only_the_box_that_lost_its_power_is_excused() -> None:
    outages = Outages()
    outages.add(Outage(BOX, 1_000, 2_000, cuts_power=True))
    assert outages.was_cut(BOX, 1_900, 5_000)
    assert not outages.was_cut(BOX, 2_100, 5_000)
    assert not outages.was_cut("another", 1_900, 5_000)


@pytest.mark.parametrize(("off_hook_ms", "until_known_ms"), [(2_000, HANG_UP_MS), (None, RING_STOP_MS)])
def test_a_cut_before_a_box_can_know_of_the_end_excuses_it(
    off_hook_ms: int | None, until_known_ms: int
) -> None:
    """What `truth_row` asks of a site is what stands here."""
    truth = CallTruth("1", "in", "1", "", "fsk-mdmf", 1_000, off_hook_ms=off_hook_ms, ended_ms=9_000)
    outcomes = []
    for cut_ms in (9_000 + until_known_ms, 9_001 + until_known_ms):
        outages = Outages()
        outages.add(Outage(BOX, cut_ms, cut_ms + 500, cuts_power=True))
        site: Any = SimpleNamespace(outages=outages, unix_ms=lambda _, line_ms: line_ms)
        outcomes.append(truth_row(site, SimpleNamespace(source=BOX), truth)["allowed_outcomes"])  # type: ignore[arg-type]
    assert outcomes == [[truth.outcome, "interrupted"], [truth.outcome]]


def test_a_damaged_wire_hits_about_as_many_bytes_as_it_is_told() -> None:
    rng = random.Random(1)
    data = bytes(100_000)
    assert len(Damage(0, 0.01, 0).apply(data, rng)) in range(98_700, 99_300)
    assert len(Damage(0, 0, 0.01).apply(data, rng)) in range(100_700, 101_300)
    corrupted = Damage(0.01, 0, 0).apply(data, rng)
    assert len(corrupted) == len(data)
    assert corrupted.count(0) in range(98_700, 99_300)


def test_a_port_keeps_its_path_when_it_is_plugged_in_again(tmp_path: Path) -> None:
    port = PluggablePort(tmp_path, "box-0")
    path = port.path
    first = Path(path).resolve()
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        port.write(b"hello")
        port.unplug()
        assert not Path(path).exists()
        port.write(b"nobody hears this")
        assert port.read() == b""
        port.plug()
        assert port.path == path
        assert Path(path).resolve() != first
        assert port.written == len(b"hello")
    finally:
        os.close(descriptor)
        port.close()


def test_a_gate_that_is_cut_refuses_and_works_again_at_the_same_port() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    gate = Gate(server.getsockname()[1])

    def say(text: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as near:
            far, _ = server.accept()
            near.sendall(text)
            with far:
                return far.recv(100)

    try:
        assert say(b"before") == b"before"
        with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as held:
            far, _ = server.accept()
            gate.cut()
            assert held.recv(1) == b""
            far.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gate.port), timeout=5)
        gate.mend()
        assert say(b"after") == b"after"
    finally:
        gate.close()
        server.close()


def test_calls_come_from_the_seed_alone() -> None:
    def draw(seed: int) -> list[object]:
        return list(islice(plan_calls(random.Random(seed)), 60))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    talks = sorted(draw_talk_s(random.Random(seed)) for seed in range(1000))
    assert talks[0] >= 3
    assert talks[-1] <= 30
    assert 9 < talks[500] < 11
    assert sum(weight for weight, _ in KINDS) == 100
    assert len(draw_number(random.Random(1))) == 11


def test_a_segment_is_dropped_without_the_link_noticing() -> None:
    cable, decoder = SegmentDroppingCable(), FrameDecoder()
    sent = b"".join(
        encode_frame(7, AUDIO, number, 0, encode_audio(1, number * 248, b"\xd5" * 248))
        for number in range(200)
    )
    heard = [decode_audio(payload)[1] for _, _, _, _, payload in decoder.feed(cable(sent))]
    assert len(heard) == 200
    kept = {first for first in heard if first}
    assert kept == {n * 248 for n in range(1, 200) if not 8_000 <= n * 248 < 32_000}

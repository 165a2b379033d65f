"""The agent under load, on real parts: pty → agent → Mosquitto. Needs Mosquitto.

    python -m benchmarks.agent

Prints, from one run on this machine:
- latency: from the write of an event's frame into the pty to its arrival at an MQTT subscriber, one event at
  a time (with its fsync), beside the limit of 20 ms;
- through: events per second from the box to a subscriber while all is up, beside one commit an event of bare
  SQLite on the same disk, and what an event costs the agent;
- drain: a backlog of 500 calls (14 events each) from the spool to a subscriber;
- CPU: share of one core with 0, 1, 4 and 8 boxes in a call (8,000 A-law bytes/s each), and per box;
- recording: bytes per minute of talk as stored, and what three hours of it take to encode.
"""

import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from host_agent.database import open_database, transaction
from host_agent.opus import encode_recording
from host_agent.segments import SegmentWriter
from host_agent.spool import Spool
from protocol.const import SAMPLE_RATE_HZ
from protocol.event_json import EventRecord
from sim.signals.alaw import alaw_encode
from sim.speech import conversation
from tests.host_agent.board import Board, Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto
from tests.host_agent.processes import Agent, Consumer

EVENTS = 200
CALLS = 500
EVENTS_A_CALL = 14
THROUGH = 3000
AT = "2026-03-17T09:00:00.000Z"
HOURS = 3
CPU_SECONDS = 8
LIMIT_MS = 20.0


def main() -> None:
    """Run them one after the other, a line each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder)
        broker.start()
        cloud = FakeCloud(broker.port)
        consumer = Consumer(broker.port)
        try:
            measure_latency(folder, cloud, consumer)
            measure_through(folder, cloud, consumer)
            measure_drain(folder, cloud, consumer, broker)
            idle = measure_cpu(folder, cloud, 0, 0.0)
            for boxes in (1, 4, 8):
                measure_cpu(folder, cloud, boxes, idle)
            measure_recording(folder)
        finally:
            consumer.close()
            cloud.close()
            broker.kill()


def measure_latency(folder: Path, cloud: FakeCloud, consumer: Consumer) -> None:
    """One event at a time."""
    cable = Cable(Board())
    agent = Agent(folder / "latency", cloud, "--port", cable.path)
    agent.expect_line("agent.box_attached")
    latencies = []
    for burst in range(EVENTS):
        with cable.lock:
            cable.board.state("ring_burst", burst, call=0, burst=burst)
            cable.write_now()
            start = time.monotonic()
        consumer.expect(lambda topic, body, burst=burst: body.get("fields", {}).get("burst") == burst)  # type: ignore[misc]
        latencies.append((time.monotonic() - start) * 1000)
    agent.stop()
    cable.close()
    latencies.sort()
    p50, p95 = statistics.median(latencies), latencies[round(0.95 * EVENTS) - 1]
    print(f"latency: p50 {p50:.1f} ms, p95 {p95:.1f} ms, ratio to the limit {p95 / LIMIT_MS:.2f}")


def measure_through(folder: Path, cloud: FakeCloud, consumer: Consumer) -> None:
    """Everything is up; the box has a journal full of events."""
    cable = Cable(Board("d1b2c3d4e5f6"))
    agent = Agent(folder / "through", cloud, "--port", cable.path)
    agent.expect_line("agent.box_attached")
    before_s, start = read_cpu_s(agent.process.pid), time.monotonic()
    with cable.lock:
        for seq in range(THROUGH):
            cable.board.state("ring_burst", seq, call=0, burst=seq)
    consumer.expect(lambda topic, body: body.get("fields", {}).get("burst") == THROUGH - 1)
    rate = THROUGH / (time.monotonic() - start)
    each_us = (read_cpu_s(agent.process.pid) - before_s) / THROUGH * 1e6
    agent.stop()
    cable.close()
    alone = measure_single_commits(folder)
    print(
        f"through: {rate:.0f} events/s from the box to a subscriber, {each_us:.0f} us of the agent each;"
        f" bare SQLite with a commit an event {alone:.0f} /s, ratio {rate / alone:.2f}"
    )


def measure_single_commits(folder: Path) -> float:
    """Events per second into a spool, each in a transaction of its own."""
    database = open_database(folder / "single.sqlite")
    spool, start = Spool(database), time.monotonic()
    for seq in range(EVENTS):
        with transaction(database):
            said = {"call": 0, "burst": seq}
            spool.store(
                EventRecord("d1b2c3d4e5f6", "1f2e3d4c-7", seq, seq, "ring_burst", said, AT, "synced"), 0
            )
    database.close()
    return EVENTS / (time.monotonic() - start)


def measure_drain(folder: Path, cloud: FakeCloud, consumer: Consumer, broker: Mosquitto) -> None:
    """The broker is away while the events are stored; the clock starts when it is back."""
    broker.kill()
    cable = Cable(Board("b1b2c3d4e5f6"))
    agent = Agent(folder / "drain", cloud, "--port", cable.path)
    agent.expect_line("agent.box_attached")
    total = CALLS * EVENTS_A_CALL
    with cable.lock:
        for seq in range(total):
            cable.board.state("ring_burst", seq, call=0, burst=seq)
    start = time.monotonic()
    while not cable.board.is_idle:
        time.sleep(0.02)
    stored_s = time.monotonic() - start
    broker.start()
    start = time.monotonic()
    consumer.expect(lambda topic, body: body.get("fields", {}).get("burst") == total - 1)
    drained_s = time.monotonic() - start
    agent.stop()
    cable.close()
    print(f"stored: {total / stored_s:.0f} events/s from the box to the spool (link and fsync per batch)")
    print(
        f"drain: {CALLS} calls, {total} events in {drained_s:.1f} s with the reconnection,"
        f" {total / drained_s:.0f} events/s"
    )


def measure_cpu(folder: Path, cloud: FakeCloud, boxes: int, idle: float) -> float:
    """Share of a core that the agent takes while that many boxes record; `idle`: of a box without a call."""
    cables = [Cable(Board(f"c1b2c3d4e5{number:02x}")) for number in range(max(1, boxes))]
    flags = [flag for cable in cables for flag in ("--port", cable.path)]
    agent = Agent(folder / f"cpu-{boxes}", cloud, *flags)
    for _ in cables:
        agent.expect_line("agent.box_attached")
    call = 0
    for cable in cables[:boxes]:
        with cable.lock:
            call = cable.board.state("recording_started", 0, call=0, codec="alaw")
    before, start = read_cpu_s(agent.process.pid), time.monotonic()
    for block in range(CPU_SECONDS * 25):
        for cable in cables[:boxes]:
            with cable.lock:
                cable.board.play(call, block * 320, b"\x5a\xa5" * 160)
        time.sleep(max(0.0, start + (block + 1) / 25 - time.monotonic()))
    share = (read_cpu_s(agent.process.pid) - before) / (time.monotonic() - start)
    agent.stop(signal.SIGKILL)
    for cable in cables:
        cable.close()
    each = f", {100 * (share - idle) / boxes:.2f} % more a box" if boxes else ""
    print(f"CPU: {boxes} boxes in a call, {100 * share:.1f} % of one core{each}")
    return share


def measure_recording(folder: Path) -> None:
    """Talk of a made conversation, over and over."""
    said = conversation(1)
    talk = alaw_encode(said.desk + said.far).tobytes()
    minute = (talk * (60 * SAMPLE_RATE_HZ // len(talk) + 1))[: 60 * SAMPLE_RATE_HZ]
    write_audio(folder / "minute", minute, 1)
    stored = encode_recording(folder / "minute", folder / "minute.opus", len(minute), [])
    write_audio(folder / "hours", minute, 60 * HOURS)
    before_kb, start = read_peak_kb(), time.process_time()
    encode_recording(folder / "hours", folder / "hours.opus", 60 * HOURS * len(minute), [])
    cpu_s, grown_mb = time.process_time() - start, (read_peak_kb() - before_kb) / 1024
    print(
        f"recording: {stored.bytes} bytes a minute of talk, ratio to A-law {stored.bytes / len(minute):.3f}"
    )
    print(f"recording: {HOURS} hours encode in {cpu_s:.1f} s of one core, memory {grown_mb:+.1f} MB")


def write_audio(folder: Path, minute: bytes, minutes: int) -> None:
    """The minute that many times, as it arrives."""
    writer = SegmentWriter(folder)
    for number in range(minutes):
        for at in range(0, len(minute), SAMPLE_RATE_HZ):
            writer.append(number * len(minute) + at, minute[at : at + SAMPLE_RATE_HZ])
    writer.close()


def read_peak_kb() -> int:
    """Most memory this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def read_cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

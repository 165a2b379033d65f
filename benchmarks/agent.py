"""The agent under load, on real parts: pty → agent → Mosquitto. Needs Mosquitto.

    python -m benchmarks.agent

Prints, from one run on this machine:
- latency: from the write of an event's frame into the pty to its arrival at an MQTT subscriber, one event at
  a time (with its fsync), beside the limit of 20 ms;
- drain: events per second of a backlog of 500 calls (14 events each) from the spool to `committed`;
- CPU: share of one core with 0, 1, 4 and 8 boxes in a call (8,000 A-law bytes/s each), and the bytes per
  minute of a stored recording.
"""

import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from tests.host_agent.board import Board, Cable
from tests.host_agent.cloud import FakeCloud
from tests.host_agent.conftest import Mosquitto
from tests.host_agent.processes import Agent, Consumer

EVENTS = 200
CALLS = 500
EVENTS_A_CALL = 14
CPU_SECONDS = 8
LIMIT_MS = 20.0


def main() -> None:
    """Run all three and print a line each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder)
        broker.start()
        cloud = FakeCloud(broker.port)
        consumer = Consumer(broker.port)
        try:
            measure_latency(folder, cloud, consumer)
            measure_drain(folder, cloud, consumer, broker)
            for boxes in (0, 1, 4, 8):
                measure_cpu(folder, cloud, boxes)
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
        f"drain: {total} events in {drained_s:.1f} s with the reconnection, {total / drained_s:.0f} events/s"
    )


def measure_cpu(folder: Path, cloud: FakeCloud, boxes: int) -> None:
    """CPU time of the agent's process while that many boxes record."""
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
    print(f"CPU: {boxes} boxes in a call, {100 * share:.1f} % of one core")


def read_cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

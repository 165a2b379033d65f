"""Events with their projections, from the broker to the commit, beside PostgreSQL's bare batch upsert.

    python -m benchmarks.consumer [--calls 2500]

Both in one run on one cluster. The cloud is stopped (SIGSTOP) while every event is handed to Mosquitto, then
goes on: what is measured is the consumer and not the publisher, until the last event is listed on
`committed`. The peer writes the same payloads into a bare table with the same key, 1,000 a batch, by one
`INSERT ... SELECT unnest(...) ON CONFLICT DO NOTHING` and one commit each.

Limit: ratio >= 0.15; exit status 1 below it.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5

from protocol.event_json import EventRecord, encode_event
from protocol.topics import build_filter, build_topic
from sim.demo.children import Children
from sim.demo.stack import HOST, Stack, StackSettings
from sim.postgres import Cluster

LIMIT = 0.15
BATCH = 1000
TIMEOUT_S = 300.0
AGENT, BOX, BOOT = "a0a0a0a0a0a0", "b0b0b0b0b0b0", "0badcafe-1"
CALL: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (0, "ring_started", {}),
    (0, "ring_burst", {"burst": 1}),
    (2200, "caller_id", {"format": "fsk-mdmf", "standard": "bell202", "datetime": "03170856"}),
    (5000, "ring_burst", {"burst": 2}),
    (6400, "off_hook", {"by": "phone", "rings": 2, "line_mv": 7800}),
    (6400, "recording_started", {"codec": "alaw"}),
    (66400, "on_hook", {"by": "phone"}),
    (66400, "recording_stopped", {"samples": 480_000}),
)
CALL_MS = 80_000
BARE_TABLE = """
    CREATE TABLE event (source text, boot text, seq bigint, payload jsonb, PRIMARY KEY (source, boot, seq))
"""
BARE_UPSERT = """
    INSERT INTO event SELECT %s, %s, * FROM unnest(%s::bigint[], %s::jsonb[]) ON CONFLICT DO NOTHING
"""


def main() -> None:
    """Measure both, print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=2500)
    payloads = build_payloads(parser.parse_args().calls)
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        cluster = resources.enter_context(Cluster())
        peer = measure_upsert(cluster.create("bare"), payloads)
        children = resources.enter_context(Children(folder / "logs"))
        env = {"CLOUDSEAT_CLOUD_DATABASE_URL": cluster.create("cloudseat")}
        stack = Stack(StackSettings(folder, web_port=0, broker="mosquitto", cloud_env=env), children)
        ours = measure_consumer(stack, payloads)
    ratio = ours / peer
    print(
        f"consumer: {ours:.0f} events/s with projections from the broker; bare upsert {peer:.0f} rows/s; "
        f"ratio {ratio:.2f} (limit {LIMIT})"
    )
    sys.exit(0 if ratio >= LIMIT else 1)


def build_payloads(calls: int) -> list[bytes]:
    """The events of `calls` answered calls of one box, in order."""
    payloads = []
    for index in range(calls):
        opened = len(payloads)
        for at_ms, kind, fields in CALL:
            named = {"number": f"138{index:08d}"} if kind == "caller_id" else {}
            payloads.append(
                encode_event(
                    EventRecord(
                        source=BOX,
                        boot=BOOT,
                        seq=len(payloads),
                        uptime_ms=index * CALL_MS + at_ms,
                        type=kind,
                        fields={"call": opened} | fields | named,
                        at="2026-03-17T08:56:00.123Z",
                        clock="synced",
                    )
                )
            )
    return payloads


def measure_upsert(url: str, payloads: list[bytes]) -> float:
    """Rows per second into a bare table."""
    texts = [payload.decode() for payload in payloads]
    with psycopg.connect(url) as connection:
        connection.execute(BARE_TABLE)
        connection.commit()
        began = time.monotonic()
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            connection.execute(BARE_UPSERT, (BOX, BOOT, list(range(first, first + len(batch))), batch))
            connection.commit()
        return len(texts) / (time.monotonic() - began)


def measure_consumer(stack: Stack, payloads: list[bytes]) -> float:
    """Events per second from the broker's queue to `committed`."""
    stack.seed()
    stack.start_broker()
    cloud = stack.start_cloud()
    stack.await_cloud(cloud)
    claim = {"claim_code": stack.desks[0].claim_code, "agent_id": AGENT, "hostname": "bench", "version": "0"}
    enrolled = httpx.post(f"{stack.url}/api/v1/enrol", json=claim, trust_env=False).raise_for_status().json()
    committed = Committed(len(payloads))
    client = Client(CallbackAPIVersion.VERSION2, AGENT, protocol=MQTTv5)
    client.username_pw_set(enrolled["mqtt"]["username"], enrolled["mqtt"]["password"])
    client.on_message = committed.hear
    client.max_inflight_messages_set(1000)
    client.connect(HOST, stack.mqtt_port)
    client.loop_start()
    desk = enrolled["desk"]
    client.subscribe(build_filter("committed", desk), qos=1)
    _say_online(client, desk)
    cloud.process.send_signal(signal.SIGSTOP)
    topic = build_topic("event", desk, BOX)
    for sent in [client.publish(topic, payload, qos=1) for payload in payloads]:
        sent.wait_for_publish(TIMEOUT_S)
    began = time.monotonic()
    cloud.process.send_signal(signal.SIGCONT)
    committed.wait()
    rate = len(payloads) / (time.monotonic() - began)
    client.disconnect()
    client.loop_stop()
    return rate


def _say_online(client: Client, desk: str) -> None:
    at = "2026-03-17T08:56:00.123Z"
    for source, more in ((AGENT, {}), (BOX, {"agent": AGENT, "firmware": "0"})):
        body = {"v": 1, "state": "online", "at": at} | more
        message = client.publish(build_topic("status", desk, source), json.dumps(body), qos=1, retain=True)
        message.wait_for_publish(TIMEOUT_S)


class Committed:
    """Counts the events that the cloud lists as committed."""

    def __init__(self, total: int) -> None:
        self._left = set(range(total))
        self._done = threading.Event()

    def hear(self, _client: Client, _data: object, message: Any) -> None:
        for _boot, first, last in json.loads(message.payload)["ranges"]:
            self._left.difference_update(range(first, last + 1))
        if not self._left:
            self._done.set()

    def wait(self) -> None:
        """Until all are; raises TimeoutError."""
        if not self._done.wait(TIMEOUT_S):
            raise TimeoutError(f"{len(self._left)} events were not committed")


if __name__ == "__main__":
    main()

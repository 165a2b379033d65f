"""What a run leaves to be counted: the truth of the exchanges, and what the cloud's HTTP API shows."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from sim.call import CallTruth
from sim.chaos.site import Box, Site
from sim.demo.api import ApiRefused, CloudClient
from sim.demo.recording import measure

TRUTH, CLOUD, FAULTS = "truth.jsonl", "cloud.jsonl", "faults.jsonl"
SAMPLE_RATE_HZ = 8000
RING_STOP_MS, HANG_UP_MS = 6_000, 600
"""A box knows that ringing is over when it paused for so long, and of a hang-up when it has lasted."""

Row = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Hears what is being done, and how many of how many are."""


def write_truth(site: Site, path: Path) -> None:
    """One row a call, from the exchanges' own records."""
    rows = [truth_row(site, box, truth) for box in site.boxes for truth in box.scene.truths]
    _write(path, rows)


def truth_row(site: Site, box: Box, truth: CallTruth) -> Row:
    """What the exchange knows of a call, and what the faults may excuse."""
    ended_ms = truth.ended_ms if truth.ended_ms is not None else box.scene.line.agenda.now_ms
    start_ms, end_ms = site.unix_ms(box, truth.started_ms), site.unix_ms(box, ended_ms)
    allowed = [truth.outcome]
    if truth.outcome == "outbound_connected" and not _tells_of_answer(box, truth):
        allowed.append("outbound_unanswered")
    until_known_ms = HANG_UP_MS if truth.off_hook_ms is not None else RING_STOP_MS
    if site.outages.was_cut(box.source, start_ms, end_ms + until_known_ms):
        allowed.append("interrupted")
    silent_ms = 0
    if truth.off_hook_ms is not None:
        silent_ms = site.outages.silent_ms(box.source, site.unix_ms(box, truth.off_hook_ms), end_ms)
    return {
        "box": box.source,
        "start": start_ms / 1000,
        "direction": truth.direction,
        "number": truth.number or None,
        "outcome": truth.outcome,
        "allowed_outcomes": allowed,
        "ring_count": truth.ring_count,
        "talk_seconds": round((truth.talk_ms or 0) / 1000, 3),
        "recording_seconds": round(truth.off_hook_for_ms / 1000, 3) if truth.off_hook_for_ms else None,
        "gap_seconds": silent_ms / 1000,
    }


def _tells_of_answer(box: Box, truth: CallTruth) -> bool:
    """An exchange that does not reverse the feed tells nobody that the other party has answered."""
    return box.traffic is not None and box.traffic.plans[truth.name].reversal


def write_cloud(site: Site, path: Path, tell: Progress) -> None:
    """One row a call, from the HTTP API alone; recordings are measured by decoding the stored files.

    Decoding takes longest, so each core has its reader.
    """
    login = site.stack.login("agent")
    access = (site.stack.url, login.username, login.password)
    client = CloudClient(*access)
    try:
        calls = client.calls(desk=site.desk)
    finally:
        client.close()
    with ProcessPoolExecutor(
        os.cpu_count(), multiprocessing.get_context("spawn"), _sign_in, access
    ) as readers:
        rows = []
        for row in readers.map(_read_call, calls, chunksize=8):
            rows.append(row)
            tell("reading", len(rows), len(calls))
    _write(path, rows)


_client: CloudClient | None = None
"""Of a reader's process."""


def _sign_in(url: str, username: str, password: str) -> None:
    global _client
    _client = CloudClient(url, username, password)


def _read_call(call: Row) -> Row:
    assert _client is not None
    return cloud_row(_client, call)


def cloud_row(client: CloudClient, call: Row) -> Row:
    """What the cloud shows of a call, the parts that continue it after a power cut included."""
    parts = [call, *(client.call(part) for part in call.get("parts", ()))]
    recordings = [_read_recording(client, part) for part in parts]
    stored = [seconds for seconds, _, _ in recordings if seconds is not None]
    return {
        "box": call["box"],
        "start": datetime.fromisoformat(call["started_at"]).timestamp(),
        "direction": call["direction"],
        "number": call["dialled"] if call["direction"] == "out" else call["number"],
        "outcome": call["outcome"],
        "ring_count": call["ring_count"],
        "talk_seconds": call["talk_seconds"],
        "recording_seconds": round(sum(stored), 3) if stored else None,
        "gap_seconds": round(sum(gap_s for _, gap_s, _ in recordings), 3),
        "id": call["id"],
        "parts": len(parts),
        "recording_states": [state for _, _, state in recordings],
    }


def _read_recording(client: CloudClient, call: Row) -> tuple[float | None, float, str]:
    """(seconds of sound in the stored file, seconds of it declared as gaps, its state)."""
    recording = call["recording"] or {}
    samples = sum(count for _, count in recording.get("gaps") or ())
    state = str(recording.get("state", "none"))
    seconds = None if state in ("none", "lost") else _decode_seconds(client, call["id"])
    return seconds, samples / SAMPLE_RATE_HZ, state


def _decode_seconds(client: CloudClient, call: str) -> float | None:
    """None where no stored file can be played; 0 for one that is damaged."""
    try:
        measured = measure(client.recording(call), with_peak=False)
    except ApiRefused:
        return None
    return round(measured.seconds, 3) if measured.is_whole else 0.0


def read_rows(path: Path) -> list[Row]:
    """The rows of one file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _write(path: Path, rows: Iterable[Row]) -> None:
    ordered = sorted(rows, key=lambda row: (row["start"], row["box"]))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ordered), encoding="utf-8")

"""What this PC holds of each source, said on the agent's own `health` topic: the cloud compares it with what
the box says and with what it holds itself, each night.

    {"v": 1, "at", "published", "sources": {source: {"boots": {boot: {"received": ranges, "waiting": ranges}},
     "recordings": {day: {"begun", "stored", "verified", "lost"}}}}}

`received`: the numbers on this disk, as [first, last]; `waiting`: those of them that the cloud has not
listed. Days are those of Asia/Shanghai. Told is what arrived in the last REPORTED_DAYS.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from host_agent.bridge import Bridge
from host_agent.ports import Instant
from host_agent.publisher import Publisher
from host_agent.recording_index import RecordingIndex
from host_agent.spool import Spool

REPORT_EVERY_MS = 60_000
REPORTED_DAYS = 30
"""For so long events are kept after they were listed (PROTOCOL.md, section 7.1)."""
MAX_BOOTS = 32
"""Of one source, those that said something last; the cloud reads no more."""
MAX_RANGES = 32
"""Of one boot, the last ones."""
MAX_SOURCE_RANGES = 256
"""Of all its boots, the newest first: eight such sources stay below the 128 KiB that the cloud reads."""
DAY_MS = 86_400_000
CHINA_OFFSET_MS = 8 * 3_600_000

Ranges = list[list[int]]


@dataclass(slots=True)
class Reporter:
    """Says it when it changed, at most each REPORT_EVERY_MS. The core's thread owns it."""

    spool: Spool
    index: RecordingIndex
    publisher: Publisher
    bridge: Bridge
    _received: dict[str, dict[str, Ranges]] = field(default_factory=lambda: defaultdict(dict))
    _last_n: int | None = None
    _due_ms: int = 0
    _said: dict[str, Any] = field(default_factory=dict)

    def handle_connected(self) -> None:
        """QoS 0: what the last connection took may have died with it."""
        self._said = {}

    def advance(self, now: Instant) -> None:
        """Say what is new. The broker keeps it (retained), so nothing is said twice in one connection."""
        if now.elapsed_ms < self._due_ms or not self.bridge.is_up:
            return
        self._due_ms = now.elapsed_ms + REPORT_EVERY_MS
        report = self.build(now)
        if report != self._said and self.bridge.tell_report(report, now):
            self._said = report

    def build(self, now: Instant) -> dict[str, Any]:
        """The report as it stands."""
        since_ms = now.unix_ms - REPORTED_DAYS * DAY_MS
        self._take_in(since_ms)
        waiting: dict[tuple[str, str], Ranges] = defaultdict(list)
        for source, boot, seq in self.spool.waiting_ids():
            add_number(waiting[source, boot], seq)
        sources: dict[str, Any] = {
            source: {"boots": _describe(source, boots, waiting)} for source, boots in self._received.items()
        }
        for source, at_ms, state, count in self.index.count_by_day(since_ms, CHINA_OFFSET_MS, DAY_MS):
            days = sources.setdefault(source, {"boots": {}}).setdefault("recordings", {})
            _count_recording(days.setdefault(_day(at_ms), dict.fromkeys(_COUNTED, 0)), state, count)
        return {"published": self.publisher.published, "sources": sources}

    def _take_in(self, since_ms: int) -> None:
        """Remember what arrived since the last look; the first looks back to `since_ms`."""
        if self._last_n is None:
            self._last_n = self.spool.last_before(since_ms)
        for n, source, boot, seq in self.spool.arrived(self._last_n):
            boots = self._received[source]
            boots[boot] = ranges = boots.pop(boot, [])  # the one that said something last stands last
            add_number(ranges, seq)
            self._last_n = n


def add_number(ranges: Ranges, number: int) -> None:
    """Put `number` into ascending ranges; most numbers follow the last one."""
    at = len(ranges)
    while at and ranges[at - 1][0] > number:
        at -= 1
    if at and number <= ranges[at - 1][1]:
        return
    joins_left = at > 0 and ranges[at - 1][1] == number - 1
    joins_right = at < len(ranges) and ranges[at][0] == number + 1
    if joins_left and joins_right:
        ranges[at - 1][1] = ranges.pop(at)[1]
    elif joins_left:
        ranges[at - 1][1] = number
    elif joins_right:
        ranges[at][0] = number
    else:
        ranges.insert(at, [number, number])


_COUNTED = ("begun", "stored", "verified", "lost")
_COUNTS_AS = {
    "writing": ("begun",),
    "local": ("begun", "stored"),
    "verified": ("begun", "stored", "verified"),
    "expired": ("begun", "stored", "verified"),
    "lost": ("begun", "lost"),
}


def _count_recording(day: dict[str, int], state: str, count: int) -> None:
    for name in _COUNTS_AS[state]:
        day[name] += count


def _describe(
    source: str, boots: dict[str, Ranges], waiting: dict[tuple[str, str], Ranges]
) -> dict[str, dict[str, Ranges]]:
    told: dict[str, dict[str, Ranges]] = {}
    left = MAX_SOURCE_RANGES
    for boot in list(reversed(boots))[:MAX_BOOTS]:
        most = min(MAX_RANGES, left)
        received = [list(one) for one in _last(boots[boot], most)]
        told[boot] = {"received": received, "waiting": _last(waiting[source, boot], most)}
        left -= max(len(ranges) for ranges in told[boot].values())
    return told


def _last(ranges: Ranges, most: int) -> Ranges:
    return ranges[max(0, len(ranges) - most) :]


def _day(at_ms: int) -> str:
    """The day in Asia/Shanghai that begins at `at_ms`."""
    return datetime.fromtimestamp((at_ms + CHINA_OFFSET_MS) / 1000, UTC).date().isoformat()

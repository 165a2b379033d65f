"""Recordings while they are written: from audio frames to files of A-law, and when each is complete.

Rules:
- A recording is complete when its length is known (recording_stopped) and every sample has arrived or is a
  declared gap; or SETTLE_MS after its last sign of life, and after its box came back in another boot (its
  journal may still hold the end). Time in which nobody looked (a PC that slept) is no silence. A box whose
  cable is out may go on with its call: it is waited for as long as a recording can be.
- Samples go to disk as they come, by index; a doubled frame changes nothing; what is missing becomes a gap.
- A box's word for a length or a place is only a number: it is believed as far as the box's own clock allows,
  and never against what arrived.
- A disk without room costs samples (a gap named `disk_full`), never the rest of the recording. Audio of an
  earlier run that cannot be read is tried again; until then what comes for it is such a gap.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from host_agent.errors import AgentError
from host_agent.files import make_folder
from host_agent.gaps import Gap, covered_until
from host_agent.recording_index import RecordingIndex, RecordingRow
from host_agent.segments import SegmentWriter
from protocol.const import SAMPLE_RATE_HZ
from protocol.event_json import EventRecord
from protocol.ids import build_call_id

SETTLE_MS = 15_000
"""After the stop, how long audio still under way is waited for."""
LOOK_MS = 5_000
"""Longer between two looks, and the PC slept."""
RETRY_MS = 200
"""After a write that found no room, how long samples become gaps before the disk is tried again."""
ABSENT_MS = 1_800_000
"""After the last audio of a recording that was never stopped, how long its box is waited for while it is
there."""
LONGEST_MS = 6 * 3_600_000
"""A box ends a recording at this length: so long it is waited for while it is not there."""
UNREADABLE_RETRY_MS = 60_000
"""How long after an attempt to open a recording its files are tried again."""
LEEWAY_MS = 60_000
"""How much longer than its call, by the box's own clock, a recording may say it is."""
_OF_RECORDINGS = ("recording_started", "audio_gap", "recording_stopped")
"""Their `call` is required and checked; that of others may be anything."""
MAX_SAMPLES = 24 * 3600 * SAMPLE_RATE_HZ
"""No recording is longer: what is said to lie beyond is not kept."""


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Complete:
    """A recording to encode: `samples` is its true length, `declared` the gaps whose reason is known."""

    call: str
    folder: Path
    samples: int
    declared: list[Gap]


@dataclass(slots=True)
class _Writing:
    row: RecordingRow
    writer: SegmentWriter
    alive_ms: int
    samples: int | None
    declared: list[Gap] = field(default_factory=list)
    is_past: bool = False
    is_absent: bool = False

    @property
    def due_ms(self) -> int:
        """When it is complete though nothing more is known of it."""
        if self.samples is not None or self.is_past:
            return self.alive_ms + SETTLE_MS
        return self.alive_ms + (LONGEST_MS + SETTLE_MS if self.is_absent else ABSENT_MS)

    def find_length(self) -> int:
        """As the box said, else as far as it is settled; in samples, and never less than what arrived."""
        samples = self.samples
        if samples is None:
            samples = covered_until(self.writer.next_sample, self.declared)
        return max(samples, self.writer.next_sample)

    def is_complete(self, now_ms: int) -> bool:
        if now_ms >= self.due_ms:
            return True
        if self.samples is None:
            return False
        return covered_until(self.writer.next_sample, self.declared) >= self.samples


class Recordings:
    """All recordings being written on this PC. Times are elapsed ms.

    Attributes:
        has_room: set by the disk watch; False: samples are not written.
        late_samples: samples that came after their recording was complete.
    """

    def __init__(self, root: Path, index: RecordingIndex, now_ms: int) -> None:
        """Takes up what an earlier run left unfinished.

        Raises:
            AgentError: `recordings.unwritable`.
        """
        _make_folders(root)
        self.has_room = True
        self.late_samples = 0
        self._root = root
        self._index = index
        self._full_until_ms = now_ms
        self._looked_ms = now_ms
        self._is_full = False
        self._unplaced: dict[str, list[Gap]] = {}
        self._writing: dict[str, _Writing] = {}
        self._boots: dict[str, str] = {}
        self._present: set[str] = set()  # sources of boxes that are there
        self._complete: set[str] = set()  # handed out, and not yet stored
        self._unreadable: dict[str, int] = {}  # when each is tried again
        for row in index.in_state("writing"):
            self._open(row, now_ms)
        self._sweep()

    def audio_folder(self, call: str) -> Path:
        """Where the A-law of a recording lies until it is encoded."""
        return self._root / "writing" / call

    def stored_path(self, call: str) -> Path:
        """Where its Ogg-Opus file lies."""
        return self._root / "stored" / f"{call}.opus"

    def index_event(self, event: EventRecord, now_ms: int) -> None:
        """Write into the table what the event says of a recording; inside the event's own transaction."""
        if event.type not in _OF_RECORDINGS:
            return
        call = _call_of(event)
        if event.type == "recording_started":
            self._index.begin(call, event.source, event.boot, event.fields["call"], now_ms)
        elif event.type == "audio_gap":
            self._index.declare_gap(call, self._gap_of(event))
        elif event.type == "recording_stopped":
            self._index.begin(call, event.source, event.boot, event.fields["call"], now_ms)
            self._index.stop(call, self._length_of(event))

    def handle_event(self, event: EventRecord, now_ms: int) -> None:
        """The same event after its commit."""
        if event.type not in _OF_RECORDINGS:
            return
        writing = self._find(_call_of(event), now_ms)
        if writing is None:
            return
        writing.alive_ms = now_ms
        if event.type == "audio_gap":
            writing.declared.append(self._gap_of(event))
        elif event.type == "recording_stopped":
            writing.samples = self._length_of(event)

    def handle_audio(
        self, source: str, boot: str, box_call: int, first_sample: int, alaw: bytes, unix_ms: int, now_ms: int
    ) -> None:
        """One audio frame. Audio may come before its recording_started."""
        call = build_call_id(source, boot, box_call)
        writing = self._writing.get(call)
        if writing is None:
            try:
                self._index.begin(call, source, boot, box_call, unix_ms)
                writing = self._find(call, now_ms)
            except AgentError as error:  # no room even for a row
                self._note_full(call, error.problem, now_ms)
                _extend(self._unplaced.setdefault(call, []), Gap(first_sample, len(alaw), "disk_full"))
                return
        if call in self._unreadable:
            _extend(self._unplaced.setdefault(call, []), Gap(first_sample, len(alaw), "disk_full"))
            return
        if writing is None or first_sample >= MAX_SAMPLES:
            self.late_samples += len(alaw)
            return
        writing.alive_ms = now_ms
        if self.has_room and now_ms >= self._full_until_ms:
            try:
                writing.writer.append(first_sample, alaw)
                self._is_full = False
                return
            except OSError as error:
                self._note_full(call, str(error), now_ms)
        _extend(writing.declared, Gap(first_sample, len(alaw), "disk_full"))

    def _note_full(self, call: str, problem: str, now_ms: int) -> None:
        """A write found no room; said once until one finds it."""
        self._full_until_ms = now_ms + RETRY_MS
        if not self._is_full:
            log.error("recording.no_room", call=call, problem=problem, remedy="Free some space on the disk.")
        self._is_full = True

    def handle_boot(self, source: str, boot: str, now_ms: int) -> None:
        """The box runs as `boot` now: of what it recorded in another boot no more is to come than its end."""
        self._boots[source] = boot
        self._present.add(source)
        for writing in self._of(source):
            if not writing.is_past:
                writing.is_past = writing.row.boot != boot
                writing.is_absent = False
                writing.alive_ms = now_ms

    def handle_gone(self, source: str) -> None:
        """The box is not there any more, and may come back in the same boot."""
        self._present.discard(source)
        for writing in self._of(source):
            writing.is_absent = True

    def take_complete(self, now_ms: int) -> list[Complete]:
        """Recordings that became complete; each is handed out once in a run."""
        slept_ms = max(0, now_ms - self._looked_ms - LOOK_MS)
        self._looked_ms = now_ms
        for call in [call for call, due_ms in self._unreadable.items() if due_ms <= now_ms]:
            self._find(call, now_ms)
        complete = []
        for call, writing in list(self._writing.items()):
            writing.alive_ms += slept_ms
            if writing.is_complete(now_ms):
                writing.writer.close()
                del self._writing[call]
                self._complete.add(call)
                complete.append(
                    Complete(call, self.audio_folder(call), writing.find_length(), writing.declared)
                )
        return complete

    def drop_audio(self, call: str) -> None:
        """The A-law of an encoded recording is no longer needed."""
        self._complete.discard(call)
        shutil.rmtree(self.audio_folder(call), ignore_errors=True)

    def close(self) -> None:
        """Close the files; everything is taken up again by the next run."""
        for writing in self._writing.values():
            writing.writer.close()

    def writing(self) -> int:
        """How many recordings are open."""
        return len(self._writing)

    def next_due_ms(self) -> int | None:
        """When time alone completes a recording."""
        dues = [writing.due_ms for writing in self._writing.values()]
        return min([*dues, *self._unreadable.values()], default=None)

    def _sweep(self) -> None:
        """Audio whose recording was stored just before the end of an earlier run; unknown folders stay."""
        for folder in (self._root / "writing").glob("*"):
            row = self._index.get(folder.name)
            if row is not None and row.state != "writing":
                self.drop_audio(folder.name)

    def _length_of(self, stopped: EventRecord) -> int:
        return int(min(stopped.fields["samples"], self._find_longest(stopped)))

    def _gap_of(self, event: EventRecord) -> Gap:
        longest = self._find_longest(event)
        first_sample = min(event.fields["first_sample"], longest)
        samples = min(event.fields["samples"], longest - first_sample)
        return Gap(first_sample, samples, event.fields["reason"])

    def _find_longest(self, event: EventRecord) -> int:
        """How many samples the call can have had when the box said this."""
        opened_ms = self._index.find_opened_ms(event.source, event.boot, event.fields["call"]) or 0
        longest_ms = max(0, event.uptime_ms - opened_ms) + LEEWAY_MS
        return min(longest_ms * SAMPLE_RATE_HZ // 1000, MAX_SAMPLES)

    def _find(self, call: str, now_ms: int) -> _Writing | None:
        if call in self._complete:  # what comes now is late: the file is being made
            return None
        if call not in self._writing:
            row = self._index.get(call)
            if row is None or row.state != "writing":
                self._unreadable.pop(call, None)
                return None
            if now_ms >= self._unreadable.get(call, now_ms):
                self._open(row, now_ms)
        return self._writing.get(call)

    def _of(self, source: str) -> list[_Writing]:
        return [writing for writing in self._writing.values() if writing.row.source == source]

    def _open(self, row: RecordingRow, now_ms: int) -> None:
        try:
            writer = SegmentWriter(self.audio_folder(row.call))
        except OSError as error:
            self._note_unreadable(row.call, error, now_ms)
            return
        self._unreadable.pop(row.call, None)
        is_past = self._boots.get(row.source, row.boot) != row.boot
        declared = [*row.gaps, *self._unplaced.pop(row.call, [])]
        is_absent = row.source not in self._present
        self._writing[row.call] = _Writing(row, writer, now_ms, row.samples, declared, is_past, is_absent)

    def _note_unreadable(self, call: str, error: OSError, now_ms: int) -> None:
        """Said once until its files can be opened."""
        if call not in self._unreadable:
            remedy = "It is tried again; look for a virus scanner that holds it, or disk errors."
            log.error("recording.unreadable", call=call, problem=str(error), remedy=remedy)
        self._unreadable[call] = now_ms + UNREADABLE_RETRY_MS


def _make_folders(root: Path) -> None:
    """Now, and for good: what is stored later must not lie in a folder that a power cut takes back."""
    try:
        make_folder(root / "writing")
        make_folder(root / "stored")
    except OSError as error:
        raise AgentError(
            "recordings.unwritable",
            f"The folder of recordings {root} cannot be made: {error}.",
            "Free some space on its disk, and check the rights of the data folder.",
        ) from error


def _call_of(event: EventRecord) -> str:
    return build_call_id(event.source, event.boot, event.fields["call"])


def _extend(gaps: list[Gap], gap: Gap) -> None:
    """Append, or lengthen the last one: a full disk must not fill the memory."""
    last = gaps[-1] if gaps else None
    if last is not None and last.reason == gap.reason and last.first + last.samples == gap.first:
        gaps[-1] = Gap(last.first, last.samples + gap.samples, last.reason)
    else:
        gaps.append(gap)

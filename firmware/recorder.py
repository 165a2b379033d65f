"""The recorder: A-law of everything heard in a ring of 8 s, and what of it belongs to a recording.

Rules:
    1. The ring runs always, so a recording starts at the very sample at which the handset was lifted, though
       that is known only later.
    2. Places are sample positions modulo 2^29; samples of a recording count from its first.
    3. Samples behind a hold (the loop has opened: a pulse or the end?) are not handed out until it is
       released.
    4. What the ring has overwritten before it could be sent becomes one audio_gap, told when sending goes
       on or the recording ends. Silence stands for it, so the recording keeps its true duration.
    5. A capture is the ring's own content, handed up after a failed decode as a recording that is already
       over, named CAPTURE. A recording that starts, or the ring overtaking it, abandons it. Once a call, and
       once in _UNCALLED_MS without one. It begins no earlier than the last recording ended: it holds no talk.
    6. A recording leaves the table when its last sample is acknowledged; after a new session it is sent again
       from the oldest sample that may still have been under way.
"""

import struct

from micropython import const

from firmware.board.clock import MASK, since_ms
from firmware.dsp.alaw import encode_alaw
from protocol.const import BLOCK_SAMPLES, MAX_AUDIO_BYTES
from protocol.messages import CAPTURE, CAPTURE_STEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from firmware.journal import Journal

RING_SIZE = 65536
"""8.19 s; a power of two."""
_RING_MASK = const(65535)
_PLACE_MASK = const(0x1FFFFFFF)
_SAMPLES_PER_MS = const(8)
_MAX_SAMPLES = const(6 * 3600 * 8000)
"""A handset off-hook for longer is no call; the recording ends, the call goes on."""
_MAX_OPEN = const(4)
_LEVELS = const(64)
_CAPTURED = const(61)
"""Readings of the loop voltage, one each CAPTURE_STEP samples: in the ring, and at least in a capture. What
is left are the 256 ms within which sending must begin."""
_SKIP_MORE = const(4096)
"""Samples given up with what is overwritten: the ring, full once on a slow wire, would else cost a gap a
payload."""
_UNCALLED_MS = const(600_000)
SILENCE = b"\xd5" * BLOCK_SAMPLES


class Recording:
    """One recording in the table; counts are samples from its first.

    Attributes:
        call: its call. place: of its first sample. sent: handed out so far. length: None while it runs.
        gap_first, gap_count: overwritten and not yet told.
    """

    def __init__(self, call: int, place: int) -> None:
        self.call = call
        self.place = place
        self.sent = 0
        self.length: "int | None" = None
        self.gap_first = 0
        self.gap_count = 0


class Recorder:
    """Keeps and hands out.

    Args:
        journal: `append(tick, type, fields)`. ring: RING_SIZE bytes.

    Attributes:
        is_recording: a recording runs. has_just_begun: no block was fed since it did.
        begun: recordings, and lost: samples that became gaps, since boot.
        captured: of a capture that is over: call (0: none), tick of its end, samples (0: abandoned), loop
        readings.
    """

    def __init__(self, journal: "Journal", ring: bytearray) -> None:
        self.is_recording = False
        self.has_just_begun = False
        self._is_overlong = False
        self.begun = 0
        self.lost = 0
        self._journal = journal
        self._ring = ring
        self._place = 0  # of the sample after the newest
        self._tick = 0  # when that sample was heard
        self._open: "list[Recording]" = []
        self._held: "int | None" = None
        self.captured: "tuple[int, int, int, bytes] | None" = None
        self._capture = (0, 0, 0, b"")  # as `captured`: the last one begun
        self._uncalled_at: "int | None" = None
        self._talked_at: "int | None" = None  # tick at which the last recording ended
        self._levels = bytearray(2 * _LEVELS)  # int16 of 10 mV, big-endian
        for start in range(0, RING_SIZE, BLOCK_SAMPLES):
            ring[start : start + BLOCK_SAMPLES] = SILENCE

    # -- what comes in

    def feed(self, samples: "array[int]", tick: int, loop_mv: int) -> None:
        """Take one block of 256 samples whose last was heard at `tick`, with the loop's voltage (signed)."""
        place = self._place
        at = 2 * (place // CAPTURE_STEP % _LEVELS)
        struct.pack_into(">h", self._levels, at, loop_mv // 10)
        encode_alaw(0, 0, 0, samples, self._ring, place, _RING_MASK, BLOCK_SAMPLES)
        self._place = place + BLOCK_SAMPLES & _PLACE_MASK
        self._tick = tick
        self.has_just_begun = False
        if self.is_recording and (self._place - self._open[-1].place) & _PLACE_MASK >= _MAX_SAMPLES:
            self._is_overlong = True

    def lose(self, samples: int, tick: int) -> None:
        """`samples` samples were never heard (an overrun ended at `tick`); a multiple of 8."""
        if self.is_recording:
            current = self._open[-1]
            first = min((self._place - current.place) & _PLACE_MASK, _MAX_SAMPLES)
            self._tell_gap(current.call, first, samples, "overrun")
        whole = samples // BLOCK_SAMPLES
        for _ in range(min(whole, RING_SIZE // BLOCK_SAMPLES)):
            self._write(SILENCE, tick)
        skipped = max(0, whole - RING_SIZE // BLOCK_SAMPLES)
        self._place = (self._place + skipped * BLOCK_SAMPLES) & _PLACE_MASK
        rest = samples % BLOCK_SAMPLES
        if rest:
            self._write(SILENCE[:rest], tick)

    def start(self, call: int, tick: int) -> None:
        """Begin the recording of `call` with the sample heard at `tick`, at most 8 s ago."""
        self._abandon_capture()
        if len(self._open) >= _MAX_OPEN:
            self._drop(self._open.pop(0))
        self._open.append(Recording(call, self._place_at(tick)))
        self.is_recording = self.has_just_begun = True
        self._is_overlong = False
        self.begun += 1
        self._held = None

    def stop(self, tick: int) -> "int | None":
        """End it before the sample heard at `tick`; samples it counts, None when none was running."""
        if not self.is_recording:
            return None
        current = self._open[-1]
        length = (self._place_at(tick) - current.place) & _PLACE_MASK
        if self._is_overlong:
            length = _MAX_SAMPLES
        current.length = min(length, _MAX_SAMPLES) if length < _PLACE_MASK >> 1 else 0
        self.is_recording = False
        self._held = None
        self._talked_at = tick
        return current.length

    def hold(self, tick: int) -> None:
        """Hand nothing out from `tick` on."""
        self._held = self._place_at(tick)

    def release(self) -> None:
        """Undo `hold`."""
        self._held = None

    def start_capture(self, call: int, tick: int) -> None:
        """Hand up what the ring holds: the ear failed on it at `tick`, in ringing for `call` (0: in none).

        Not while a recording runs.
        """
        if self.is_recording or self._is_spared(call, tick):
            return
        steps = min(_CAPTURED, self._quiet_samples() // CAPTURE_STEP)
        self._abandon_capture()
        oldest = self._place // CAPTURE_STEP - steps
        capture = Recording(CAPTURE, oldest * CAPTURE_STEP & _PLACE_MASK)
        length = (self._place - capture.place) & _PLACE_MASK
        capture.length = length
        at = 2 * (oldest % _LEVELS)
        loop = self._levels[at:] + self._levels[:at]
        size = 2 * ((length + CAPTURE_STEP - 1) // CAPTURE_STEP)
        self._capture = (call, tick, length, bytes(loop[:size]))
        self._open.append(capture)

    def _quiet_samples(self) -> int:
        """Samples of the ring since the last recording, up to the last reading of the loop voltage."""
        if self._talked_at is None:
            return RING_SIZE
        quiet_ms = min(since_ms(self._tick, self._talked_at), RING_SIZE // _SAMPLES_PER_MS)
        return max(0, quiet_ms * _SAMPLES_PER_MS - self._place % CAPTURE_STEP)

    def _is_spared(self, call: int, tick: int) -> bool:
        if call:
            return call == self._capture[0]
        at = self._uncalled_at
        if at is not None and since_ms(tick, at) < _UNCALLED_MS:
            return True
        self._uncalled_at = tick
        return False

    # -- what goes out

    @property
    def is_idle(self) -> bool:
        """True when nothing waits to be sent or acknowledged."""
        return not (self._open or self.captured)

    def next_audio(self) -> "tuple[int, int, bytes] | None":
        """(call or CAPTURE, first sample, A-law bytes) of the next payload, or None."""
        for recording in self._open:
            ready = self._count(recording) - recording.sent
            if ready < MAX_AUDIO_BYTES and (recording.length is None or ready <= 0):
                continue
            overwritten = (self._place - recording.place - recording.sent & _PLACE_MASK) - RING_SIZE
            if overwritten > 0:
                if recording.call == CAPTURE:
                    self._abandon_capture()
                    return None
                self._skip(recording, min(overwritten + _SKIP_MORE, ready))
                return self.next_audio()
            self._flush_gap(recording)
            first = recording.sent
            size = min(ready, MAX_AUDIO_BYTES)
            recording.sent += size
            return recording.call, first, self._read(recording.place + first, size)
        return None

    def acknowledged(self) -> None:
        """Everything handed out has arrived: ended recordings that are out leave the table."""
        kept = []
        for recording in self._open:
            if recording.length is None or recording.sent < recording.length:
                kept.append(recording)
            elif recording.call == CAPTURE:
                self.captured = self._capture
            else:
                self._flush_gap(recording)
        self._open = kept

    def rewind(self, window: int) -> None:
        """A session was lost with `window` payloads on their way to the disk: hand them out again."""
        for recording in self._open:
            oldest = recording.gap_first + recording.gap_count if recording.gap_count else 0
            recording.sent = max(oldest, recording.sent - window * MAX_AUDIO_BYTES)

    def rewind_to(self, call: int, first: int) -> None:
        """The oldest payload under way began with sample `first` of `call`.

        What came behind it was thrown away, though single payloads of that were acknowledged.
        """
        is_behind = call not in [recording.call for recording in self._open]  # its recording was given up
        for recording in self._open:
            if recording.call == call:
                is_behind = True
            elif is_behind:
                first = 0
            else:
                continue
            if first < recording.sent:
                recording.sent = first
                recording.gap_count = 0  # what is overwritten is found again

    # -- inside

    def _write(self, codes: bytes, tick: int) -> None:
        size = len(codes)
        start = self._place & _RING_MASK
        if start + size <= RING_SIZE:
            self._ring[start : start + size] = codes
        else:
            head = RING_SIZE - start
            self._ring[start:RING_SIZE] = codes[:head]
            self._ring[0 : size - head] = codes[head:]
        self._place = (self._place + size) & _PLACE_MASK
        self._tick = tick

    def _place_at(self, tick: int) -> int:
        """Of the sample heard at `tick`, at most 8 s ago; the next one, where `tick` is newer than all."""
        behind = since_ms(self._tick, tick)
        if behind > MASK >> 1:
            return self._place
        return (self._place - min(behind * _SAMPLES_PER_MS, RING_SIZE)) & _PLACE_MASK

    def _count(self, recording: Recording) -> int:
        """Samples of the recording that exist and are not held."""
        if recording.length is not None:
            return recording.length
        end = self._place if self._held is None else self._held
        return min((end - recording.place) & _PLACE_MASK, _MAX_SAMPLES)

    def _skip(self, recording: Recording, overwritten: int) -> None:
        if not recording.gap_count:
            recording.gap_first = recording.sent
        recording.gap_count += overwritten
        recording.sent += overwritten

    def _flush_gap(self, recording: Recording) -> None:
        if recording.gap_count:
            self._tell_gap(recording.call, recording.gap_first, recording.gap_count, "host_away")
            recording.gap_count = 0

    def _abandon_capture(self) -> None:
        kept = [recording for recording in self._open if recording.call != CAPTURE]
        if len(kept) < len(self._open):
            self._open = kept
            self.captured = (self._capture[0], self._capture[1], 0, b"")

    def _drop(self, recording: Recording) -> None:
        """The table is full: what is left of the oldest recording becomes its last gap."""
        left = self._count(recording) - recording.sent
        if left > 0:
            if not recording.gap_count:
                recording.gap_first = recording.sent
            recording.gap_count += left
        self._flush_gap(recording)

    def _tell_gap(self, call: int, first: int, samples: int, reason: str) -> None:
        self.lost += samples
        fields = {"call": call, "first_sample": first, "samples": samples, "reason": reason}
        self._journal.append(self._tick, "audio_gap", fields)

    def _read(self, place: int, size: int) -> bytes:
        start = place & _RING_MASK
        if start + size <= RING_SIZE:
            return bytes(self._ring[start : start + size])
        return bytes(self._ring[start:]) + bytes(self._ring[: start + size - RING_SIZE])

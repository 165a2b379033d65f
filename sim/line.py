"""One copper pair: what stands on it, as samples and as volts.

Sound: everything that anybody sends is added up, over a floor of noise and hum that never stops.
Volts: the exchange feeds `battery_v` through `FEED_OHM`; each set that is off-hook is a drop of `SET_VOLTS`
and `SET_OHM` in parallel with the others: one set gives about 7.9 V, two about 6.5 V. Ringing is added to it.

    exchange ──feed, ringing, tones, caller ID, the far end──▶ pair ◀──hook, voice, digits── phones, box

Time is `agenda.now_ms`; `step` advances it. Rendering is slices and sums of buffers made beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.agenda import Agenda
from sim.impairments import Path, white_noise
from sim.signals.levels import SAMPLE_RATE_HZ, SAMPLES_PER_MS, Pcm, Signal, sine, to_pcm
from sim.signals.ring import CHINA, MilliVolts, Ringing, ring_second_mv

FLOOR_MS = 4000
FEED_OHM = 1400.0
SET_VOLTS = 5.0
SET_OHM = 100.0
RIPPLE_MV = 15.0
TAP_MS = 10
"""The exchange hears the desk in frames that end at whole multiples of this, whatever the step's length."""
SETTLING = np.array([0.6, 0.25, 0.08, 0.02])
"""Share of a step of the loop voltage that is left after 0, 1, 2, 3 ms: capacitance of cable and bell."""
TRIPPED_SHARE = 0.15
"""What is left of ringing once a set is off-hook, until the exchange has tripped it."""
BOX = "box"


@dataclass(frozen=True)
class LineSettings:
    """One pair and its exchange's feed.

    Attributes:
        battery_v: open-loop voltage; 48 V of a public exchange, 24 V of a small PBX.
        reversed_feed: True where the installer swapped the wires.
        ring_leak_dbm0: what the box's high-pass leaves of ringing in the audio.
    """

    seed: int = 1
    battery_v: float = 48.0
    reversed_feed: bool = False
    ringing: Ringing = CHINA
    ring_leak_dbm0: float = -24.0
    path: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True)
class LineBlock:
    """What stood on the pair: `audio` at 8 kHz (full-scale sine = +3.14 dBm0) and `loop_mv`, a value a ms."""

    audio: Pcm
    loop_mv: MilliVolts


class Source:
    """Samples that are being sent, `near` when by a set at the desk. While `muted` they pass unheard."""

    __slots__ = ("muted", "near", "place", "repeat", "samples")

    def __init__(self, samples: Pcm, repeat: bool, near: bool, place: int) -> None:
        self.samples, self.repeat, self.near, self.place = samples, repeat, near, place
        self.muted = False

    def add_to(self, mix: NDArray[np.int32]) -> bool:
        """Add the next `len(mix)` samples; False when there are no more."""
        done, total = 0, len(self.samples)
        while done < len(mix) and total:
            count = min(len(mix) - done, total - self.place)
            if not self.muted:
                mix[done : done + count] += self.samples[self.place : self.place + count]
            done, self.place = done + count, self.place + count
            if self.place == total:
                if not self.repeat:
                    return False
                self.place = 0
        return total > 0


class Line:
    """The pair. Sets and the exchange act on it; `step` gives what the box sees.

    Attributes:
        is_engaged: the exchange handles a call on it, also where nothing stands on it just now.
    """

    def __init__(self, settings: LineSettings | None = None) -> None:
        self.settings = settings or LineSettings()
        self.agenda = Agenda()
        self.on_hook_change: list[Callable[[bool], None]] = []
        self.near_tap: Callable[[Pcm], None] | None = None
        self._near_frame = np.zeros(TAP_MS * SAMPLES_PER_MS, dtype=np.int32)
        self.is_cut = False
        self.is_engaged = False
        self._sets_off_hook: set[str] = set()
        self._sources: list[Source] = []
        self._reversed = self.settings.reversed_feed
        self._ring_since_ms: int | None = None
        rng = np.random.default_rng(self.settings.seed)
        # Each buffer twice over, so that a slice that starts anywhere in the first half never wraps.
        self._floor = np.tile(to_pcm(self.settings.path.floor(FLOOR_MS * SAMPLES_PER_MS, rng)), 2)
        self._ripple = np.tile(np.rint(rng.standard_normal(FLOOR_MS) * RIPPLE_MV).astype(np.int32), 2)
        self._ring_mv = ring_second_mv(self.settings.ringing)
        self._ring_leak: Source | None = None
        self._level_mv = self._settled_mv()
        self._unsettled = np.zeros(0)

    # What the sets and the exchange do.

    @property
    def now_ms(self) -> int:
        """Line time."""
        return self.agenda.now_ms

    @property
    def is_off_hook(self) -> bool:
        """True when the exchange sees a closed loop."""
        return bool(self._sets_off_hook) and not self.is_cut

    def set_hook(self, name: str, off_hook: bool) -> None:
        """The set `name` closes or opens its hook switch."""
        was_off_hook = self.is_off_hook
        if off_hook:
            self._sets_off_hook.add(name)
        else:
            self._sets_off_hook.discard(name)
        self._changed(was_off_hook)

    def cut(self, is_cut: bool) -> None:
        """Break the pair, or mend it."""
        was_off_hook = self.is_off_hook
        self.is_cut = is_cut
        self._changed(was_off_hook)

    def reverse(self, is_reversed: bool) -> None:
        """The exchange reverses the feed (relative to how this line is wired), or puts it back."""
        self._reversed = is_reversed != self.settings.reversed_feed
        self._settle()

    def swap(self) -> None:
        """Somebody swaps the two wires."""
        self._reversed = not self._reversed
        self._settle()

    def ring(self, is_ringing: bool) -> None:
        """The exchange puts ringing on the pair, or takes it off."""
        if is_ringing == (self._ring_since_ms is not None):
            return
        self._ring_since_ms = self.agenda.now_ms if is_ringing else None
        if is_ringing:
            leak = to_pcm(sine(self.settings.ringing.freq_hz, SAMPLE_RATE_HZ, self.settings.ring_leak_dbm0))
            self._ring_leak = self.play(leak, repeat=True)
        elif self._ring_leak is not None:
            self.stop(self._ring_leak)

    def play(self, samples: Pcm, *, repeat: bool = False, near: bool = False, place: int = 0) -> Source:
        """Send `samples` from now on, starting at their sample `place`."""
        source = Source(samples, repeat, near, place)
        self._sources.append(source)
        return source

    def send(self, signal: Signal, *, repeat: bool = False) -> Source:
        """Send `signal` from the exchange over this line's path."""
        return self.play(to_pcm(self.settings.path.carry(signal)), repeat=repeat)

    def stop(self, source: Source) -> None:
        """Stop sending `source`; harmless when it has ended."""
        if source in self._sources:
            self._sources.remove(source)

    # What the box does and sees.

    def put(self, audio_out: Pcm | None, seized: bool) -> None:
        """What the box sends during the next step, and whether it holds the line."""
        if seized != (BOX in self._sets_off_hook):
            self.set_hook(BOX, seized)
        if audio_out is not None and seized:
            self.play(audio_out, near=True)

    def step(self, samples: int) -> LineBlock:
        """The next `samples` samples, a multiple of 8.

        Raises:
            ValueError: `samples` is no multiple of 8.
        """
        if samples % SAMPLES_PER_MS:
            raise ValueError(f"a step is whole milliseconds, not {samples} samples")
        audio = np.empty(samples, dtype=np.int16)
        loop_mv = np.empty(samples // SAMPLES_PER_MS, dtype=np.int32)
        done_ms, agenda = 0, self.agenda
        while done_ms < len(loop_mv):
            agenda.run_due()
            count_ms = min(len(loop_mv) - done_ms, agenda.next_ms - agenda.now_ms, FLOOR_MS)
            if self.near_tap is not None:
                count_ms = min(count_ms, TAP_MS - agenda.now_ms % TAP_MS)
            first, last = done_ms * SAMPLES_PER_MS, (done_ms + count_ms) * SAMPLES_PER_MS
            self._render_audio(audio[first:last])
            self._render_loop(loop_mv[done_ms : done_ms + count_ms])
            agenda.now_ms += count_ms
            done_ms += count_ms
            if self.near_tap is not None and agenda.now_ms % TAP_MS == 0:
                self.near_tap(self._near_frame.clip(-32768, 32767).astype(np.int16))
                self._near_frame[:] = 0
        return LineBlock(audio, loop_mv)

    def quiet_ms(self) -> int:
        """How long nothing but the floor will stand on the on-hook pair, unless somebody acts meanwhile."""
        still_ms = self.still_ms()
        return 0 if self._sets_off_hook else still_ms

    def still_ms(self) -> int:
        """The same of the pair whether a set is off-hook or not: nobody sends anything."""
        self.agenda.run_due()
        busy = self._sources or self._ring_since_ms is not None
        return 0 if busy else self.agenda.next_ms - self.agenda.now_ms

    def skip(self, duration_ms: int) -> None:
        """Let still time pass without rendering it.

        Raises:
            ValueError: it is not still for that long.
        """
        if duration_ms > self.still_ms():
            raise ValueError(f"the line is not still for {duration_ms} ms")
        self.agenda.now_ms += duration_ms

    # Rendering.

    def _render_audio(self, out: Pcm) -> None:
        place = self.agenda.now_ms % FLOOR_MS * SAMPLES_PER_MS
        floor = self._floor[place : place + len(out)]
        if self.near_tap is not None:
            self._render_near(len(out))
        if not self._sources:
            out[:] = floor
            return
        mix = floor.astype(np.int32)
        self._sources = [source for source in self._sources if source.add_to(mix)]
        out[:] = floor if self.is_cut else mix.clip(-32768, 32767)

    def _render_near(self, samples: int) -> None:
        """Keep what the desk sends, without what the exchange sends itself, until the frame is full."""
        first = self.agenda.now_ms % TAP_MS * SAMPLES_PER_MS
        frame = self._near_frame[first : first + samples]
        for source in self._sources:
            if source.near and not source.muted:
                Source(source.samples, source.repeat, True, source.place).add_to(frame)

    def _render_loop(self, out: MilliVolts) -> None:
        now_ms = self.agenda.now_ms
        place = now_ms % FLOOR_MS
        np.add(self._ripple[place : place + len(out)], self._level_mv, out=out)
        if len(self._unsettled):
            count = min(len(out), len(self._unsettled))
            out[:count] += self._unsettled[:count].astype(np.int32)
            self._unsettled = self._unsettled[count:]
        if self._ring_since_ms is not None and not self.is_cut:
            since_ms = now_ms - self._ring_since_ms
            ringing = self._ring_mv[(since_ms + np.arange(len(out))) % len(self._ring_mv)]
            out += (ringing * TRIPPED_SHARE).astype(np.int32) if self._sets_off_hook else ringing

    def _changed(self, was_off_hook: bool) -> None:
        self._settle()
        if self.is_off_hook != was_off_hook:
            for callback in list(self.on_hook_change):
                callback(self.is_off_hook)

    def _settle(self) -> None:
        before_mv, self._level_mv = self._level_mv, self._settled_mv()
        self._unsettled = SETTLING * (before_mv - self._level_mv)

    def _settled_mv(self) -> int:
        if self.is_cut:
            return 0
        volts = self.settings.battery_v
        if self._sets_off_hook:
            set_ohm = SET_OHM / len(self._sets_off_hook)
            volts = (volts * set_ohm + SET_VOLTS * FEED_OHM) / (set_ohm + FEED_OHM)
        return round(volts * (-1000.0 if self._reversed else 1000.0))


def hook_click(seed: int) -> Pcm:
    """What a hook switch does to the sound: a burst of noise that dies away within 5 ms."""
    samples = 5 * SAMPLES_PER_MS
    decay = np.exp(-np.arange(samples) / SAMPLES_PER_MS)
    return to_pcm(white_noise(samples, -12.0, np.random.default_rng(seed)) * decay)

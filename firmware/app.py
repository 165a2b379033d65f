"""The box: one loop, one step a block of 256 samples (32 ms).

    codec ─▶ overrun ─▶ recorder ─▶ ear ─────────▶ line state ─▶ journal ─▶ uplink ─▶ desk PC
    5 ms readings ────▶ loop sensor ─────────────▶     ▲                       │
                                                       └──── dialer ◀── commands

Rules:
    1. Each pass runs every stage. A stage that raises is told once as `fault` and counted; the others go on.
    2. The watchdog is fed only by a pass in which every stage ran.
    3. Nothing here reads a clock but through the device; every stage gets the tick of the pass.
"""

import gc
import random
import select

from micropython import const

from firmware.board import storage
from firmware.board.clock import MASK, since_ms
from firmware.board.device import Device
from firmware.commands import Commands
from firmware.config import Config
from firmware.dialer import Dialer
from firmware.identity import next_boot
from firmware.journal import Journal
from firmware.line import facts
from firmware.line.sensor import LoopSensor
from firmware.line.state import STARTING, LineState
from firmware.overrun import OverrunWatch
from firmware.recorder import Recorder
from firmware.uplink import Uplink
from firmware.version import VERSION
from protocol.messages import encode_board_hello

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.line.ear import Ear

_POLL_MS = const(20)
_LAST_WORD_MS = const(1000)
"""How long a reboot waits at most until its reply has arrived."""


class App:
    """Wires the stages and steps them."""

    def __init__(self, device: Device, audio_ring: bytearray, ear: "Ear") -> None:
        self.device = device
        self.faults = 0
        self._told_fault = ""
        self._poller = select.poll()
        self._poller.register(device.codec.stream, select.POLLIN)
        boot = next_boot()
        clock = device.clock
        self.journal = Journal(boot, clock.uptime_ms)
        self.recorder = Recorder(self.journal, audio_ring)
        self.sensor = LoopSensor()
        self.ear = ear
        self.state = LineState(self.journal, self.recorder, self.ear)
        self.config = Config()
        self.dialer = Dialer(device, self.state, self.config)
        self.commands = Commands(self)
        self.uplink = Uplink(
            device.port,
            self.journal,
            self.recorder,
            self.state,
            lambda uptime_ms: encode_board_hello(device.source, boot, VERSION, uptime_ms),
            lambda: random.getrandbits(16) or 1,
            self.read_health,
            self.commands.handle,
        )
        self._overrun = OverrunWatch()
        self._waited_at = 0
        self._reset_asked_at: "int | None" = None
        self._stages = (self._listen, self._feel, self._act, self._keep, self._report)

    def run(self) -> None:
        """The loop; returns never."""
        while True:
            self.step()

    def step(self) -> None:
        """Wait for audio or 20 ms, then run every stage once."""
        self._waited_at = self.device.clock.read()
        for _ in self._poller.ipoll(_POLL_MS):
            pass
        all_ran = True
        for stage in self._stages:
            try:
                stage()
            except Exception as error:  # noqa: BLE001  (the one supervisor: counted, told, watchdog starves)
                all_ran = False
                self._tell_fault(error)
        if all_ran:
            self.device.feed_watchdog()

    # -- stages

    def _listen(self) -> None:
        """Audio: overrun, recorder, ear."""
        device = self.device
        complete = device.audio_read()
        now = device.clock.read()
        if not complete:
            return
        lost = self._overrun.passed(now, since_ms(now, self._waited_at))
        if lost:
            self.recorder.lose(lost, now)
        samples = device.codec.samples
        self.recorder.feed(samples, now, device.readings.loop_mv)
        heard = self.ear.feed(samples, now)
        for kind, fields in heard:
            self.state.handle_heard(kind, fields, now)
            self.dialer.handle_heard(kind, fields)

    def _feel(self) -> None:
        """The pair: each reading through the loop sensor into the line's state."""
        readings, sensor = self.device.readings, self.sensor
        while readings.take(sensor.calm_low_mv, sensor.calm_high_mv):
            fact = sensor.feed(readings.at, readings.loop_mv, readings.flags)
            if fact:
                self._handle_fact(fact)
        self.state.tick(self.device.clock)

    def _handle_fact(self, fact: int) -> None:
        sensor = self.sensor
        if self.state.state == STARTING:
            self._tell_boot(fact == facts.FOUND_OFF_HOOK)
        self.state.is_by_box = self.device.is_seized
        self.dialer.handle_fact(fact)
        self.state.handle_fact(fact, sensor.at, sensor.loop_mv, sensor.digit)

    def _act(self) -> None:
        """What the box does to the line."""
        self.dialer.step(self.device.clock)

    def _keep(self) -> None:
        """Flash: written while on-hook and ringing, and at the lift before a block is recorded; then no more.

        The codec's buffer bridges the write (ADR 16).
        """
        recorder, journal = self.recorder, self.journal
        if recorder.is_recording and not recorder.has_just_begun:
            return
        now = self.device.clock.read()
        if journal.wants_flush(now):
            journal.flush(now)

    def _report(self) -> None:
        """The desk PC."""
        clock = self.device.clock
        now = clock.read()
        self.uplink.step(now, clock)
        if self.commands.wants_reset:
            if self._reset_asked_at is None:
                self._reset_asked_at = now
            if self.uplink.is_drained or since_ms(now, self._reset_asked_at) >= _LAST_WORD_MS:
                self.device.reset()

    # -- telling

    def _tell_boot(self, off_hook: bool) -> None:
        fields = {
            "reason": self.device.boot_reason,
            "firmware": VERSION,
            "off_hook": off_hook,
            "line_mv": self.sensor.loop_mv,
        }
        self.journal.append(self.sensor.at, "boot", fields)

    def _tell_fault(self, error: Exception) -> None:
        self.faults = (self.faults + 1) & MASK
        reason = type(error).__name__
        if reason != self._told_fault:
            self._told_fault = reason
            self.journal.append(self.device.clock.read(), "fault", {"part": "loop", "reason": reason})

    def read_health(self) -> "dict[str, int]":
        """The numbers of a health message; `free_heap` counts no garbage."""
        gc.collect()
        link = self.uplink.link
        return {
            "calls": self.state.calls,
            "events": self.journal.next_seq - 1,
            "faults": self.faults,
            "free_heap": gc.mem_free(),
            "gap_samples": self.recorder.lost,
            "journal": self.journal.unacknowledged,
            "journal_backlog": self.journal.backlog_segments,
            "journal_lost": self.journal.lost,
            "line_mv": self.sensor.loop_mv,
            "readings_dropped": self.device.readings.dropped,
            "recordings": self.recorder.begun,
            "refused": self.uplink.refused + link.foreign_frames,
        }


def main(audio_ring: bytearray, ear: "Ear") -> None:
    """Start the box on a ring of RING_SIZE bytes for audio, and an ear; returns never."""
    storage.prepare()
    app = App(Device(), audio_ring, ear)
    gc.collect()
    gc.threshold(16384)  # what stays is in place: half as many collections, and 42 kB are free
    app.run()

"""The audio codec on I2S at 16 kHz: ES8311 listens (I2S0), a PCM5102A-class converter speaks (I2S1).

MicroPython's I2S gives no master clock and one direction a port; both parts run from the bit clock of 64 fs.
"""

from array import array

from machine import I2C, I2S, Pin
from micropython import const

from firmware.board import pins
from firmware.board.half_band import TAIL, decimate, interpolate

BLOCK = 256
"""Samples at 8 kHz in one block: 32 ms."""
_RATE_HZ = const(16000)
_DMA_BYTES = const(65536)
"""32 DMA blocks of 256 frames: 512 ms at 16 kHz, the longest stall (a flash erase) without an overrun."""
_ES8311 = const(0x18)
_ES8311_SETUP = (
    (0x00, 0x1F),  # reset
    (0x00, 0x80),  # slave, state machine on
    (0x01, 0xBF),  # master clock from the bit clock
    (0x02, 0x18),  # multiply it by 8: 64 fs -> 512 fs
    (0x03, 0x10),
    (0x04, 0x10),
    (0x05, 0x00),
    (0x09, 0x0C),  # I2S, 16 bits
    (0x0A, 0x0C),
    (0x0D, 0x01),  # analogue on
    (0x0E, 0x02),  # ADC on
    (0x14, 0x10),  # differential input, no gain
    (0x16, 0x00),
    (0x17, 0xBF),  # 0 dB
    (0x1C, 0x6A),  # its own high-pass
)


class Codec:
    """Blocks of 256 samples at 8 kHz, in and out.

    Attributes:
        samples: the block that `read` completed; overwritten by the next.
        stream: what to poll for audio.
    """

    def __init__(self) -> None:
        control = I2C(0, scl=Pin(pins.I2C_SCL), sda=Pin(pins.I2C_SDA), freq=100000)
        for register, value in _ES8311_SETUP:
            control.writeto_mem(_ES8311, register, bytes([value]))
        self.samples = array("h", [0] * BLOCK)
        self.stream = I2S(
            0,
            sck=Pin(pins.RX_BCLK),
            ws=Pin(pins.RX_WS),
            sd=Pin(pins.RX_DIN),
            mode=I2S.RX,
            bits=16,
            format=I2S.MONO,
            rate=_RATE_HZ,
            ibuf=_DMA_BYTES,
        )
        self._frames = bytearray(2 * (TAIL + 2 * BLOCK))
        self._views: "dict[int, memoryview]" = {}
        self._whole = self._view(0)
        self._filled = 0
        self._speaker: "I2S | None" = None
        self._pending = array("h", [0] * (11 + BLOCK))
        self._out = bytearray(4 * BLOCK)

    def read(self) -> bool:
        """Take what has arrived; True when it completes a block, which then stands in `samples`."""
        filled = self._filled
        count = self.stream.readinto(self._view(filled) if filled else self._whole)
        filled += (count or 0) >> 1
        if filled < 2 * BLOCK:
            self._filled = filled
            return False
        self._filled = 0
        decimate(0, 0, 0, self._frames, self.samples, BLOCK)
        return True

    def write(self, samples: "array[int]") -> None:
        """Play 256 samples."""
        if self._speaker is None:
            self._speaker = self._open_speaker()
        self._pending[11:] = samples
        interpolate(self._pending, self._out, BLOCK)
        self._speaker.write(self._out)

    def _view(self, filled: int) -> memoryview:
        """The free part of the buffer. Views are made once each: reads end on DMA blocks, so they are few."""
        view = self._views.get(filled)
        if view is None:
            view = memoryview(self._frames)[2 * (TAIL + filled) :]
            if len(self._views) < 8:
                self._views[filled] = view
        return view

    def _open_speaker(self) -> I2S:
        return I2S(
            1,
            sck=Pin(pins.TX_BCLK),
            ws=Pin(pins.TX_WS),
            sd=Pin(pins.TX_DOUT),
            mode=I2S.TX,
            bits=16,
            format=I2S.MONO,
            rate=_RATE_HZ,
            ibuf=_DMA_BYTES,
        )

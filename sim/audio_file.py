"""Recordings of a line as files: what `decode` reads and what a run of a line may leave behind."""

import wave
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from sim.errors import SimulatorError
from sim.signals.levels import SAMPLE_RATE_HZ, Pcm


class AudioError(SimulatorError):
    """A file that is no recording of a line; the sentence says why and what to do."""


def read_audio(path: Path) -> Pcm:
    """The samples of an 8 kHz mono file (WAV, FLAC, or whatever else FFmpeg reads).

    Raises:
        AudioError: no such file, no audio, another rate, more than one channel, broken off.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError("there is no audio in it")
            stream = container.streams.audio[0]
            rate_hz, channels = stream.codec_context.sample_rate, stream.codec_context.channels
            if rate_hz != SAMPLE_RATE_HZ or channels != 1:
                raise AudioError(
                    f"it has {rate_hz} Hz and {channels} channel(s); the ear hears 8000 Hz mono: "
                    "convert it with `ffmpeg -i FILE -ar 8000 -ac 1 OUT.wav`"
                )
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
            frames = [out for frame in container.decode(stream) for out in resampler.resample(frame)]
    except (FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"it cannot be read as audio: {getattr(error, 'strerror', None) or error}") from None
    if not frames:
        raise AudioError("it holds no samples")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


def write_wav(path: Path, samples: Pcm) -> None:
    """Write 8 kHz mono WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())

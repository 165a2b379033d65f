"""Talk on the line: what a caller and a service desk say to each other.

With espeak-ng installed it is Mandarin, in several voices, so that a recording is worth playing. Without it a
speech-like synthetic stands in: syllables with the four tones, harmonics under moving formants, consonants.
Both are the same every time for the same seed; which of the two was used changes the samples, nothing else.
Every sentence is made once a process. Speech is band-limited to 300-3400 Hz as any telephone's.
"""

import functools
import shutil
import subprocess
import zlib
from dataclasses import dataclass

import numpy as np

from sim.signals.levels import SAMPLE_RATE_HZ, SAMPLES_PER_MS, Pcm, Signal, at_level, join, silence, to_pcm

NEAR_LEVEL_DBM0 = -16.0
FAR_LEVEL_DBM0 = -20.0
PAUSE_MS = (250.0, 700.0)
KEPT_CONVERSATIONS = 16
"""Half a megabyte each; a demo may run for days."""
WAV_HEADER_BYTES = 44


@dataclass(frozen=True)
class Voice:
    """One speaker: espeak-ng's voice and speed (words a minute), and the pitch the synthetic takes."""

    espeak: str
    words_per_minute: int
    pitch_hz: float


DESK_VOICES = (Voice("cmn+f2", 175, 215.0), Voice("cmn+f5", 165, 200.0))
FAR_VOICES = (
    Voice("cmn+m3", 170, 118.0),
    Voice("cmn+f4", 160, 205.0),
    Voice("cmn+m7", 150, 98.0),
    Voice("cmn+aunty", 165, 180.0),
    Voice("cmn+m1", 185, 128.0),
)

DIALOGUES: tuple[tuple[str, ...], ...] = (
    (
        "您好,天屿花园服务中心,请问有什么可以帮您?",
        "你好,我家厨房的水管漏水了,水流到楼下去了。",
        "请您先关掉水表旁边的总阀。您是三栋二单元一一零二吗?",
        "对,就是这里,总阀我已经关了。",
        "好的,我马上安排师傅,二十分钟之内到您家。",
        "谢谢,我在家等着。",
    ),
    (
        "您好,服务中心,很高兴为您服务。",
        "电梯又停了,我们七栋的电梯卡在五楼。",
        "请问电梯里有人吗?",
        "里面没有人,但是老人上不了楼。",
        "明白了,我现在通知电梯维保,处理好以后给您回电话。",
        "麻烦快一点,谢谢你。",
    ),
    (
        "您好,天屿花园服务中心。",
        "我想问一下,这个季度的物业费怎么交?",
        "您可以在手机上交,也可以到服务中心来,我们每天八点到二十点都在。",
        "好的,那停车费也可以一起交吗?",
        "可以的,带上车牌号就行。",
        "知道了,再见。",
    ),
    (
        "您好,请问有什么可以帮到您?",
        "楼上半夜一直在敲东西,已经好几天了,你们管不管?",
        "非常抱歉给您带来困扰,我记录一下。大概是几点钟?",
        "每天晚上十一点以后,吵得孩子睡不着。",
        "我请管家今天晚上上门沟通,明天上午给您回复。",
        "好,那我等你们的电话。",
    ),
)
"""Turn by turn; the desk speaks first, as a service desk does."""


@dataclass(frozen=True)
class Conversation:
    """Two tracks of equal length at 8 kHz; while one speaks, the other is silent."""

    desk: Pcm
    far: Pcm


@functools.lru_cache(KEPT_CONVERSATIONS)
def conversation(seed: int) -> Conversation:
    """One dialogue, some twenty to forty seconds long; it may be repeated end to end."""
    rng = np.random.default_rng(seed)
    lines = DIALOGUES[int(rng.integers(len(DIALOGUES)))]
    desk_voice = DESK_VOICES[int(rng.integers(len(DESK_VOICES)))]
    far_voice = FAR_VOICES[int(rng.integers(len(FAR_VOICES)))]
    desk: list[Signal] = []
    far: list[Signal] = []
    for turn, line in enumerate(lines):
        speaks, listens = (desk, far) if turn % 2 == 0 else (far, desk)
        voice, level = (desk_voice, NEAR_LEVEL_DBM0) if turn % 2 == 0 else (far_voice, FAR_LEVEL_DBM0)
        said = join([at_level(sentence(line, voice), level), silence(rng.uniform(*PAUSE_MS))])
        speaks.append(said)
        listens.append(np.zeros(len(said)))
    return Conversation(to_pcm(join(desk)), to_pcm(join(far)))


@functools.cache
def sentence(text: str, voice: Voice) -> Signal:
    """`text` spoken; its level is arbitrary."""
    spoken = _espeak(text, voice) if shutil.which("espeak-ng") else None
    return _telephone_band(_synthetic(text, voice), SAMPLE_RATE_HZ) if spoken is None else spoken


def _espeak(text: str, voice: Voice) -> Signal | None:
    """None where espeak-ng is there but cannot speak this (voices not installed)."""
    run = subprocess.run(
        ["espeak-ng", "-v", voice.espeak, "-s", str(voice.words_per_minute), "--stdout", text],
        capture_output=True,
        check=False,
    )
    if run.returncode != 0 or len(run.stdout) <= WAV_HEADER_BYTES:
        return None
    rate_hz = int.from_bytes(run.stdout[24:28], "little")
    spoken = np.frombuffer(run.stdout, dtype="<i2", offset=WAV_HEADER_BYTES).astype(np.float64)
    return _telephone_band(spoken, rate_hz)


def _telephone_band(samples: Signal, rate_hz: int) -> Signal:
    """300-3400 Hz, resampled to 8 kHz, both in the spectrum of the whole sentence."""
    length = round(len(samples) * SAMPLE_RATE_HZ / rate_hz)
    spectrum = np.fft.rfft(samples)
    freq_hz = np.arange(len(spectrum)) * rate_hz / len(samples)
    low = np.clip((freq_hz - 200.0) / 100.0, 0.0, 1.0)
    high = np.clip((3600.0 - freq_hz) / 200.0, 0.0, 1.0)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    count = min(len(kept), len(spectrum))
    kept[:count] = (spectrum * low * high)[:count]
    return np.fft.irfft(kept, length) * (length / len(samples))


VOWELS_HZ = (
    (800.0, 1200.0, 2600.0),
    (450.0, 2000.0, 2700.0),
    (300.0, 2300.0, 3000.0),
    (500.0, 900.0, 2500.0),
)
"""First three formants of a, e, i, o (textbook averages)."""
TONES = ((1.15, 1.15), (0.9, 1.25), (0.85, 0.8), (1.25, 0.75))
"""Pitch at the start and the end of Mandarin's four tones, relative to the speaker's."""


def _synthetic(text: str, voice: Voice) -> Signal:
    rng = np.random.default_rng(zlib.crc32(text.encode()))
    parts: list[Signal] = []
    for letter in text:
        if letter in ",。?!、,?":
            parts.append(silence(rng.uniform(180.0, 350.0)))
        else:
            parts += [_consonant(rng), _vowel(rng, voice.pitch_hz), silence(rng.uniform(10.0, 40.0))]
    return join(parts)


def _consonant(rng: np.random.Generator) -> Signal:
    noise = rng.standard_normal(round(rng.uniform(20.0, 60.0) * SAMPLES_PER_MS))
    return np.diff(noise, append=0.0) * 0.08


def _vowel(rng: np.random.Generator, pitch_hz: float) -> Signal:
    """Harmonics of a gliding pitch, each as loud as the formants that stand near it."""
    samples = round(rng.uniform(110.0, 200.0) * SAMPLES_PER_MS)
    place = np.linspace(0.0, 1.0, samples)
    start, end = TONES[int(rng.integers(len(TONES)))]
    pitch = pitch_hz * (start + (end - start) * place)
    turns = np.cumsum(pitch) / SAMPLE_RATE_HZ
    first, last = (np.array(VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]) for _ in range(2))
    order = np.arange(1, int(3400.0 / pitch_hz))[:, None]
    loudness = np.zeros((len(order), samples))
    for formant, (begin_hz, end_hz) in enumerate(zip(first, last, strict=True)):
        centre = begin_hz + (end_hz - begin_hz) * place
        loudness += 0.5**formant / (1.0 + ((order * pitch - centre) / 90.0) ** 2)
    return np.asarray(
        (loudness * np.sin(2.0 * np.pi * order * turns)).sum(axis=0) * np.sin(np.pi * place) ** 0.5
    )

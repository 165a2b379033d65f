"""Speech to be deaf to: hours of it, in twelve voices and languages, at telephone bandwidth."""

import subprocess
from collections.abc import Iterator

import numpy as np

from sim.signals.levels import SAMPLE_RATE_HZ, Pcm, at_level, to_pcm

WAV_HEADER_BYTES = 44
ESPEAK_RATE_HZ = 22050

TEXTS = {
    "cmn": "您好天屿花园服务中心请问有什么可以帮您。我家厨房的水管漏水了。请您先关掉水表旁边的总阀。"
    "电梯又停了七栋的电梯卡在五楼。我想问一下这个季度的物业费怎么交。楼上半夜一直在敲东西已经好几天了。"
    "好的我马上安排师傅二十分钟之内到您家。谢谢我在家等着再见。一二三四五六七八九十。",
    "en": "Good morning, this is the service desk, how can I help "
    "you? The lift in building seven is stuck on the "
    "fifth floor. Could you please tell me your room number "
    "and a telephone number where we can reach you? "
    "The plumber will be there within twenty minutes. One, "
    "two, three, four, five, six, seven, eight, nine.",
    "de": "Guten Morgen, hier ist der Kundendienst, was kann ich "
    "für Sie tun? Der Aufzug steckt im fünften Stock "
    "fest. Bitte nennen Sie mir Ihre Zimmernummer und eine "
    "Telefonnummer für den Rückruf. Auf Wiederhören.",
    "fr": "Bonjour, ici le service des résidents, que puis-je faire "
    "pour vous? L'ascenseur est bloqué au cinquième "
    "étage. Pouvez-vous me donner votre numéro de téléphone? Le plombier arrive dans vingt minutes.",
    "es": "Buenos días, le atiende el servicio de la comunidad, "
    "¿en qué puedo ayudarle? El ascensor está parado en "
    "la quinta planta. ¿Me puede dar su número de teléfono, por favor? El fontanero llegará enseguida.",
    "ja": "おはようございます、サービスセンターです。エレベータ"
    "ーが五階で止まっています。お電話番号を教えてください。"
    "二十分以内に修理の者が伺います。ありがとうございました。",
    "ru": "Доброе утро, служба поддержки, чем могу помочь? Лифт "
    "остановился на пятом этаже. Назовите, пожалуйста, "
    "номер вашей квартиры и телефон. Мастер будет через двадцать минут.",
    "yue": "早晨呢度係服務中心有咩可以幫到你。七座部電梯停咗喺五"
    "樓。請問你電話幾多號。師傅二十分鐘之內到。多謝晒再見。",
}
VOICES = (
    ("cmn+m1", "cmn"), ("cmn+f2", "cmn"), ("cmn+m7", "cmn"), ("cmn+f5", "cmn"), ("cmn+m3", "cmn"),
    ("cmn+f4", "cmn"), ("en+m4", "en"), ("de+f3", "de"), ("fr+m6", "fr"), ("es+f1", "es"),
    ("ja+f3", "ja"), ("ru+m2", "ru"), ("yue+m5", "yue"),
)  # fmt: skip


def speech(minutes: float, rng: np.random.Generator) -> Iterator[Pcm]:
    """Pieces of speech that last `minutes` in all: voices, pitch, speed, level and order vary."""
    left = minutes * 60 * SAMPLE_RATE_HZ
    while left > 0:
        voice, language = VOICES[int(rng.integers(len(VOICES)))]
        piece = to_pcm(
            at_level(
                _say(TEXTS[language], voice, int(rng.integers(10, 90)), int(rng.integers(120, 230))),
                float(rng.uniform(-26.0, -12.0)),
            )
        )
        left -= len(piece)
        yield piece


def _say(text: str, voice: str, pitch: int, words_per_minute: int) -> np.ndarray:
    command = ["espeak-ng", "--stdout", "-v", voice, "-p", str(pitch), "-s", str(words_per_minute), text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    pcm = np.frombuffer(wav[WAV_HEADER_BYTES : len(wav) - len(wav[WAV_HEADER_BYTES:]) % 2], dtype="<i2")
    return _telephone(pcm.astype(np.float64))


def _telephone(wide: np.ndarray) -> np.ndarray:
    """22,050 Hz to 8 kHz, 200-3600 Hz, by the spectrum."""
    samples = len(wide) * SAMPLE_RATE_HZ // ESPEAK_RATE_HZ
    spectrum = np.fft.rfft(wide)[: samples // 2 + 1]
    freq_hz = np.arange(len(spectrum)) * SAMPLE_RATE_HZ / samples
    spectrum[(freq_hz < 200.0) | (freq_hz > 3600.0)] = 0.0
    return np.fft.irfft(spectrum, samples)

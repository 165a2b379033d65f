"""The peers, driven as each does best, and our ear: recordings in, numbers or digits out.

libspandsp by ctypes; minimodem with its best flags (the bytes are scanned for a message whose sum holds, for
minimodem itself checks nothing); multimon-ng at 22,050 Hz; dtmf2num -o. All from Debian.
"""

import ctypes
import ctypes.util
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sim.signals.levels import Pcm, to_pcm
from tests.ear.hearing import Heard, digits, of, on_micropython

Answers = list[set[str]]
"""For each recording, every number (or the one digit string) that was delivered."""
Peer = Callable[[Sequence[Pcm]], Answers]

WORKERS = 2
MINIMODEM = ["minimodem", "--rx", "1200", "-8", "-q", "-l", "5", "-b", "100"]
MULTIMON_RATE = (441, 160)  # 22,050 / 8,000
ADSI_CLASS, ADSI_CLIP = 1, 2
PUT_MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_int)


def hear_number(recordings: Sequence[Pcm]) -> Answers:
    """Our ear on-hook."""
    return [
        {f["number"] for f in of(heard, "caller_id") if "number" in f} for heard in _ours(recordings, False)
    ]


def hear_digits(recordings: Sequence[Pcm]) -> Answers:
    """Our ear off-hook."""
    return [{digits(heard)} - {""} for heard in _ours(recordings, True)]


def count_events(recordings: Sequence[Pcm], off_hook: bool) -> int:
    """Events of our ear that talk must not cause: digits off-hook, caller IDs on-hook."""
    kind = "digit" if off_hook else "caller_id"
    return sum(len(of(heard, kind)) for heard in _ours(recordings, off_hook))


def _ours(recordings: Sequence[Pcm], off_hook: bool) -> list[Heard]:
    size = -(-len(recordings) // WORKERS)
    parts = [recordings[at : at + size] for at in range(0, len(recordings), size)]
    with ThreadPoolExecutor(WORKERS) as pool:
        return [
            heard for part in pool.map(lambda part: on_micropython(part, off_hook), parts) for heard in part
        ]


def _each(program: Callable[[Pcm], set[str]]) -> Peer:
    def run(recordings: Sequence[Pcm]) -> Answers:
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(program, recordings))

    return run


def numbers_in(data: bytes) -> set[str]:
    """Every number of a caller ID message with a right sum anywhere in `data`; no code shared with ours."""
    found = set()
    for at in range(len(data) - 3):
        end = at + 3 + data[at + 1]
        if data[at] in (0x04, 0x80) and end <= len(data) and sum(data[at:end]) % 256 == 0:
            number = _number_of(data[at : end - 1])
            if number:
                found.add(number)
    return found


def _number_of(message: bytes) -> str:
    if message[0] == 0x04:
        return message[10:].decode("latin-1")
    at = 2
    while at + 2 <= len(message):
        if message[at] == 0x02:
            return message[at + 2 : at + 2 + message[at + 1]].decode("latin-1")
        at += 2 + message[at + 1]
    return ""


def minimodem(tones: Sequence[str]) -> Peer:
    """tones: flags for mark and space; empty for Bell 202."""

    def hear(pcm: Pcm) -> set[str]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            _write_wav(file.name, pcm)
            return numbers_in(_output([*MINIMODEM, *tones, "-f", file.name]))

    return _each(hear)


def multimon(decoder: str) -> Peer:
    """decoder: CLIPFSK or DTMF."""

    def hear(pcm: Pcm) -> set[str]:
        with tempfile.NamedTemporaryFile(suffix=".raw") as file:
            Path(file.name).write_bytes(to_pcm(_resampled(pcm)).tobytes())
            text = _output(["multimon-ng", "-q", "-c", "-a", decoder, "-t", "raw", file.name]).decode(
                "latin-1"
            )
        if decoder == "CLIPFSK":
            return set(re.findall(r"CLIPFSK: CS.* CID=(\S+)", text))
        return _framed("".join(re.findall(r"DTMF: (\S)", text)))

    return _each(hear)


def dtmf2num(pcm: Pcm) -> set[str]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        _write_wav(file.name, pcm)
        text = _output(["dtmf2num", "-o", file.name]).decode("latin-1")
    found = re.search(r"DTMF numbers: *(\S+)", text)
    return _framed(found[1]) if found and found[1] != "none" else set()


def spandsp_fsk(standard: int) -> Peer:
    """standard: ADSI_CLASS (Bell 202) or ADSI_CLIP (V.23)."""

    def hear(pcm: Pcm) -> set[str]:
        library = _spandsp()
        messages: list[bytes] = []
        keep = PUT_MESSAGE(lambda _, data, size: messages.append(bytes(data[:size])))
        state = library.adsi_rx_init(None, standard, keep, None)
        samples = pcm.astype(np.int16)
        library.adsi_rx(state, samples.ctypes.data_as(ctypes.c_void_p), len(samples))
        library.adsi_rx_free(state)
        return {number for message in messages if len(message) > 2 and (number := _number_of(message))}

    return lambda recordings: [hear(pcm) for pcm in recordings]


def spandsp_dtmf(dial_tone_filter: bool) -> Peer:
    """dtmf_rx, with its dial-tone filter or without."""

    def hear(pcm: Pcm) -> set[str]:
        library = _spandsp()
        state = library.dtmf_rx_init(None, None, None)
        if dial_tone_filter:
            library.dtmf_rx_parms(state, 1, 8, 8, -42)
        samples = pcm.astype(np.int16)
        library.dtmf_rx(state, samples.ctypes.data_as(ctypes.c_void_p), len(samples))
        buffer = ctypes.create_string_buffer(200)
        library.dtmf_rx_get(state, buffer, 199)
        library.dtmf_rx_free(state)
        return _framed(buffer.value.decode("latin-1"))

    return lambda recordings: [hear(pcm) for pcm in recordings]


def spandsp_burst(message: bytes, standard: int) -> Pcm:
    """`message` (type to checksum) as libspandsp's own transmitter sends it, on-hook."""
    library = _spandsp()
    state = library.adsi_tx_init(None, standard)
    library.adsi_tx_put_message(state, message[:-1], len(message) - 1)
    samples = np.zeros(4 * 8000, dtype=np.int16)
    made = library.adsi_tx(state, samples.ctypes.data_as(ctypes.c_void_p), len(samples))
    library.adsi_tx_free(state)
    return samples[:made]


def _spandsp() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("spandsp") or "libspandsp.so.2")
    for name in ("adsi_rx_init", "adsi_tx_init", "dtmf_rx_init"):
        getattr(library, name).restype = ctypes.c_void_p
    library.adsi_rx_init.argtypes = [ctypes.c_void_p, ctypes.c_int, PUT_MESSAGE, ctypes.c_void_p]
    for name in ("adsi_rx", "adsi_tx", "dtmf_rx"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.adsi_tx_put_message.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.adsi_tx_init.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.dtmf_rx_init.argtypes = [ctypes.c_void_p] * 3
    library.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.dtmf_rx_parms.argtypes = [ctypes.c_void_p, *[ctypes.c_int] * 4]
    for name in ("adsi_rx_free", "adsi_tx_free", "dtmf_rx_free"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    return library


def _framed(keys: str) -> set[str]:
    """Digits as they are; of a caller ID train D...C the number (what the peers' users have to do)."""
    train = re.fullmatch(r"D(\d+)C", keys)
    return {train[1]} if train else {keys} - {""}


def _write_wav(name: str, pcm: Pcm) -> None:
    with wave.open(name, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm.astype("<i2").tobytes())


def _resampled(pcm: Pcm) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    up, down = MULTIMON_RATE
    padded = np.concatenate([pcm.astype(np.float64), np.zeros(-len(pcm) % down)])
    size = len(padded) * up // down
    spectrum = np.zeros(size // 2 + 1, dtype=complex)
    narrow = np.fft.rfft(padded)
    spectrum[: len(narrow)] = narrow
    return np.fft.irfft(spectrum, size) * up / down


def _output(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, timeout=60).stdout


FSK_PEERS: dict[str, tuple[Peer, Peer]] = {
    "ours": (hear_number, hear_number),
    "spandsp": (spandsp_fsk(ADSI_CLASS), spandsp_fsk(ADSI_CLIP)),
    "minimodem": (minimodem(()), minimodem(("-M", "1300", "-S", "2100"))),
    "multimon": (multimon("CLIPFSK"),) * 2,
}
"""Name → receivers of Bell 202 and of V.23."""
DTMF_PEERS: dict[str, tuple[Peer, Peer]] = {
    "ours": (hear_number, hear_digits),
    "spandsp": (spandsp_dtmf(False), spandsp_dtmf(False)),
    "spandsp -dt": (spandsp_dtmf(True), spandsp_dtmf(True)),
    "multimon": (multimon("DTMF"), multimon("DTMF")),
    "dtmf2num": (_each(dtmf2num), _each(dtmf2num)),
}
"""Name → receivers of caller ID trains and of dialled digits."""

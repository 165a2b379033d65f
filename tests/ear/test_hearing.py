"""The ear on short signals, on MicroPython; the same signals on CPython give the same events."""

from dataclasses import replace

import numpy as np
import pytest

from sim import impairments
from sim.signals.dtmf import CALLER_ID, DIALLED, Dtmf, acknowledgement, caller_id_train, dtmf_train
from sim.signals.fsk import BELL_202, OFF_HOOK, ON_HOOK, V23, Fsk, Modem, fsk_burst
from sim.signals.levels import Pcm, Signal, join, silence, sine, to_pcm
from sim.signals.messages import UNAVAILABLE, WITHHELD, Caller, mdmf, sdmf
from tests.ear.hearing import Heard, digits, of, on_cpython, on_micropython

CALLER = Caller("13912345678", name="张三", date="03170856")
NAME = "张三".encode("gb18030").decode("latin-1")


def line(
    signal: Signal, snr_db: float = 30.0, level_dbm0: float = -13.5, seed: int = 1, tail_ms: int = 500
) -> Pcm:
    """`signal` between two stretches of idle line, with noise."""
    whole = join([silence(300), signal, silence(tail_ms)])
    return to_pcm(impairments.with_noise(whole, snr_db, level_dbm0, np.random.default_rng(seed)))


def burst(how: Fsk = ON_HOOK, message: bytes | None = None) -> Signal:
    return fsk_burst(mdmf(CALLER) if message is None else message, how)


def only_caller_id(heard: Heard) -> dict[str, object]:
    assert [kind for _, kind, _ in heard] == ["caller_id"]
    return heard[0][2]


FULL = {
    "format": "fsk-mdmf",
    "standard": "bell202",
    "number": CALLER.number,
    "name": NAME,
    "datetime": CALLER.date,
}


@pytest.mark.parametrize(
    ("message", "modem", "fields"),
    [
        (mdmf(CALLER), "bell202", FULL),
        (mdmf(CALLER), "v23", FULL | {"standard": "v23"}),
        (sdmf(CALLER), "bell202", {"format": "fsk-sdmf", "number": CALLER.number, "datetime": CALLER.date}),
        (mdmf(Caller(reason=WITHHELD)), "bell202", {"reason": "withheld"}),
        (sdmf(Caller(reason=UNAVAILABLE)), "v23", {"reason": "unavailable"}),
        (mdmf(CALLER, extra=b"\x11\x01\x01"), "bell202", {"number": CALLER.number}),
    ],
)
def test_fsk_messages(message: bytes, modem: str, fields: dict[str, object]) -> None:
    how = ON_HOOK if modem == "bell202" else replace(ON_HOOK, modem=V23)
    heard = only_caller_id(on_micropython([line(burst(how, message))])[0])
    assert fields.items() <= heard.items()
    assert "repaired" not in heard


HOWS = {
    "-40 dBm0": replace(ON_HOOK, level_dbm0=-40.0),
    "-1 dBm0": replace(ON_HOOK, level_dbm0=-1.0),
    "mark 12 dB up": replace(ON_HOOK, twist_db=12.0),
    "mark 12 dB down": replace(ON_HOOK, twist_db=-12.0),
    "3 % fast": replace(ON_HOOK, skew=0.03),
    "3 % slow": replace(ON_HOOK, skew=-0.03),
    "20 stuffing marks": replace(ON_HOOK, stuffing_bits=19),
    "no seizure": replace(ON_HOOK, seizure_bits=0),
    "10 marks": replace(ON_HOOK, mark_bits=10),
}


def test_fsk_over_the_whole_range() -> None:
    recordings = [line(burst(how), snr_db=25.0, level_dbm0=how.level_dbm0) for how in HOWS.values()]
    heard = [only_caller_id(events).get("number") for events in on_micropython(recordings)]
    assert heard == [CALLER.number] * len(HOWS)


@pytest.mark.parametrize("modem", [BELL_202, V23], ids=lambda modem: modem.name)
def test_fsk_with_one_tone_twelve_decibels_up(modem: Modem) -> None:
    hows = [replace(ON_HOOK, modem=modem, twist_db=twist_db) for twist_db in (12.0, -12.0)]
    recordings = [line(burst(how), 20.0, seed=seed) for how in hows for seed in range(4)]
    heard = [only_caller_id(events) for events in on_micropython(recordings)]
    assert [fields.get("number") for fields in heard] == [CALLER.number] * len(recordings)


def test_fsk_through_what_a_line_does() -> None:
    rng = np.random.default_rng(7)
    signal = join([silence(300), burst(), silence(400)])
    treated = [
        impairments.with_hum(signal, -13.5 + 12.0),
        impairments.with_dc(signal, 0.5),
        impairments.clipped(signal, 12.0),
        impairments.with_echo(signal, 8.0, -6.0),
        impairments.with_click(signal, 900.0, 2.0, -4.5, rng),
        impairments.with_dropout(signal, 950.0, 1.0),
        impairments.through_alaw(signal),
    ]
    heard = on_micropython([to_pcm(impairments.with_noise(one, 30.0, -13.5, rng)) for one in treated])
    assert [only_caller_id(events).get("number") for events in heard] == [CALLER.number] * len(treated)


LENGTH_MS = 300.0 + (300 + 180 + 10) / 1.2


@pytest.mark.parametrize("begins_ms", [LENGTH_MS, LENGTH_MS + 4.0])
def test_a_click_on_the_length_byte(begins_ms: float) -> None:
    rng = np.random.default_rng(3)
    signal = join([silence(300), burst(), silence(400)])
    clicked = [impairments.with_click(signal, begins_ms, 4.0, -4.5, rng) for _ in range(8)]
    heard = on_micropython([to_pcm(impairments.with_noise(one, 30.0, -13.5, rng)) for one in clicked])
    numbers = [fields.get("number") for events in heard for fields in of(events, "caller_id")]
    assert numbers.count(CALLER.number) >= 7
    assert set(numbers) <= {CALLER.number, None}


def test_fsk_at_five_decibels_is_right_or_silent() -> None:
    heard = on_micropython([line(burst(), 5.0, seed=seed) for seed in range(20)])
    assert {fields["standard"] for events in heard for fields in of(events, "caller_id")} == {"bell202"}
    numbers = [fields.get("number") for events in heard for fields in of(events, "caller_id")]
    assert numbers.count(CALLER.number) >= 18
    assert set(numbers) <= {CALLER.number, None}


def test_a_message_that_cannot_be_read_is_told_as_failed() -> None:
    broken = bytearray(mdmf(CALLER))
    broken[15] ^= 0x03
    broken[18] ^= 0x04
    (heard,) = on_micropython([line(burst(message=bytes(broken)))])
    assert only_caller_id(heard) == {"format": "failed", "standard": "bell202"}


FAILED = {"format": "failed", "standard": "bell202"}
ANNOUNCED: dict[str, tuple[Fsk, bytes, list[dict[str, object]]]] = {
    "nothing behind the marks": (ON_HOOK, b"", [FAILED]),
    "no type byte": (ON_HOOK, mdmf(CALLER)[2:], [FAILED]),
    "no type byte, V.23": (replace(ON_HOOK, modem=V23), mdmf(CALLER)[2:], [FAILED | {"standard": "v23"}]),
    "a second of marks, then the message": (replace(ON_HOOK, mark_bits=1200), mdmf(CALLER), [FULL]),
    "a seizure without marks": (replace(ON_HOOK, mark_bits=0, tail_bits=0), b"", []),
    "marks without a seizure": (replace(ON_HOOK, seizure_bits=0), b"", []),
}


@pytest.mark.parametrize("name", ANNOUNCED)
def test_a_message_that_its_preamble_announced(name: str) -> None:
    how, message, told = ANNOUNCED[name]
    (heard,) = on_micropython([line(burst(how, message), tail_ms=900)])
    assert of(heard, "caller_id") == told


@pytest.mark.parametrize(("start", "end"), [("D", "C"), ("A", "B"), ("*", "#"), ("B", "C")])
def test_dtmf_caller_id(start: str, end: str) -> None:
    train = caller_id_train("05718866332", start, end)
    (heard,) = on_micropython([line(train, 6.0, CALLER_ID.level_dbm0)])
    assert only_caller_id(heard) == {"format": "dtmf", "number": "05718866332"}


def test_a_train_that_lost_a_key_is_uncertain() -> None:
    train = join([caller_id_train("0571", end=""), silence(100), dtmf_train("8866332C", CALLER_ID)])
    (heard,) = on_micropython([line(train)])
    assert only_caller_id(heard) == {"format": "dtmf", "uncertain": True}


KEYS = "0123456789*#ABCD"
DIALLINGS = {
    "80 ms": (DIALLED, KEYS),
    "40 ms": (Dtmf(40.0, 40.0), KEYS),
    "8 dB twist": (replace(DIALLED, twist_db=8.0), KEYS),
    "-8 dB twist": (replace(DIALLED, twist_db=-8.0), KEYS),
    "1.5 % fast": (replace(DIALLED, skew=0.015), KEYS),
    "1.5 % slow": (replace(DIALLED, skew=-0.015), KEYS),
    "3.5 % fast": (replace(DIALLED, skew=0.035), ""),
    "3.5 % slow": (replace(DIALLED, skew=-0.035), ""),
    "20 ms": (Dtmf(20.0, 60.0), ""),
}


def test_dialled_digits() -> None:
    recordings = [line(dtmf_train(KEYS, how), 20.0, how.level_dbm0 + 3.0) for how, _ in DIALLINGS.values()]
    heard = [digits(events) for events in on_micropython(recordings, off_hook=True)]
    assert heard == [expected for _, expected in DIALLINGS.values()]


def test_a_digit_over_the_dial_tone() -> None:
    train = dtmf_train("110", DIALLED)
    tone = join([sine(450.0, 640, -8.0), silence(len(train) / 8 - 80)])
    (heard,) = on_micropython([line(train + tone)], off_hook=True)
    assert digits(heard) == "110"


def test_a_faint_key_cuts_the_dial_tone() -> None:
    recordings = [
        line(
            join(
                [
                    sine(450.0, 6000 + 37 * index, -10.0),
                    dtmf_train("1590", replace(DIALLED, level_dbm0=-25.0)),
                ]
            )
        )
        for index in range(12)
    ]
    assert [digits(heard) for heard in on_micropython(recordings, off_hook=True)] == ["1590"] * 12


@pytest.mark.parametrize("freq_hz", [428.0, 472.0])
def test_a_short_key_on_a_loud_dial_tone_off_its_frequency(freq_hz: float) -> None:
    """GB 3380 allows 25 Hz; the tone stands until the key is over."""
    key = join([silence(700), dtmf_train("1", Dtmf(40.0, 40.0, level_dbm0=-10.0))])
    tone = join([sine(freq_hz, 8 * 741, -8.0), silence(len(key) / 8 - 741)])
    rest = dtmf_train("590", Dtmf(40.0, 40.0, level_dbm0=-10.0))
    (heard,) = on_micropython([line(join([key + tone, rest]), 30.0)], off_hook=True)
    assert digits(heard) == "1590"


def test_a_faint_key_that_a_dial_tone_leaves_35_ms_of() -> None:
    recordings = []
    for index in range(12):
        key = join([silence(700 + index), dtmf_train("1590", Dtmf(60.0, 75.0, level_dbm0=-25.0))])
        tone = join([sine(445.0, 8 * (725 + index), -13.0), silence(len(key) / 8 - 725 - index)])
        recordings.append(line(key + tone, 28.0, -25.0))
    assert [digits(heard) for heard in on_micropython(recordings, off_hook=True)] == ["1590"] * 12


def test_on_hook_nobody_dials_and_off_hook_nobody_sends_caller_id() -> None:
    train = line(caller_id_train("05718866332"))
    assert digits(on_micropython([train], off_hook=True)[0]) == "D05718866332C"
    assert on_micropython([line(burst())], off_hook=True) == [[]]


def test_call_waiting_is_an_event_not_a_call() -> None:
    cas = sine(2130.0, 640, -18.0) + sine(2750.0, 640, -18.0)
    message = join([cas, silence(60), acknowledgement(), silence(100), burst(OFF_HOOK)])
    (heard,) = on_micropython([line(message)], off_hook=True)
    assert [(kind, fields) for _, kind, fields in heard] == [("call_waiting", {"number": CALLER.number})]


CADENCES = {
    "dial": (450, [(2000, 0)]),
    "ringback": (450, [(1000, 4000)] * 2),
    "busy": (450, [(350, 350)] * 6),
    "congestion": (450, [(700, 700)] * 4),
    "vacant": (450, [(100, 100)] * 3 + [(400, 400)] + [(100, 100)] * 3),
    "waiting": (450, [(400, 4000)]),
    "howler": (950, [(2000, 0)]),
    "cng": (1100, [(500, 3000)] * 2),
}


@pytest.mark.parametrize("tone", CADENCES)
def test_call_progress_tones(tone: str) -> None:
    freq_hz, cadence = CADENCES[tone]
    parts = [join([sine(freq_hz + 12.0, on * 8, -12.0), silence(off)]) for on, off in cadence]
    (heard,) = on_micropython([line(join(parts), 25.0, tail_ms=100)], off_hook=True)
    assert [(kind, fields) for _, kind, fields in heard] == [
        ("tone_detected", {"tone": tone, "freq_hz": freq_hz})
    ]


BUSY_BURSTS = [(350, 350)] * 4
RINGING = [(1000, 4000), (1000, 4000)]
WHOLE_CALLS: dict[str, tuple[str, list[tuple[int, int]], list[str]]] = {
    "a second of dial tone, undialled": ("", [(1000, 6000)], []),
    "a second of dial tone, dialled": ("110", [], []),
    "ringback without dialling is told by its cadence": ("", [*RINGING, (1000, 2000)], ["ringback"]),
    "ringback ends": ("", [*RINGING, (0, 2000)], ["ringback", "connected"]),
    "ringback ends in a burst": ("", [*RINGING, (400, 6000)], ["ringback", "connected"]),
    "ringback gives way to busy": ("", [*RINGING, *BUSY_BURSTS, (350, 6000)], ["ringback", "busy"]),
    "the last burst of busy": ("", [*BUSY_BURSTS, (350, 6000)], ["busy"]),
    "only two bursts of busy": ("", [(350, 350), (350, 6000)], []),
}


@pytest.mark.parametrize("name", WHOLE_CALLS)
def test_what_a_run_of_bursts_says(name: str) -> None:
    keys, bursts, told = WHOLE_CALLS[name]
    parts = [join([sine(450.0, on_ms * 8, -12.0), silence(off_ms)]) for on_ms, off_ms in bursts]
    if keys:
        parts = [sine(450.0, 8000, -12.0), dtmf_train(keys, DIALLED), silence(5000)]
    (heard,) = on_micropython([line(join(parts), 25.0, tail_ms=100)], off_hook=True)
    assert [fields["tone"] for fields in of(heard, "tone_detected")] == told


def test_the_end_of_ringback_names_its_method() -> None:
    parts = [join([sine(450.0, 8000, -12.0), silence(4000)])] * 2
    (heard,) = on_micropython([line(join(parts), 25.0, tail_ms=1500)], off_hook=True)
    assert of(heard, "tone_detected")[-1] == {"tone": "connected", "method": "ringback"}


def test_both_runtimes_hear_the_same() -> None:
    recordings = [
        (line(burst(), 6.0), False),
        (line(caller_id_train("8866332"), 4.0), False),
        (line(dtmf_train("159D", DIALLED), 5.0), True),
    ]
    for pcm, off_hook in recordings:
        assert [list(event) for event in on_cpython(pcm, off_hook)] == [
            list(event) for event in on_micropython([pcm], off_hook)[0]
        ]

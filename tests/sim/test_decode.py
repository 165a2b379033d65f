"""`cloudseat-sim decode`: the firmware's ear on real MicroPython, one JSON line a file."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

import sim.decode
from sim.audio_file import write_wav
from sim.cli import app
from sim.impairments import with_noise
from sim.signals.dtmf import caller_id_train, dtmf_train
from sim.signals.fsk import V23, Fsk, fsk_burst
from sim.signals.levels import Signal, join, silence, to_pcm
from sim.signals.messages import Caller, mdmf, sdmf
from sim.signals.tones import BUSY, tone_period

CALLER = Caller("13800138000", name="张三", date="03170856")


def recorded(folder: Path, name: str, signal: Signal) -> Path:
    """`signal` between two silences on a quiet line, as a WAV file."""
    noisy = with_noise(join([silence(200.0), signal, silence(300.0)]), 30.0, -13.5, np.random.default_rng(3))
    write_wav(folder / name, to_pcm(noisy))
    return folder / name


def decode(*arguments: str | Path) -> tuple[int, list[dict[str, object]]]:
    """Exit code and the JSON lines."""
    result = CliRunner().invoke(app, ["decode", "--json", *map(str, arguments)])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def signals(tmp_path: Path) -> dict[str, Path]:
    """Recordings by name."""
    busy = np.tile(tone_period(BUSY), 6)
    return {
        "mdmf": recorded(tmp_path, "mdmf.wav", fsk_burst(mdmf(CALLER))),
        "sdmf": recorded(tmp_path, "sdmf.wav", fsk_burst(sdmf(CALLER))),
        "v23": recorded(tmp_path, "v23.wav", fsk_burst(mdmf(CALLER), Fsk(modem=V23))),
        "withheld": recorded(tmp_path, "withheld.wav", fsk_burst(mdmf(Caller(reason="P")))),
        "dtmf": recorded(tmp_path, "dtmf.wav", caller_id_train("02162345678")),
        "dialled": recorded(tmp_path, "dialled.wav", dtmf_train("10086#")),
        "busy": recorded(tmp_path, "busy.wav", busy),
    }


def test_caller_ids_in_order_of_the_files(signals: dict[str, Path]) -> None:
    names = ("mdmf", "sdmf", "v23", "withheld", "dtmf")
    code, lines = decode("--mode", "onhook", *(signals[name] for name in names))
    assert code == 0 and [line["file"] for line in lines] == [str(signals[name]) for name in names]
    ids = [line["caller_ids"] for line in lines]
    assert ids[0] == [
        {
            "number": "13800138000",
            "name": "张三",
            "datetime": "03170856",
            "reason": None,
            "format": "fsk-mdmf",
            "standard": "bell202",
        }
    ]
    told = [[(one["number"], one["reason"], one["format"], one["standard"]) for one in each] for each in ids]  # type: ignore
    assert told[1:] == [
        [("13800138000", None, "fsk-sdmf", "bell202")],
        [("13800138000", None, "fsk-mdmf", "v23")],
        [(None, "withheld", "fsk-mdmf", "bell202")],
        [("02162345678", None, "dtmf", None)],
    ]
    runtime = lines[0]["runtime"]
    assert isinstance(runtime, dict) and runtime["name"] == "micropython"


def test_digits_and_tones_are_heard_off_hook(signals: dict[str, Path]) -> None:
    code, lines = decode("--mode", "offhook", signals["dialled"], signals["busy"], signals["mdmf"])
    assert code == 0 and lines[0]["digits"] == "10086#"
    assert "busy" in json.dumps(lines[1]["tones"])
    assert lines[2]["caller_ids"] == [] and lines[2]["digits"] == ""


def test_auto_does_both(signals: dict[str, Path]) -> None:
    _, lines = decode(signals["mdmf"], signals["dialled"])
    assert "13800138000" in json.dumps(lines[0]["caller_ids"]) and lines[1]["digits"] == "10086#"


def test_flac_is_read(tmp_path: Path) -> None:
    path = tmp_path / "call.flac"
    samples = to_pcm(join([silence(200.0), fsk_burst(mdmf(CALLER)), silence(200.0)]))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "13800138000" in json.dumps(decode("--mode", "onhook", path)[1][0]["caller_ids"])


def test_a_bad_file_is_an_error_and_the_others_are_decoded(signals: dict[str, Path], tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("this is no audio")
    fast = tmp_path / "fast.wav"
    write_wav(fast, np.zeros(800, dtype=np.int16))
    header = bytearray(fast.read_bytes())
    header[24:28] = (44_100).to_bytes(4, "little")
    fast.write_bytes(header)
    code, lines = decode("--mode", "onhook", text, signals["mdmf"], fast, tmp_path / "absent.wav")
    assert code == 1
    errors = [line.get("error") for line in lines]
    assert errors[1] is None and lines[1]["caller_ids"]
    assert "audio" in str(errors[0]) and "44100 Hz" in str(errors[2]) and "No such file" in str(errors[3])


def test_silence_is_nothing_heard(tmp_path: Path) -> None:
    write_wav(tmp_path / "silence.wav", np.zeros(8000, dtype=np.int16))
    write_wav(tmp_path / "short.wav", np.zeros(3, dtype=np.int16))
    code, lines = decode(tmp_path / "silence.wav", tmp_path / "short.wav")
    assert code == 0
    assert [(line["caller_ids"], line["digits"], line["tones"]) for line in lines] == [([], "", [])] * 2


def test_without_json_it_is_for_people(signals: dict[str, Path]) -> None:
    result = CliRunner().invoke(app, ["decode", "--mode", "onhook", str(signals["dtmf"])])
    assert result.exit_code == 0 and "caller ID" in result.stdout and "02162345678" in result.stdout


def test_an_ear_that_breaks_is_an_error_of_that_file(
    signals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "worker.py"
    broken.write_text("print('{}')\nimport sys\nsys.stdin.buffer.read(5)\nraise ValueError('no ear')\n")
    monkeypatch.setattr(sim.decode, "WORKER", broken)
    code, lines = decode("--mode", "onhook", signals["mdmf"], signals["sdmf"])
    assert code == 1 and len(lines) == 2
    assert all("the ear stopped" in str(line["error"]) and "no ear" in str(line["error"]) for line in lines)

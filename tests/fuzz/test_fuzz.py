"""The fuzz targets for a second or two each; by hand for as long as wished (`python -m tests.fuzz`)."""

import pytest

from tests.fuzz import board_runner
from tests.fuzz.board_runner import run_on_board
from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.reach import measure_reach
from tests.fuzz.runner import FuzzFailure, run
from tests.fuzz.targets import TARGETS, load_corpus
from tests.fuzz.wire_targets import TARGETS as WIRE_TARGETS

COUNTS = {"link": 8_000}
REACH_COUNTS = {"link": 500}
SEED = 20260317
LEAST_REACH = {"downlink": 0.88, "cbor": 0.93, "messages": 0.93, "frames": 0.95}
"""Share of a target's lines; the rest refuses what an encoder must not be given. The others: 97 %."""


@pytest.mark.parametrize("target", TARGETS)
def test_stands_any_input(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(target, COUNTS.get(target, 30_000), SEED)
    with capsys.disabled():
        print(f"\n{report}")
    assert len(report.outcomes) > 1, "the corpus reaches one outcome only"


def test_the_board_stands_any_input_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    report = run_on_board("cbor", 20_000, SEED)
    with capsys.disabled():
        print(f"\n{report}")
    assert report.outcomes == run("cbor", 20_000, SEED).outcomes


@pytest.mark.parametrize("target", TARGETS)
def test_the_inputs_reach_the_code(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    reach = measure_reach(target, REACH_COUNTS.get(target, 1500), SEED)
    with capsys.disabled():
        print(f"\n{reach}")
    assert reach.share >= LEAST_REACH.get(target, 0.97)


def test_the_same_seed_gives_the_same_inputs() -> None:
    corpus = load_corpus("cbor")
    first, second = Draw(7), Draw(7)
    assert [mutate(first, corpus) for _ in range(50)] == [mutate(second, corpus) for _ in range(50)]


def test_a_failure_names_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes) -> str:
        raise ZeroDivisionError

    monkeypatch.setitem(TARGETS, "cbor", fail)
    with pytest.raises(FuzzFailure, match="seed 3, input 0: ZeroDivisionError") as caught:
        run("cbor", 10, 3)
    assert caught.value.data == load_corpus("cbor")[0]


def test_a_board_that_says_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WIRE_TARGETS, "cbor", lambda data: "accepted")
    with pytest.raises(FuzzFailure, match="CPython has other outcomes"):
        run_on_board("cbor", 500, 3)


def test_a_board_that_runs_out_of_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_runner, "HEAP", "2k")
    with pytest.raises(FuzzFailure, match="on MicroPython"):
        run_on_board("cbor", 500, 3)

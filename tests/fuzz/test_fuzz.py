"""The fuzz targets for a second or two each; by hand for as long as wished (`python -m tests.fuzz`)."""

import pytest

from tests.fuzz.mutation import Draw, mutate
from tests.fuzz.runner import FuzzFailure, run
from tests.fuzz.targets import TARGETS, load_corpus

COUNTS = {"link": 5_000}
SEED = 20260317


@pytest.mark.parametrize("target", TARGETS)
def test_stands_any_input(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(target, COUNTS.get(target, 30_000), SEED)
    with capsys.disabled():
        print(f"\n{report}")
    assert len(report.outcomes) > 1, "the corpus reaches one outcome only"


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

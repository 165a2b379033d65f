"""Fixtures: a bench whose board is always put away."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.bench import Bench


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes benches; each gets its own flash file unless told otherwise."""
    benches: list[Bench] = []

    def make(flash: str = "flash.bin", **settings: Any) -> Bench:
        bench = Bench(tmp_path / flash, **settings)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.board.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench with an on-hook line."""
    return make_bench()

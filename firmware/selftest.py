"""The self-test: what the box can judge of its line and of itself while nobody uses the line."""

import math

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware.app import App

_LEAST_MV = const(40_000)
_MOST_MV = const(56_000)
"""An idle exchange line (docs/howto/board.md). Behind a small PBX with 24 V this item fails, and says why."""
_MOST_NOISE = const(162)
"""RMS of the samples at -40 dBm0, the weakest caller ID there is (full-scale sine: +3.14 dBm0)."""


def run_self_test(app: "App", tick: int) -> None:
    """State one event an item. The line is on-hook and has been heard for a block at least."""
    for item, passed, value, limit in _judge(app):
        fields = {"item": item, "passed": passed, "value": value, "limit": limit}
        app.journal.append(tick, "self_test", fields)


def _judge(app: "App") -> "Iterator[tuple[str, bool, int, int]]":
    line_mv = abs(app.device.readings.loop_mv)
    limit = _LEAST_MV if line_mv < _LEAST_MV else _MOST_MV
    yield "line_mv", _LEAST_MV <= line_mv <= _MOST_MV, line_mv, limit
    samples = app.device.codec.samples
    mean = sum(samples) // len(samples)
    noise = int(math.sqrt(sum((sample - mean) ** 2 for sample in samples) // len(samples)))
    yield "noise", noise <= _MOST_NOISE, noise, _MOST_NOISE
    errors = app.journal.flash_errors
    yield "flash_errors", errors == 0, errors, 0

"""The same scenario on another line: everything that a standard gives a tolerance is drawn from inside it.

What a scenario sets itself stays as it is. Sources: GB 3380 (ringing 25 +-3 Hz, 90 +-15 V; tones 450 +-25 Hz,
-10 +-3 dBm), GR-30-CORE and YD/T 1277.1 (caller ID: clock +-1 %, twist, send level and loss of the loop).
"""

from typing import Any

import numpy as np

Table = dict[str, Any]


def varied(table: Table, seed: int) -> Table:
    """`table` (a scenario's) with every tolerance drawn by `seed`."""
    rng = np.random.default_rng(seed)
    line, call_tables = dict(table.get("line", {})), table.get("call", ())
    path = _line_path(rng) | dict(line.get("path", {}))
    ringing = {"freq_hz": int(rng.integers(22, 29)), "volts_rms": float(rng.uniform(75.0, 105.0))}
    settings = {"battery_v": float(rng.uniform(44.0, 56.0))} | line
    settings |= {"path": path, "ringing": ringing | dict(line.get("ringing", {}))}
    exchange = {"tone_hz": float(rng.integers(430, 471)), "tone_level_db": float(rng.uniform(-3.0, 3.0))}
    return table | {
        "seed": seed,
        "line": settings,
        "exchange": exchange | dict(table.get("exchange", {})),
        "call": [call | {"caller_id": _caller_id(rng) | call.get("caller_id", {})} for call in call_tables],
    }


def _line_path(rng: np.random.Generator) -> Table:
    return {
        "noise_dbm0": float(rng.uniform(-65.0, -48.0)),
        "hum_dbm0": float(rng.uniform(-60.0, -40.0)),
        "loss_db": float(rng.uniform(0.0, 6.0)),
        "slope_db": float(rng.uniform(0.0, 2.0)),
    }


def _caller_id(rng: np.random.Generator) -> Table:
    return {
        "level_dbm0": float(rng.uniform(-15.0, -12.0)),
        "skew": float(rng.uniform(-0.01, 0.01)),
        "twist_db": float(rng.uniform(-2.0, 2.0)),
    }

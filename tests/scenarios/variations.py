"""The same scenario on another line: everything that a standard gives a tolerance is drawn from inside it.

What a scenario sets itself stays as it is. Sources: GB 3380 (ringing 25 +-3 Hz, 90 +-15 V, 1 s / 4 s +-10 %;
tones 450 +-25 Hz, -10 +-3 dBm, cadences +-10 %), GR-30-CORE and YD/T 1277.1 (caller ID: clock +-1 %, twist,
send level, loss of the loop, at least 500 ms behind the burst, mark 180 +-25 bits), GB/T 15279 (sets: 10 +-1
pulses a second of 60 to 67 % break, tones of at least 50 ms).
"""

from typing import Any

import numpy as np

Table = dict[str, Any]


def varied(table: Table, seed: int) -> Table:
    """`table` (a scenario's) with every tolerance drawn by `seed`."""
    rng = np.random.default_rng(seed)
    line, phone = dict(table.get("line", {})), dict(table.get("phone", {}))
    path = _line_path(rng) | dict(line.get("path", {}))
    ringing = _ringing(rng) | dict(line.get("ringing", {}))
    set_ = _set(rng)
    dtmf = set_["dtmf"] | dict(phone.get("dtmf", {}))
    return table | {
        "seed": seed,
        "line": {"battery_v": float(rng.uniform(44.0, 56.0))} | line | {"path": path, "ringing": ringing},
        "exchange": _exchange(rng) | dict(table.get("exchange", {})),
        "phone": set_ | phone | {"dtmf": dtmf},
        "call": [
            call | {"caller_id": _caller_id(rng, call.get("caller_id", {}))} for call in table.get("call", ())
        ],
    }


def _line_path(rng: np.random.Generator) -> Table:
    return {
        "noise_dbm0": float(rng.uniform(-65.0, -48.0)),
        "hum_dbm0": float(rng.uniform(-60.0, -40.0)),
        "loss_db": float(rng.uniform(0.0, 6.0)),
        "slope_db": float(rng.uniform(0.0, 2.0)),
    }


def _ringing(rng: np.random.Generator) -> Table:
    on_ms, off_ms = rng.integers(900, 1101), rng.integers(3600, 4401)
    return {
        "freq_hz": int(rng.integers(22, 29)),
        "volts_rms": float(rng.uniform(75.0, 105.0)),
        "cadence_ms": [[int(on_ms), int(off_ms)]],
    }


def _exchange(rng: np.random.Generator) -> Table:
    return {
        "tone_hz": float(rng.integers(430, 471)),
        "tone_level_db": float(rng.uniform(-3.0, 3.0)),
        "tone_pace": float(rng.uniform(0.9, 1.1)),
        "dial_tone_after_ms": int(rng.integers(100, 900)),
        "route_ms": int(rng.integers(500, 3000)),
        "busy_after_ms": int(rng.integers(100, 1000)),
        "caller_id_after_ms": int(rng.integers(500, 1200)),
    }


def _set(rng: np.random.Generator) -> Table:
    period_ms, break_share = rng.uniform(91.0, 111.0), rng.uniform(0.6, 0.67)
    break_ms = round(period_ms * break_share)
    return {
        "dtmf": {
            "on_ms": float(rng.uniform(60.0, 120.0)),
            "off_ms": float(rng.uniform(60.0, 120.0)),
            "level_dbm0": float(rng.uniform(-12.0, -6.0)),
            "twist_db": float(rng.uniform(0.0, 4.0)),
            "skew": float(rng.uniform(-0.01, 0.01)),
        },
        "pulse_break_ms": break_ms,
        "pulse_make_ms": round(period_ms) - break_ms,
    }


def _caller_id(rng: np.random.Generator, own: Table) -> Table:
    drawn: Table = {
        "level_dbm0": float(rng.uniform(-15.0, -12.0)),
        "skew": float(rng.uniform(-0.01, 0.01)),
    }
    if own.get("format") == "dtmf":
        drawn |= {"twist_db": float(rng.uniform(-2.0, 2.0))}
        drawn |= {"on_ms": float(rng.uniform(50.0, 80.0)), "off_ms": float(rng.uniform(50.0, 80.0))}
    else:
        drawn |= {"twist_db": float(rng.uniform(-4.0, 6.0)), "mark_bits": int(rng.integers(155, 206))}
        drawn |= {"stuffing_bits": int(rng.integers(0, 4))}
    return drawn | own

"""Measurements, each beside a limit or a peer in the same run; `python -m benchmarks` runs them all."""

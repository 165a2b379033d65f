"""The simulated copper line, its exchange, phone and people, and the board that listens to it."""

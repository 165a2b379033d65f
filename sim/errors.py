"""One base error; the sentence says what to do."""


class SimulatorError(Exception):
    """The simulator cannot go on."""

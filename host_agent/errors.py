"""One base error; each says what is wrong and what to do about it."""


class AgentError(Exception):
    """A state the agent cannot go on in, or one job of it cannot.

    Attributes:
        code: constant dotted name for logs and tests, e.g. `port.busy`.
        remedy: one sentence that says what to do.
    """

    def __init__(self, code: str, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.code = code
        self.problem = problem
        self.remedy = remedy

"""What fails again and again is logged when it begins and when it is over, not each time."""

import structlog

log = structlog.get_logger()


class Trouble:
    """One kind of trouble of one thread.

    Args:
        begun, over: names of the two log events; the second tells how often it failed.
    """

    def __init__(self, begun: str, over: str) -> None:
        self._begun, self._over = begun, over
        self._failures = 0

    def tell(self, error: object, retry_in_s: float) -> None:
        """It failed."""
        if not self._failures:
            log.error(self._begun, error=str(error), retry_in_s=retry_in_s)
        self._failures += 1

    def end(self) -> None:
        """It worked."""
        if self._failures:
            log.info(self._over, failures=self._failures)
            self._failures = 0

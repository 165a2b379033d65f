"""Logs to stderr: readable on a terminal, one JSON object a line otherwise; telephone numbers are masked in
both."""

import contextlib
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

_NUMBER = re.compile(r"(?<![0-9A-Za-z./-])\+?\d{7,15}(?![0-9A-Za-z/-])")
_IDS = frozenset(
    {"source", "boot", "call", "agent_id", "id", "sha256", "port", "other", "topic", "event", "timestamp"}
)


def mask_number(text: str) -> str:
    """`13912345678` → `139****5678`; short ones keep their last two digits."""
    if len(text) < 7:
        return "*" * max(0, len(text) - 2) + text[-2:]
    return text[:3] + "*" * (len(text) - 7) + text[-4:]


def mask_numbers(_logger: Any, _method: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks whatever looks like a telephone number in any text that is not an id."""
    for key, value in facts.items():
        if isinstance(value, str) and key not in _IDS:
            facts[key] = _NUMBER.sub(lambda match: mask_number(match.group()), value)
    return facts


class _Sink:
    """Where the log goes: what finds no room there is left out, and the agent goes on."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()


def set_up_logs() -> None:
    """Called once by the command line."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            mask_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Sink(sys.stderr))),
        cache_logger_on_first_use=True,
    )

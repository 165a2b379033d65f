"""Structured logs on stderr: readable on a terminal, one JSON object a line otherwise, whoever says it.

Stdout is for results. Telephone numbers are masked, also those that a database quotes in an error.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from telephony.numbers import mask

_NUMBER = re.compile(r"(?<![0-9A-Za-z./-])\+?\d{7,15}(?![0-9A-Za-z/-])")
_IDS = frozenset({"call", "source", "boot", "desk", "topic", "timestamp"})


def mask_numbers(_logger: WrappedLogger, _method: str, facts: EventDict) -> EventDict:
    """Mask whatever looks like a telephone number in any text that is not an id."""
    for key, value in facts.items():
        if isinstance(value, str) and key not in _IDS:
            facts[key] = _NUMBER.sub(lambda found: mask(found.group()), value)
    return facts


def configure_logging() -> None:
    """Called once by the command line. Libraries that log by `logging` come out the same way."""
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_numbers,
    ]
    structlog.configure(
        processors=[*shared, renderer], logger_factory=lambda *_: structlog.PrintLogger(sys.stderr)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)

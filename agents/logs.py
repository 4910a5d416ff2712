"""The log of a process that serves, on stderr: a JSON object a line, for people on a terminal. Ours and the libraries', masked."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from vps.mask import Mask

_QUIET = ("asyncssh", "aiohttp.access")
"""They tell of every command and every request at INFO."""


def configure(level: str, mask: Mask) -> None:
    """From now on, for the whole process. What is bound with structlog's contextvars stands in every line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last = _written(mask)
    structlog.configure(
        processors=[*before, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _redirect(number, before, last)
    sys.excepthook = _crashed


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends the process is told like everything else, not by Python's own unmasked words."""
    structlog.get_logger().critical("ended by an error", exc_info=(kind, error, trace))


def _written(mask: Mask) -> Processor:
    """Masked as text: whatever an object looks like once it is written, and whatever a library put into a message."""
    write = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )

    def written(logger: Any, method: str, event: EventDict) -> str:
        return mask.text(str(write(logger, method, event)))

    return written


def _redirect(level: int, before: list[Processor], last: Processor) -> None:
    """The libraries log with Python's own module."""
    finish = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[finish, last], foreign_pre_chain=[structlog.stdlib.add_logger_name, *before]
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))

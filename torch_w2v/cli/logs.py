"""Log lines on the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("gensim", "torch_w2v")


@contextmanager
def log_lines(quiet: bool) -> Iterator[None]:
    """Show the log lines of gensim and torch_w2v on stderr while the block runs.

    gensim's lines about the life cycle of a model, which repeat all its arguments, are left out.

    Args:
        quiet: show warnings and errors only.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(lambda record: record.funcName != "add_lifecycle_event")
    loggers = [logging.getLogger(name) for name in LOGGERS]
    settings_before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, settings_before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate

"""Where the lines of a replica go: to a file of its own among the logs of Ray's session.

role, Ray's session  ->  <session>/logs/headgate/<role>-<pid>.log;  from warnings on, stderr too

Ray reads what its workers write to stderr and sends it through the cluster, which costs more than
the calls that such a line tells of. It leaves folders below its logs alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

from headgate.serving.logs import configure_logs, formatter, get_logger, stderr_handler

FOLDER = "headgate"
FILE_SIZE_BYTES = 64 * 2**20
OLDER_FILES = 4
"""Kept of each process, numbered; one has a quarter of a million calls."""
CHECK_EVERY = 256
"""Lines between two looks at the size of the file."""

log = get_logger(__name__)


def configure_replica_logs(role: str, environment: Mapping[str, str] = os.environ) -> None:
    """Log from now on to a file, if this process is one of Ray's; else to stderr alone.

    Args:
        role: What the process does, as the first part of the file's name.
        environment: Has the level.
    """
    configure_logs(environment)
    folder = session_folder()
    if folder is None or any(isinstance(each, _File) for each in logging.getLogger().handlers):
        return
    try:
        folder.mkdir(exist_ok=True)
        handler = _File(
            folder / f"{role}-{os.getpid()}.log",
            maxBytes=FILE_SIZE_BYTES,
            backupCount=OLDER_FILES,
            encoding="utf-8",
        )
    except OSError as error:
        log.warning("no_log_file", folder=str(folder), type=type(error).__name__)
        return
    handler.setFormatter(formatter(terminal=False))
    # What no line of ours tells; `logging` finds it out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger().addHandler(handler)
    stderr_handler().setLevel(logging.WARNING)


def session_folder() -> Path | None:
    """Return the folder of our logs in Ray's session; None where this process is in none."""
    import ray

    if not ray.is_initialized():
        return None
    context = ray.get_runtime_context()
    return Path(context.get_temp_dir(), context.get_session_name(), "logs", FOLDER)


class _File(RotatingFileHandler):
    """The one file of this process."""

    _until_check = 0

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        """Return whether the file is full; asked of the file now and then, not of each line."""
        del record
        self._until_check -= 1
        if self._until_check > 0:
            return False
        self._until_check = CHECK_EVERY
        file = self.stream
        return file is not None and os.fstat(file.fileno()).st_size >= self.maxBytes

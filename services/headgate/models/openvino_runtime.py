"""The one OpenVINO runtime of a process.

files of a model, hints -> compiled model
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_one_at_a_time = threading.Lock()


def compile_model(file: Path, hints: Mapping[str, str]) -> Any:  # noqa: ANN401 - untyped
    """Return the model, compiled for this CPU.

    Raises:
        RuntimeError: The file is no model.
    """
    with _one_at_a_time:  # or two threads would make two
        core = _core()
    return core.compile_model(str(file), "CPU", dict(hints))


@functools.cache
def _core() -> Any:  # noqa: ANN401 - untyped
    """Return the runtime, which stays.

    Its CPU plugin gives the thread that loads it another stack for signal handlers, and frees that
    stack when it goes. Of two runtimes, the one that goes last would put the stack of the first
    back, which is freed by then; and the process would end at its next signal. NNCF has runtimes of
    its own, so that this one is not destroyed at the end of the process either.
    """
    import openvino

    core = openvino.Core()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(core))
    return core

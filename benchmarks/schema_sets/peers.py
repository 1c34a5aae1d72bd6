"""Peers on the same tables, each in a process of its own.

Study, target  ->  peers_program.py  ->  Matched (rankings, pairs, seconds), or why there is none
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from schema_sets.figures import Matched
from schema_sets.gdc import SchemaSet, Study

PEERS = ("valentine_coma", "valentine_coma_instances", "valentine_jaccard", "magneto")
TIMEOUT_S = 900

_PROGRAM = Path(__file__).with_name("peers_program.py")
# Other numbers of threads would make their seconds those of another machine; the hub is closed.
_ENVIRONMENT = {"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def peer_matches(
    peer: str, study: Study, tables: SchemaSet, say: Callable[[str], None]
) -> Matched | None:
    """Return what a peer makes of a table; None when it fails, which is told.

    Its seconds are of its own work, without starting and reading, and include the target, since
    none of them keeps anything of one.
    """
    request = {
        "peer": peer,
        "source": str(study.path),
        "target": str(tables.target_path),
        "source_ids": study.source.ids,
        "target_ids": tables.target.ids,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_PROGRAM)],
            input=json.dumps(request),
            capture_output=True,
            env={**os.environ, **_ENVIRONMENT},
            timeout=TIMEOUT_S,
            text=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        say(f"{study.name}: {peer} fails: {_last_line(error.stderr)}")
        return None
    except subprocess.TimeoutExpired:
        say(f"{study.name}: {peer} takes more than {TIMEOUT_S} s")
        return None
    return Matched(**json.loads(done.stdout))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it says nothing"

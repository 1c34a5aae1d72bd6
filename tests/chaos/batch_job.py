"""One run of a batch job, to be killed: says "ready" on stdout once everything is imported.

argv: cascade.yaml, directory of input, directory of output
"""

from __future__ import annotations

import sys
from pathlib import Path

from headgate.batch.job import Job, OutputSpec
from headgate.batch.run import Placement
from headgate.batch.types import InputSpec
from headgate.cascade.load import load_cascade


def main() -> None:
    """Run the job to its end."""
    cascade, source, target = sys.argv[1:]
    job = Job.new(load_cascade(cascade), InputSpec((source,)), Path(target), OutputSpec())
    print("ready", flush=True)
    job.run(Placement(workers=2), environment={})


if __name__ == "__main__":
    main()

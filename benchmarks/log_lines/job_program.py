"""One command line of headgate in a process of its own, and how much memory it took.

arguments -> headgate -> its output, and as the last line the most bytes that were resident
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from headgate.cli.main import run


def main() -> int:
    """Run the command line of this process."""
    code = run(sys.argv[1:])
    print(peak_rss_bytes())
    return code


def peak_rss_bytes() -> int:
    """Return the most that this process had resident.

    What getrusage tells has in it what the process that started this one had.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM: this needs Linux")
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())

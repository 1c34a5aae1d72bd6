"""What runs in drain3's own environment: lines in, their clusters out.

lines (JSON array, standard input)  ->  clusters, templates (lines,), lines_per_s (JSON)
"""

from __future__ import annotations

import json
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

MASKS = (
    r"(?<![0-9A-Za-z])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z])",
    r"(?<![0-9A-Za-z])0x[0-9A-Fa-f]+(?![0-9A-Za-z])",
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2,}(?::[0-9A-Fa-f]{2,}){3,}(?![0-9A-Za-z])",
    r"(?<![0-9A-Za-z])[-+]?\d+(?![0-9A-Za-z])",
)
"""Kinds that its documentation masks: addresses, hexadecimal numbers and groups, numbers."""


def main() -> None:
    """Parse the lines of standard input, in order."""
    config = TemplateMinerConfig()
    if sys.argv[1] == "documented":
        config.masking_instructions = [MaskingInstruction(pattern, "*") for pattern in MASKS]
    lines = json.load(sys.stdin)
    miner = TemplateMiner(config=config)
    started = time.perf_counter()
    clusters = [miner.add_log_message(line)["cluster_id"] for line in lines]
    taken_s = time.perf_counter() - started
    texts = {each.cluster_id: each.get_template() for each in miner.drain.clusters}
    answer = {
        "clusters": clusters,
        "templates": [texts[cluster] for cluster in clusters],
        "lines_per_s": len(lines) / taken_s,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()

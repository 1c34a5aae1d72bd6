"""What must hold between the keys that say where a model runs, and on what.

plain values of one model -> Mistake for each rule that is broken
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from headgate.cascade.mistakes import KeyPath, Mistake
from headgate.cascade.plain import mapping_at, text_at

_ON_EVERY_NODE = re.compile(r"/.*|\w[\w.-]*/[\w.-]+")


def broken_placement_rules(path: KeyPath, model: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield a mistake for each rule that a model, which stands at `path`, breaks."""
    resources = mapping_at(model, "resources")
    gpu = resources.get("gpu", 0)
    if resources.get("accelerator") is not None and gpu == 0:
        problem = "an accelerator is reserved with a GPU"
        yield Mistake((*path, "resources", "accelerator"), problem, "Add gpu: 1, or remove it.")
    if isinstance(gpu, float) and gpu > 1 and not gpu.is_integer():
        problem = "more than one GPU is a whole number of them"
        yield Mistake((*path, "resources", "gpu"), problem, f"Write {int(gpu)} or {int(gpu) + 1}.")
    name = text_at(model, "model")
    if model.get("engine") == "ray_llm" and name and not _ON_EVERY_NODE.fullmatch(name):
        problem = "it is neither a hub id nor a directory that every GPU node has"
        yield Mistake((*path, "model"), problem, "Write 'org/name', or an absolute directory.")

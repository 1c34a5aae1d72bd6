"""Fitted cascades with models in replicas of their own; nothing of these models is ever loaded.

folder, fitted cascade -> cascade.yaml that uses its artifact -> LoadedCascade
"""

from __future__ import annotations

from pathlib import Path

from fakes.fitted_parts import write_parts
from fakes.tiny_cascade import TWO_TIERS, write_artifact
from headgate.cascade.load import LoadedCascade, load_cascade


def with_large_model(
    folder: Path, fitted: LoadedCascade, name: str = "large", *, more: str = ""
) -> LoadedCascade:
    """Return a cascade whose large model has an application of its own.

    Args:
        folder: Where its file is written.
        fitted: Of `fit_parts`; its artifact is used.
        name: The cascade's.
        more: Keys of the model, such as `resources: {gpu: 1}`.
    """
    extra = f", {more}" if more else ""
    block = f"{{kind: lm, engine: transformers, source: house/tiny{extra}}}"
    return write_parts(folder, name, artifact=fitted.artifact, large_model=block)


def with_encoder(folder: Path, name: str = "placed", *, more: str = "") -> LoadedCascade:
    """Return a cascade whose encoder has an application of its own, and its artifact."""
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "decide.md").write_text("Which part?\n", encoding="utf-8")
    (folder / "answers.jsonl").write_text("", encoding="utf-8")
    keys = f"kind: encoder, precision: float32, placement: deployment{more and f', {more}'},"
    content = TWO_TIERS.replace("kind: encoder,", keys).replace("name: sorting", f"name: {name}")
    file = folder / "cascade.yaml"
    file.write_text(content, encoding="utf-8")
    loaded = load_cascade(file)
    write_artifact(loaded)
    return loaded

from pathlib import Path

import pytest

from headgate.artifact import ArtifactWriter


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    """A small artifact with every kind of place a file can have."""
    directory = tmp_path / "fitted"
    with ArtifactWriter(directory) as writer:
        writer.write_json("thresholds.json", {"triage": 0.75})
        writer.path("model.xml").write_text("<net/>")
        writer.path("model.bin").write_bytes(bytes(range(64)))
        writer.path("error_cases/index.faiss").write_bytes(b"vectors")
        writer.finish("cascade", {"epsilon": 0.02, "labels": ["match", "mismatch"], "seed": 7})
    return directory

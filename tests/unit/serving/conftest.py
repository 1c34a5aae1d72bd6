import logging

import pytest

from fakes.running_server import running
from fakes.tiny_cascade import TWO_TIERS, write_artifact
from headgate.cascade.load import load_cascade


@pytest.fixture(autouse=True)
def own_logs():
    """Leave logging as it was: a gateway configures it for its whole process."""
    root, ours = logging.getLogger(), logging.getLogger("headgate")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
async def server(parts):
    """A server of the one cascade "parts"."""
    async with running(parts) as started:
        yield started


@pytest.fixture
def write_sorting(tmp_path):
    """Write a cascade of hand-made models, with an encoder that is not there, and its artifact."""

    def write(name="sorting"):
        folder = tmp_path / name
        (folder / "prompts").mkdir(parents=True)
        (folder / "prompts" / "decide.md").write_text("Which part?\n", encoding="utf-8")
        (folder / "answers.jsonl").write_text("", encoding="utf-8")
        # int8 files would have to lie in the artifact.
        content = TWO_TIERS.replace("kind: encoder,", "kind: encoder, precision: float32,")
        file = folder / "cascade.yaml"
        file.write_text(content.replace("name: sorting", f"name: {name}"), encoding="utf-8")
        loaded = load_cascade(file)
        write_artifact(loaded)
        return loaded

    return write

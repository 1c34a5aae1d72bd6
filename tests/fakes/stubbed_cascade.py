"""A fitted cascade whose models run in replicas of their own, for stubs to stand in.

made-up lines -> fitted with the packaged encoder -> LoadedCascade, its lines, vectors for the stub
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from fakes.stub_models import save_vectors
from headgate.cascade.assemble import task_of
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.domains.rows import LabelledRecord, read_labelled
from headgate.fitting.fit import Rows, fit_cascade
from headgate.models.encoder import ReferenceEncoder
from headgate.models.source import EMBEDDED, resolve_source
from headgate.types import Record

ROWS, TRAIN = 200, 100
LABELS = ("normal", "broken")
CASCADE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: placed, description: "Both tiers in replicas of their own."}}
spec:
  domain: logs
  task: {{operation: classify_lines, labels: [normal, broken]}}
  artifact: ./artifact
  models:
    slm:
      kind: encoder
      precision: float32
      placement: deployment
      batch: {{max_size: 8, max_wait_ms: 5}}
      {encoder}
    llm:
      kind: lm
      engine: transformers
      source: ./weights
      cache_entries: 0
      {large_model}
  flow:
    - {{name: triage, kind: classify, model: slm}}
    - {{name: keep, kind: gate, of: triage}}
    - {{name: decide, kind: verify, model: llm, prompt: decide.md}}
  deferral:
    budget: {{llm_share: 0.3}}
"""
PARTS = ("controller", "disk", "session", "router", "license", "queue", "backup", "sensor")
GOOD = ("is up again", "finished in time", "accepted the new key", "was polled by the monitor")
BAD = ("failed with a checksum error", "does not answer", "lost its peer", "ran out of memory")


@dataclass(frozen=True, slots=True)
class StubbedCascade:
    """The cascade, and what its stubs need."""

    loaded: LoadedCascade
    vectors: Path
    """What `stub_models.VECTORS` names."""
    records: tuple[Record, ...]
    """Lines that the stub knows the vectors of."""

    def changed(self, before: str, after: str) -> LoadedCascade:
        """Rewrite the file, and return what it now is."""
        text = self.loaded.path.read_text(encoding="utf-8")
        self.loaded.path.write_text(text.replace(before, after), encoding="utf-8")
        return load_cascade(self.loaded.path)


def fit_stubbed(folder: Path, *, encoder: str, large_model: str) -> StubbedCascade:
    """Fit the cascade.

    Args:
        folder: Where to.
        encoder: Keys of the encoder's placement, as in the file.
        large_model: Those of the large model's.
    """
    file = folder / "cascade.yaml"
    file.write_text(CASCADE.format(encoder=encoder, large_model=large_model), encoding="utf-8")
    (folder / "decide.md").write_text("Say whether the line is about something broken.\n")
    loaded = load_cascade(file)
    rows = _rows(folder, loaded)
    fit_cascade(loaded, Rows(rows[:TRAIN], rows[TRAIN:]))
    texts = [row.record.fields["line"] for row in rows]
    vectors = ReferenceEncoder(resolve_source(EMBEDDED, None), 256, None).encode(texts)
    save_vectors(folder / "vectors.npz", texts, vectors)
    records = tuple(row.record for row in rows[TRAIN:])
    return StubbedCascade(loaded, folder / "vectors.npz", records)


def _rows(folder: Path, loaded: LoadedCascade) -> list[LabelledRecord]:
    chance = random.Random(4)  # noqa: S311 - a fixture
    lines = [json.dumps(_line(chance)) for _ in range(ROWS)]
    (folder / "labels.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return read_labelled(folder / "labels.jsonl", task_of(loaded))


def _line(chance: random.Random) -> dict[str, str]:
    broken = chance.random() < 0.5
    event = chance.choice(BAD if broken else GOOD)
    text = f"{chance.choice(PARTS)}[{chance.randrange(10**6)}]: {event} ({chance.choice(PARTS)})"
    return {"line": text, "label": LABELS[broken]}

"""A whole cascade of tiny models: its file, and the artifact that a fit would write for it.

YAML -> LoadedCascade;  LoadedCascade -> fitted facts, classifiers, case store -> Artifact
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fakes.tiny_models import ngram_classifier, pair_classifier, text_classifier, vector_of
from headgate.artifact import Artifact, ArtifactWriter
from headgate.cascade.fitted import (
    CASES_FOLDER,
    KIND,
    SECOND,
    Fitted,
    FittedClassifier,
    FittedGate,
    classifier_names,
    facts_of,
    fit_key,
)
from headgate.cascade.load import LoadedCascade
from headgate.retrieval.store import Document, VectorStore

TWO_TIERS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: sorting, description: Which part of the machine?}
spec:
  domain: logs
  task: {operation: level, labels: [disk, net]}
  artifact: fitted
  models:
    ngram: {kind: ngrams, buckets: 1024}
    slm: {kind: encoder, batch: {max_size: 8, max_wait_ms: 0}}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: cheap, kind: classify, model: ngram}
    - {name: cheap_keep, kind: gate, of: cheap}
    - {name: triage, kind: classify, model: slm}
    - {name: keep, kind: gate, of: triage}
    - {name: similar, kind: retrieve, index: error_cases, top_k: 2}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}
  deferral: {score: max_prob, budget: {llm_share: 0.25}}
"""
"""An n-gram tier before an encoder before recorded answers; it sorts records of level."""

TWO_MODELS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: agreeing}
spec:
  domain: logs
  task: {operation: level, labels: [disk, net]}
  artifact: fitted
  models:
    ngram: {kind: ngrams, buckets: 1024}
    slm: {kind: encoder, batch: {max_size: 8, max_wait_ms: 0}}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: triage, kind: classify, model: slm}
    - {name: keep, kind: gate, of: triage}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md}
  deferral: {score: agreement, second_model: ngram}
"""
"""One tier whose gate reads two models."""

PAIRS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: matching}
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: fitted
  models: {slm: {kind: encoder}}
  flow: [{name: triage, kind: classify, model: slm}]
"""
"""One small model that compares two texts."""


def fitted_for(loaded: LoadedCascade, encoder: str = "tiny-1") -> Fitted:
    """Return what a fit of the cascade would have decided; every gate asks for 0.8."""
    spec = loaded.spec
    pairs = spec.task.operation == "match_description"
    return Fitted(
        key=fit_key(spec),
        classifiers={
            name: FittedClassifier(file=f"{name}.safetensors", inputs="pair" if pairs else "text")
            for name in classifier_names(spec)
        },
        gates={
            stage.name: FittedGate(
                score="agreement" if spec.deferral.second_model else "max_prob", threshold=0.8
            )
            for stage in spec.flow
            if stage.kind == "gate"
        },
        encoders={name: encoder for name, model in spec.models.items() if model.kind == "encoder"},
        metrics={"small_accuracy": 0.9},
        versions={"headgate": "0.1.0"},
        data_sha256="0" * 64,
    )


def write_artifact(
    loaded: LoadedCascade, fitted: Fitted | None = None, *, cases_by: str = "tiny-1"
) -> Artifact:
    """Write the cascade's artifact beside its file and open it again.

    Args:
        loaded: The cascade.
        fitted: What the fit decided; `fitted_for(loaded)` when absent.
        cases_by: The encoder that embedded the case store.
    """
    fitted = fitted or fitted_for(loaded)
    with ArtifactWriter(Path(loaded.artifact)) as writer:
        for name, classifier in fitted.classifiers.items():
            _classifier(loaded, name).save(writer.path(classifier.file))
        _cases(cases_by).save(writer.folder(CASES_FOLDER))
        writer.finish(KIND, facts_of(fitted))
    return Artifact.open(loaded.artifact, kind=KIND)


def with_facts(artifact: Artifact, **facts: Any) -> Artifact:
    """Return the artifact with other facts in its manifest; None leaves one out."""
    merged = {**artifact.facts, **facts}
    kept = {name: value for name, value in merged.items() if value is not None}
    return replace(artifact, manifest=replace(artifact.manifest, facts=kept))


def _classifier(loaded: LoadedCascade, stage: str) -> Any:
    if loaded.spec.task.operation == "match_description":
        return pair_classifier()
    return ngram_classifier() if stage in ("cheap", SECOND.format("ngram")) else text_classifier()


def _cases(encoder: str) -> VectorStore:
    documents = [Document(f"case-{word}", word, "fit") for word in ("disk", "net", "unsure")]
    vectors = np.stack([vector_of(each.text) for each in documents])
    return VectorStore.build(documents, vectors, encoder=encoder)

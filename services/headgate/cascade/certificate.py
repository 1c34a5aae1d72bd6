"""The certificate of a fit: what was proven, on what, and for which files it holds.

fit -> Certificate in the artifact -> compared with what is loaded -> CertificateSummary
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from headgate.artifact import JSON
from headgate.cascade.deferral import CertificateKind
from headgate.cascade.files import perspective_key
from headgate.cascade.lm_spec import LmSpec, OpenAiSpec, RayLlmSpec, TransformersSpec
from headgate.cascade.load import LoadedCascade
from headgate.cascade.mistakes import listed
from headgate.cascade.spec import (
    AdviseSpec,
    CascadeSpec,
    DecidingSpec,
    DecomposeSpec,
    ReadSpec,
    RerankSpec,
    Retrieving,
    VerifySpec,
)
from headgate.errors import ArtifactError
from headgate.retrieval.corpus.manifest import BUILD, read_manifest
from headgate.types import CertificateSummary, GuaranteeState

ASSUMPTIONS = (
    "records to come are drawn like the certification rows",
    "the certification labels are right",
    "no certification row was trained or tuned on, nor shares a template with a tuning row",
    "encoder, classifiers, prompt and large model are those of the hashes",
    "the labels are not used to choose once more",
)
"""Printed with each certificate."""


class Part(BaseModel):
    """The strictness of everything a fit wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GroupCertificate(Part):
    """What is certified for one predicted label, by itself and not jointly."""

    group: str
    certified: bool
    epsilon: float
    n: int
    bad: int
    p_value: float
    labels_needed: int
    """Of that group; 0 when it is certified."""


class Certificate(Part):
    """What the gate may claim."""

    kind: CertificateKind
    mode: str
    epsilon: float
    """The bound; without one in the file, the risk that is certain at the budget's threshold."""
    delta: float
    certified: bool
    reason: str
    """Why it is not certified; empty when it is."""
    tiers: tuple[str, ...]
    """The classify stages that may answer; none when nothing is certified."""
    n: int
    """Certification units; for `selective`, those of them that are kept."""
    bad: int
    p_value: float
    automation: float
    """Share of the certification units that small models answer."""
    labels_needed: int
    groups: tuple[GroupCertificate, ...]
    alarm_epsilon: float
    """Exact upper bound, at delta, of the loss that audits see: answers that differ from the large
    model's. The monitor's null hypothesis; 1 when the large model was not asked."""
    hashes: Mapping[str, str]
    """Of what the statement is about; see `hashes_of`."""
    data_sha256: str
    """Over the certification rows."""
    issued: str
    """ISO 8601, UTC."""

    @property
    def id(self) -> str:
        """Return 12 hex digits that name it; the moment of issue is part of them."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def problem(self, loaded: Mapping[str, str]) -> str:
        """Return why it does not hold for what is loaded; empty when it does.

        Args:
            loaded: `hashes_of` what is loaded.
        """
        if not self.certified:
            return self.reason
        for name in sorted(self.hashes.keys() | loaded.keys()):
            certified, found = self.hashes.get(name, "none"), loaded.get(name, "none")
            if certified != found:
                return f"{name} has the hash {found[:12]}, and {certified[:12]} was certified"
        return ""

    def summary(self, state: GuaranteeState, problem: str) -> CertificateSummary:
        """Return what callers are told of it."""
        return CertificateSummary(
            id=self.id,
            kind=self.kind,
            mode=self.mode,
            epsilon=self.epsilon,
            delta=self.delta,
            certified=self.certified and not problem,
            n=self.n,
            bad=self.bad,
            p_value=self.p_value,
            automation=self.automation,
            labels_needed=self.labels_needed,
            issued=self.issued,
            state=state,
            problem=problem,
        )

    def sentence(self) -> str:
        """Return what it states, for a person."""
        if not self.certified:
            return f"not certified: {self.reason}"
        chance = f"with probability {_at_least(1 - self.delta)} over the draw of {self.n} labels"
        bound = _at_most(self.epsilon)
        whole = "all answers"
        if self.groups:
            names = listed(group.group for group in self.groups if group.certified)
            whole = f"the answers to records that small models call {names}, each label by itself,"
        match self.kind:
            case "agree":
                return f"at most {bound} of {whole} differ from the large model's, {chance}"
            case "regret":
                text = "are wrong where the large model's would be right"
                return f"at most {bound} of {whole} {text}, {chance}"
            case "netgap":
                text = "the cascade's accuracy is at most"
                return f"{text} {bound} below the large model's, {chance}"
            case "selective":
                return f"at most {bound} of the answers that are kept are wrong, {chance}"
        named = (group for group in self.groups if group.certified)
        parts = [f"{group.group!r}: at most {_at_most(group.epsilon)}" for group in named]
        return f"losses of each class by itself are bounded ({'; '.join(parts)}), {chance}"


def _at_most(share: float) -> str:
    """Return a bound in percent, rounded up, so that nothing is claimed that was not proven."""
    return f"{math.ceil(1e4 * share - 1e-6) / 100:g}%"


def _at_least(share: float) -> str:
    """Return a chance in percent, rounded down for the same reason."""
    return f"{math.floor(1e4 * share + 1e-6) / 100:g}%"


def hashes_of(
    loaded: LoadedCascade,
    encoders: Mapping[str, str],
    classifiers: Mapping[str, str],
    steps: Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Return the hash of each thing that a certificate is about, by what it is.

    Args:
        loaded: For prompts and large models.
        encoders: Fingerprint of each encoder, by its name.
        classifiers: SHA-256 of each classifier's file, by the name of its stage.
        steps: Threshold of each gate of steps, by its name; none when absent.

    Raises:
        ArtifactError: An index of passages is not there.
    """
    models = {name: spec for name, spec in loaded.spec.models.items() if isinstance(spec, LmSpec)}
    asked = _asking(loaded.spec)
    return {
        **{f"encoder {name!r}": each for name, each in encoders.items()},
        **{f"classifier {name!r}": each for name, each in classifiers.items()},
        **{f"prompt of {each.name!r}": _digest(_asked(loaded, each)) for each in asked},
        **{f"large model {name!r}": _digest(_identity(spec)) for name, spec in models.items()},
        **{f"gate of steps {name!r}": _digest(each) for name, each in (steps or {}).items()},
        **{f"corpus {name!r}": _corpus(place) for name, place in loaded.corpora.items()},
    }


AskingSpec = DecidingSpec | ReadSpec | DecomposeSpec


def _asking(spec: CascadeSpec) -> list[AskingSpec]:
    """Return the stages that ask a language model something, those of steps included."""
    stages = [each for each in (*spec.unit_flow, *spec.step_flow) if isinstance(each, AskingSpec)]
    return [each for each in stages if getattr(each, "prompt", "") is not None]


def _asked(loaded: LoadedCascade, stage: AskingSpec) -> list[JSON]:
    """Return what the large model is told beside the record: prompt, evidence, other records."""
    read = getattr(stage, "of" if isinstance(stage, RerankSpec) else "evidence", None)
    if isinstance(stage, AdviseSpec):
        read = None  # its evidence is for people
    flow = (*loaded.spec.unit_flow, *loaded.spec.step_flow)
    searches = [each for each in flow if isinstance(each, Retrieving)]
    shown: list[JSON] = [each.top_k for each in searches if each.name == read]
    shared: list[JSON] = [stage.items_per_prompt] if isinstance(stage, RerankSpec) else []
    own: list[JSON] = [stage.max_steps] if isinstance(stage, DecomposeSpec) else []
    if isinstance(stage, VerifySpec) and stage.widen is not None:
        own = [stage.widen]
    return [*_prompts(loaded, stage), *shown, *shared, *own]


def _prompts(loaded: LoadedCascade, stage: AskingSpec) -> list[JSON]:
    """Return the prompts of a stage; those of perspectives with their names."""
    if not isinstance(stage, AdviseSpec):
        return [loaded.prompts[stage.name]]
    names = sorted(stage.perspectives)
    return [[name, loaded.prompts[perspective_key(stage.name, name)]] for name in names]


def _corpus(place: str) -> str:
    """Return what tells one state of an index of passages from another."""
    manifest = read_manifest(Path(place))
    if manifest is None:
        raise ArtifactError(place, "there is no finished index here", BUILD)
    return hashlib.sha256(manifest.encoded()).hexdigest()


def _identity(spec: LmSpec) -> list[JSON]:
    """Return what makes a large model another one; an address does not, a name does."""
    if isinstance(spec, OpenAiSpec):
        return ["openai", spec.model, spec.max_output_tokens]
    if isinstance(spec, RayLlmSpec):
        return ["ray_llm", spec.model, spec.max_output_tokens]
    if isinstance(spec, TransformersSpec):
        weights: list[JSON] = [spec.source, spec.revision or "", spec.precision]
        return ["transformers", *weights, spec.max_output_tokens]
    return ["replay", str(getattr(spec, "model", "") or "")]


def _digest(value: JSON) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()

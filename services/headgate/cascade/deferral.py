"""What a cascade file may say of its gate: what it must prove, watch and stay within.

spec.deferral of the YAML  ->  DeferralSpec, frozen
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from headgate.cascade.strict import Label, Model, Name, SecretSpec

DEFAULT_LLM_SHARE = 0.15
"""Of the records, where the file states neither a share nor a certificate."""

CertificateKind = Literal["agree", "regret", "netgap", "selective", "two_sided"]


class RareClassSpec(Model):
    """What may be lost where one of two labels is rare."""

    label: Label
    """The rare one of the two labels."""

    miss: float = Field(gt=0, lt=1)
    """Largest share of the rare records that may be called by the other label."""

    false_alarm: float = Field(gt=0, lt=1)
    """Largest share of the calls of the rare label that may be wrong."""


class CertificateSpec(Model):
    """What the gate must prove before the small model may answer alone."""

    kind: CertificateKind
    """Which loss is bounded. `agree`: the answer is not the large model's. `regret`: the small
    model's answer is returned and wrong, and the large model's is right. `netgap`: accuracy of the
    large model alone, less that of the cascade. `selective`: an answer that is kept is wrong.
    `two_sided`: the losses of `rare_class`."""

    epsilon: float | None = Field(default=None, gt=0, lt=1)
    """Largest risk, as a share of all records (`selective`: of those kept). When absent, the
    budget's `llm_share` sets the threshold, and the risk that is certain is reported."""

    delta: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance, over the draw of the labels, that the certificate is wrong."""

    mode: Literal["stream", "expectation"] = "stream"
    """`stream`: with probability 1 - delta, for records drawn like the labels. `expectation`: on
    average over such draws only, for fewer than 60 labels; never called certified."""

    rare_class: RareClassSpec | None = None
    """Only with `kind: two_sided`, which has no `epsilon`."""


class AuditsSpec(Model):
    """Answers of the small model that are checked by the large one after the reply."""

    share: float = Field(default=0.01, gt=0, le=1)
    """Share of all records that is sampled uniformly; the only ones that certify anew."""

    max_share: float = Field(default=0.25, gt=0, le=1)
    """Largest chance of an audit for a record the small model is unsure of."""

    key: SecretSpec | None = None
    """Where the secret of the draw is read from, so that callers cannot foresee it; when absent,
    one is made and kept with the state."""


class MonitorSpec(Model):
    """What watches that the certificate stays true; only with audits."""

    alpha: float = Field(default=1.0e-6, gt=0, le=0.01)
    """While nothing is wrong, an alarm comes at most once in 1/alpha records on average."""

    score_drift: bool = True
    """Whether the scores are watched as well, which needs no audit."""

    on_alarm: Literal["tighten", "report"] = "tighten"
    """`tighten`: a void certificate's gate keeps only what is certified for a quarter of epsilon.
    `report`: the state is told, and the gate stays as it is."""


class CallerBudgetSpec(Model):
    """What one caller may use of the large model."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    llm_share: float | None = Field(default=None, ge=0, le=1)
    """Largest share of its records."""

    usd_per_hour: float | None = Field(default=None, gt=0)
    """US dollars an hour."""


class BudgetSpec(Model):
    """What the large model may cost."""

    llm_share: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the records that goes to the large model; only with a verify stage. Without
    a certificate it sets the threshold and is 0.15 when absent; with one it is a limit only."""

    usd_per_hour: float | None = Field(default=None, gt=0)
    """US dollars an hour; needs a price on the large model. Never overspent."""

    burst_usd: float | None = Field(default=None, gt=0)
    """US dollars to spend at once after a quiet time; what ten minutes earn when absent."""

    audit_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of the budget that is kept for audits; only with audits."""

    per_caller: CallerBudgetSpec | None = None
    """The same for each caller, by the `x-headgate-caller` of its calls."""

    on_exhausted: Literal["degrade", "reject"] = "degrade"
    """`degrade`: the small model answers, marked. `reject`: the record gets an error."""


class DeferralSpec(Model):
    """When a record goes on to the next tier."""

    score: Literal["auto", "max_prob", "margin", "agreement", "head"] = "auto"
    """How certainty is scored: by the highest probability, by the lead of its logit, by two models
    together, or by a head that learns from development rows. `auto`: the highest probability,
    unless a head is better beyond chance, which only a fit with a certificate tries. Only with a
    gate."""

    second_model: Name | None = None
    """Name of another small model, best of another family; only with `score: agreement`."""

    certificate: CertificateSpec | None = None
    """What must be proven; without it only the share of large-model calls is kept."""

    groups: tuple[Literal["predicted_class"], ...] = Field(default=(), max_length=1)
    """`[predicted_class]`: a certificate for each predicted label, each valid by itself. Only with
    the kinds `agree` and `regret`, and one small model."""

    on_uncertified: Literal["pass_through", "run_uncertified"] = "pass_through"
    """When the labels do not suffice: everything goes to the large model, or the budget's share
    does, uncertified. Only with a certificate."""

    audits: AuditsSpec | None = None
    """Checks of answers in service; only with a certificate of mode `stream`."""

    monitor: MonitorSpec = MonitorSpec()
    """What watches the certificate; only with audits."""

    budget: BudgetSpec = BudgetSpec()
    """What the large model may cost."""

    @property
    def share(self) -> float:
        """Return the share of records that sets a threshold where no certificate does."""
        stated = self.budget.llm_share
        return DEFAULT_LLM_SHARE if stated is None else stated

"""What serves keeps the very rows that were certified."""

import numpy as np
import pytest

from fakes.certified_logs import (
    AGREE,
    FIXED,
    development,
    fit,
    large_answers,
    prepared,
    run,
    scores,
)
from fakes.made_up_logs import (
    GATED,
    LABELS,
    TWO_HEADED,
    TWO_TIERS,
    apart,
    doubtful,
    make_cascade,
    read_rows,
    record,
)
from headgate.fitting.units import part_units
from headgate.gate.tiers import TUNE_SHARE
from headgate.types import GuaranteeState, Tier

SHARE = "budget: {llm_share: 0.4}"
EVERY_KIND = [
    pytest.param(GATED, "agree", FIXED, 0.0, id="agree"),
    pytest.param(GATED, "agree", f"score: margin, {AGREE}", 0.0, id="margin"),
    pytest.param(GATED, "agree", f"score: head, {AGREE}", TUNE_SHARE, id="head"),
    pytest.param(
        TWO_HEADED, "agree", f"score: agreement, second_model: wide, {AGREE}", 0.0, id="agreement"
    ),
    pytest.param(GATED, "agree", AGREE, TUNE_SHARE, id="auto"),
    pytest.param(GATED, "regret", FIXED.replace("agree", "regret"), 0.0, id="regret"),
    pytest.param(
        GATED, "regret", "certificate: {kind: netgap, epsilon: 0.03}", TUNE_SHARE, id="netgap"
    ),
    pytest.param(
        GATED, "wrong", "certificate: {kind: selective, epsilon: 0.1}", TUNE_SHARE, id="selective"
    ),
    pytest.param(TWO_TIERS, "agree", AGREE, TUNE_SHARE, id="two-tiers"),
    pytest.param(GATED, "agree", f"certificate: {{kind: agree}}, {SHARE}", TUNE_SHARE, id="budget"),
    pytest.param(GATED, "agree", f"groups: [predicted_class], {AGREE}", 0.0, id="groups"),
]


def losses(loss, answers, labelled):
    """Return which answers, if they were kept, would be a loss."""
    labels = np.array([row.label for row in labelled])
    recorded = large_answers([{"id": row.record.id, "label": row.label} for row in labelled])
    large = np.array([recorded[row.record.id] for row in labelled])
    match loss:
        case "agree":
            return answers != large
        case "regret":
            return (answers != labels) & (large == labels)
    return answers != labels


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "loss", "deferral", "share"), EVERY_KIND)
def test_the_engine_keeps_the_very_rows_that_were_certified(tmp_path, parts, loss, deferral, share):
    """What serves runs the development rows, and the certificate's figures are counted anew."""
    loaded, labelled = prepared(tmp_path, deferral, parts, development(300, 100))
    fitted = fit(loaded, labelled)
    certificate = fitted.certificate

    results = run(loaded, labelled.development)

    own = part_units(labelled.development, share, 0).certify
    kept = np.array([result.tier is Tier.SMALL for result in results])
    answers = np.array([result.answer for result in results])
    bad = kept & losses(loss, answers, labelled.development)
    assert certificate.certified
    assert 0 < kept[own].mean() < 1
    assert certificate.automation == kept[own].mean()
    assert certificate.bad == bad[own].sum()
    assert certificate.n == (kept[own].sum() if loss == "wrong" else own.sum())
    assert fitted.metrics["escalated_share"] == (~kept).mean()
    assert {result.certificate_id for result in results} == {certificate.id}
    assert {result.guarantee for result in results} == {GuaranteeState.CERTIFIED}


@pytest.mark.slow
def test_a_record_is_kept_alone_as_it_is_among_others(tmp_path):
    """Pairs are compared by networks, whose last digits depend on how many there are at once."""
    lines = match_rows(300, 60)
    loaded = make_cascade(tmp_path, "match_description", **GATED, deferral=f"{{{FIXED}}}")
    record(loaded, {row["id"]: row["label"] for row in lines})
    labelled = read_rows(loaded, apart("match_description", range(1200)), lines)
    rungs = fit(loaded, labelled).gates["cheap_keep"].ladder

    together = scores(run(loaded, labelled.development))
    alone = scores([run(loaded, [row])[0] for row in labelled.development])

    certified = [rung.threshold for rung in rungs if rung.certified]
    assert len(certified) > 5
    for threshold in certified:
        assert ((together >= threshold) == (alone >= threshold)).all()


def match_rows(clear, unclear):
    """Return lines with a description that fits or does not, and lines where nobody can tell."""
    labels = LABELS["match_description"]
    return [
        *apart("match_description", range(5000, 5000 + clear)),
        *(
            {**row, "description": "It was reset.", "label": labels[turn % 2]}
            for turn, row in enumerate(doubtful(range(unclear)))
        ),
    ]

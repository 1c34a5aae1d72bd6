import json
import re

import pytest

from fakes.certificates import HASHES, certificate, group, uncertified
from fakes.tiny_cascade import TWO_TIERS
from fakes.tiny_tables import TABLES
from headgate.cascade.certificate import Certificate, hashes_of
from headgate.types import GuaranteeState

# Its name


def test_equal_certificates_have_one_name_of_12_hex_digits():
    assert certificate().id == certificate(hashes=dict(reversed(HASHES.items()))).id
    assert re.fullmatch(r"[0-9a-f]{12}", certificate().id)


def test_the_name_outlives_a_manifest():
    """What was written as JSON and read again is the same certificate."""
    written = json.dumps(certificate(groups=(group("disk"),)).model_dump(mode="json"))

    read = Certificate.model_validate_json(written)

    assert read == certificate(groups=(group("disk"),))
    assert read.id == certificate(groups=(group("disk"),)).id


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"kind": "regret"}, id="kind"),
        pytest.param({"mode": "expectation"}, id="mode"),
        pytest.param({"epsilon": 0.021}, id="epsilon"),
        pytest.param({"delta": 0.01}, id="delta"),
        pytest.param({"certified": False}, id="certified"),
        pytest.param({"n": 301}, id="labels"),
        pytest.param({"groups": (group("disk"),)}, id="groups"),
        pytest.param({"alarm_epsilon": 0.03}, id="what-audits-see"),
        pytest.param({"hashes": {**HASHES, "encoder 'slm'": "tiny-2"}}, id="a-hash"),
        pytest.param({"data_sha256": "1" * 64}, id="data"),
        pytest.param({"issued": "2026-02-03T04:05:07+00:00"}, id="a-second-later"),
    ],
)
def test_whatever_it_says_is_part_of_its_name(change):
    assert certificate(**change).id != certificate().id


# Whether it holds


def test_it_holds_for_what_was_certified():
    assert certificate().problem(dict(HASHES)) == ""


@pytest.mark.parametrize(
    ("loaded", "says"),
    [
        pytest.param(
            {**HASHES, "prompt of 'decide'": "b" * 64},
            "prompt of 'decide' has the hash bbbbbbbbbbbb, and aaaaaaaaaaaa was certified",
            id="another-prompt",
        ),
        pytest.param(
            {"prompt of 'decide'": "a" * 64},
            "encoder 'slm' has the hash none, and tiny-1 was certified",
            id="one-less",
        ),
        pytest.param(
            {**HASHES, "classifier 'cheap'": "c" * 64},
            "classifier 'cheap' has the hash cccccccccccc, and none was certified",
            id="one-more",
        ),
        pytest.param(
            dict.fromkeys(HASHES, "d" * 64),
            "encoder 'slm' has the hash dddddddddddd, and tiny-1 was certified",
            id="the-first-of-several",
        ),
    ],
)
def test_it_names_the_hash_that_differs(loaded, says):
    assert certificate().problem(loaded) == says


@pytest.mark.parametrize("loaded", [HASHES, {}])
def test_what_was_never_certified_says_why(loaded):
    assert uncertified().problem(loaded) == "12 certification units do not prove it"


def test_a_summary_tells_callers_what_was_proven():
    told = certificate().summary(GuaranteeState.SUSPECT, "")

    assert (told.id, told.kind, told.mode) == (certificate().id, "agree", "stream")
    assert (told.epsilon, told.delta, told.certified) == (0.02, 0.05, True)
    assert (told.n, told.bad, told.p_value, told.automation) == (300, 1, 0.0169, 0.5)
    assert (told.labels_needed, told.issued) == (0, "2026-02-03T04:05:06+00:00")
    assert (told.state, told.problem) == (GuaranteeState.SUSPECT, "")


def test_a_summary_of_other_files_is_not_certified():
    told = certificate().summary(GuaranteeState.UNCERTIFIED, "the prompt differs")

    assert (told.certified, told.problem) == (False, "the prompt differs")


def test_a_summary_of_too_few_labels_says_how_many_are_needed():
    told = uncertified().summary(GuaranteeState.UNCERTIFIED, "too few")

    assert (told.certified, told.n, told.labels_needed) == (False, 12, 149)


# What it states

CHANCE = "with probability 95% over the draw of 300 labels"
GROUPS = (group("disk"), group("net", certified=False), group("fan"))


@pytest.mark.parametrize(
    ("issued", "states"),
    [
        pytest.param(
            certificate(),
            f"at most 2% of all answers differ from the large model's, {CHANCE}",
            id="agree",
        ),
        pytest.param(
            certificate(kind="regret"),
            f"at most 2% of all answers are wrong where the large model's would be right, {CHANCE}",
            id="regret",
        ),
        pytest.param(
            certificate(kind="netgap"),
            f"the cascade's accuracy is at most 2% below the large model's, {CHANCE}",
            id="netgap",
        ),
        pytest.param(
            certificate(kind="selective"),
            f"at most 2% of the answers that are kept are wrong, {CHANCE}",
            id="selective",
        ),
        pytest.param(
            certificate(
                kind="two_sided", groups=(group("net", epsilon=0.1), group("disk", epsilon=0.05))
            ),
            "losses of each class by itself are bounded ('net': at most 10%; 'disk': at most 5%), "
            f"{CHANCE}",
            id="two-sided",
        ),
        pytest.param(
            certificate(kind="two_sided", groups=(group("net"), group("disk", certified=False))),
            f"losses of each class by itself are bounded ('net': at most 2%), {CHANCE}",
            id="one-side-only",
        ),
        pytest.param(
            certificate(groups=GROUPS),
            "at most 2% of the answers to records that small models call 'disk' or 'fan', each "
            f"label by itself, differ from the large model's, {CHANCE}",
            id="groups-of-agree",
        ),
        pytest.param(
            certificate(kind="regret", groups=GROUPS),
            "at most 2% of the answers to records that small models call 'disk' or 'fan', each "
            f"label by itself, are wrong where the large model's would be right, {CHANCE}",
            id="groups-of-regret",
        ),
        pytest.param(
            uncertified(), "not certified: 12 certification units do not prove it", id="too-few"
        ),
    ],
)
def test_each_kind_states_what_it_bounds(issued, states):
    assert issued.sentence() == states


@pytest.mark.parametrize(
    ("epsilon", "delta", "bound", "chance"),
    [
        pytest.param(0.02, 0.05, "2%", "95%", id="as-stated"),
        pytest.param(0.005, 0.001, "0.5%", "99.9%", id="with-a-fraction"),
        pytest.param(0.07, 0.07, "7%", "93%", id="not-raised-by-rounding-errors"),
        pytest.param(0.023401, 0.00001, "2.35%", "99.99%", id="never-claims-more"),
        pytest.param(0.000001, 0.49, "0.01%", "51%", id="never-nothing"),
    ],
)
def test_a_bound_is_rounded_up_and_a_chance_down(epsilon, delta, bound, chance):
    """A certificate of the risk within a budget has a bound with many digits."""
    states = certificate(epsilon=epsilon, delta=delta).sentence()

    assert states.startswith(f"at most {bound} of all answers")
    assert f"with probability {chance} over" in states


# What it is about

LLM = "    llm: {kind: lm, engine: replay, recordings: answers.jsonl}\n"
OPENAI = "    llm: {kind: lm, engine: openai, model: gpt, max_output_tokens: 64}\n"
LIVE = TWO_TIERS.replace(LLM, OPENAI)
ENCODERS, CLASSIFIERS = {"slm": "tiny-1"}, {"cheap": "c" * 64, "triage": "d" * 64}


def test_everything_that_decides_answers_has_a_hash(load):
    found = hashes_of(load(TWO_TIERS), ENCODERS, CLASSIFIERS)

    assert sorted(found) == [
        "classifier 'cheap'",
        "classifier 'triage'",
        "encoder 'slm'",
        "large model 'llm'",
        "prompt of 'decide'",
    ]
    assert found["encoder 'slm'"] == "tiny-1"
    assert found["classifier 'triage'"] == "d" * 64


def changed(load, text, encoders=ENCODERS, classifiers=CLASSIFIERS, before=LIVE):
    """Return the names of the hashes that differ from those of the live cascade."""
    first = hashes_of(load(before), ENCODERS, CLASSIFIERS)
    second = hashes_of(load(text), encoders, classifiers)
    return [name for name in first if first[name] != second[name]]


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        pytest.param("model: gpt", "model: gpt-2", ["large model 'llm'"], id="another-model"),
        pytest.param("tokens: 64", "tokens: 65", ["large model 'llm'"], id="longer-answers"),
        pytest.param(OPENAI, LLM, ["large model 'llm'"], id="recorded-answers"),
        pytest.param("top_k: 2", "top_k: 3", ["prompt of 'decide'"], id="more-cases-shown"),
    ],
)
def test_what_the_large_model_is_and_is_told_changes_its_hash(load, old, new, names):
    assert old in LIVE

    assert changed(load, LIVE.replace(old, new)) == names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("model: gpt,", "model: gpt, base_url: 'http://host/v1',", id="address"),
        pytest.param("model: gpt,", "model: gpt, api_key: {env: KEY},", id="key"),
        pytest.param("model: gpt,", "model: gpt, timeout_s: 5,", id="patience"),
        pytest.param("model: gpt,", "model: gpt, max_concurrency: 2,", id="concurrency"),
        pytest.param("max_size: 8", "max_size: 4", id="batches"),
        pytest.param("Which part of", "What part of", id="description"),
    ],
)
def test_where_and_how_fast_it_is_asked_changes_no_hash(load, old, new):
    assert old in LIVE

    assert changed(load, LIVE.replace(old, new)) == []


def test_a_prompt_changes_its_hash(load, folder):
    first = hashes_of(load(TWO_TIERS), ENCODERS, CLASSIFIERS)
    (folder / "prompts" / "decide.md").write_text("Does it fit?", encoding="utf-8")

    second = hashes_of(load(TWO_TIERS), ENCODERS, CLASSIFIERS)

    assert [name for name in first if first[name] != second[name]] == ["prompt of 'decide'"]


def test_a_prompt_without_cases_is_told_less(load):
    alone = TWO_TIERS.replace(", evidence: similar}", "}").replace(
        "    - {name: similar, kind: retrieve, index: error_cases, top_k: 2}\n", ""
    )

    assert changed(load, alone, before=TWO_TIERS) == ["prompt of 'decide'"]


def test_an_encoder_and_a_classifier_change_their_own_hashes(load):
    other = {**CLASSIFIERS, "cheap": "e" * 64}

    assert changed(load, LIVE, encoders={"slm": "tiny-2"}) == ["encoder 'slm'"]
    assert changed(load, LIVE, classifiers=other) == ["classifier 'cheap'"]


def test_recorded_answers_are_told_apart_by_whose_they_are(load):
    named = TWO_TIERS.replace("answers.jsonl}", "answers.jsonl, model: gpt}")

    assert changed(load, named, before=TWO_TIERS) == ["large model 'llm'"]


def test_everything_that_decides_answers_about_columns_has_a_hash(load):
    found = hashes_of(load(TABLES), ENCODERS, {"candidates": "c" * 64})

    assert sorted(found) == [
        "classifier 'candidates'",
        "encoder 'slm'",
        "large model 'llm'",
        "prompt of 'judge'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        pytest.param("top_k: 10", "top_k: 11", ["prompt of 'judge'"], id="more-candidates"),
        pytest.param(
            "of: candidates}\n    -",
            "of: candidates, items_per_prompt: 1}\n    -",
            ["prompt of 'judge'"],
            id="fewer-columns-in-a-prompt",
        ),
        pytest.param("unmatched_price: 0.3", "unmatched_price: 0.4", [], id="price-of-a-pair"),
    ],
)
def test_what_the_large_model_sees_of_a_column_changes_the_hash_of_its_prompt(
    load, old, new, names
):
    assert old in TABLES

    assert changed(load, TABLES.replace(old, new), before=TABLES) == names

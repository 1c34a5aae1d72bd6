"""Malformed cascade files of tables: every mistake is found, at the right line and column.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest

BASE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: columns}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: fitted
  models:
    slm: {kind: encoder, tuning: {augmentation: answers.jsonl}}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {name: candidates, kind: retrieve, index: target, model: slm, top_k: 10}
        - {name: keep, kind: gate, of: candidates}
        - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, of: candidates}
    - {name: match, kind: assign, of: columns}
  deferral:
    budget: {llm_share: 0.5}
"""
CANDIDATES = "        - {name: candidates, kind: retrieve, index: target, model: slm, top_k: 10}\n"
KEEP = "        - {name: keep, kind: gate, of: candidates}\n"
JUDGE = (
    "        - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, of: candidates}\n"
)
MATCH = "    - {name: match, kind: assign, of: columns}\n"
LLM = "    llm: {kind: lm, engine: replay, recordings: answers.jsonl}\n"
BUDGET = "    budget: {llm_share: 0.5}\n"
TUNING = ", tuning: {augmentation: answers.jsonl}"
AGREE = "    certificate: {kind: agree, epsilon: 0.1}\n"

LOGS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: levels}
spec:
  domain: logs
  task: {operation: level, labels: [disk, net]}
  artifact: fitted
  models:
    slm: {kind: encoder}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: triage, kind: classify, model: slm}
    - {name: keep, kind: gate, of: triage}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md}
"""


def changed(text, *changes):
    """Return the valid file with each (old, new) change made once."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def case(name, *changes, says, text=BASE):
    return pytest.param(changed(text, *changes), says, id=name)


KEYS = [
    case(
        "misspelt-key-of-a-for_each",
        ("      kind: for_each\n", "      kind: for_each\n      ¦flows: 1\n"),
        says="spec.flow[0].flows: unknown key 'flows'. Did you mean 'flow'?",
    ),
    case(
        "misspelt-key-inside-a-for_each",
        ("top_k: 10", "¦topk: 10"),
        says="spec.flow[0].flow[0].topk: unknown key 'topk'. Did you mean 'top_k'?",
    ),
    case(
        "key-of-a-rerank-in-a-retrieve",
        ("top_k: 10", "¦items_per_prompt: 4"),
        says="spec.flow[0].flow[0].items_per_prompt: unknown key 'items_per_prompt'",
    ),
    case(
        "evidence-of-a-rerank",
        (
            "of: candidates}\n    - {name: match",
            "of: candidates, ¦evidence: x}\n    - {name: match",
        ),
        says="spec.flow[0].flow[2].evidence: unknown key 'evidence'",
    ),
    case(
        "misspelt-price-of-an-assign",
        ("of: columns}", "of: columns, ¦unmatched_prize: 0.5}"),
        says="spec.flow[1].unmatched_prize: unknown key 'unmatched_prize'. "
        "Did you mean 'unmatched_price'?",
    ),
    case(
        "misspelt-key-of-a-tuning",
        ("{augmentation: answers.jsonl}", "{augmentation: answers.jsonl, ¦augmentations: a}"),
        says="spec.models.slm.tuning.augmentations: unknown key 'augmentations'. "
        "Did you mean 'augmentation'?",
    ),
    case(
        "for_each-without-a-flow",
        ("    - name: columns\n", "    - ¦name: columns\n"),
        ("      flow:\n" + CANDIDATES + KEEP + JUDGE, ""),
        ("    slm:", "    ¦slm:"),
        ("    llm:", "    ¦llm:"),
        says="spec.flow[0]: missing key 'flow'. Add it.",
    ),
    case(
        "for_each-with-an-empty-flow",
        ("      flow:\n" + CANDIDATES + KEEP + JUDGE, "      ¦flow: []\n"),
        ("    slm:", "    ¦slm:"),
        ("    llm:", "    ¦llm:"),
        says="spec.flow[0].flow: expected a list of 1 to 32 items, found an empty list.",
    ),
    case(
        "rerank-of-nothing",
        ("{name: judge", "¦{name: judge"),
        ("prompts/decide.md, of: candidates}", "prompts/decide.md}"),
        says="spec.flow[0].flow[2]: missing key 'of'. Add it.",
    ),
    case(
        "rerank-without-a-prompt",
        ("{name: judge", "¦{name: judge"),
        (" prompt: prompts/decide.md,", ""),
        says="spec.flow[0].flow[2]: missing key 'prompt'. Add it.",
    ),
    case(
        "retrieve-without-an-index",
        ("{name: candidates", "¦{name: candidates"),
        (" index: target,", ""),
        says="spec.flow[0].flow[0]: missing key 'index'. Add it.",
    ),
]

VALUES = [
    case(
        "kind-that-is-not-there-inside-a-for_each",
        ("kind: rerank", "¦kind: rerankk"),
        says="spec.flow[0].flow[2].kind: expected 'advise', 'classify', 'decompose', 'gate', "
        "'read', 'rerank', 'retrieve', 'synthesise' or 'verify', found 'rerankk'. "
        "Did you mean 'rerank'?",
    ),
    case(
        "for_each-inside-a-for_each",
        (JUDGE, "        - {name: deeper, ¦kind: for_each, flow: []}\n"),
        (LLM, ""),
        (BUDGET, ""),
        ("  deferral:\n", ""),
        says="spec.flow[0].flow[2].kind: expected 'advise', 'classify', 'decompose', 'gate', "
        "'read', 'rerank', 'retrieve', 'synthesise' or 'verify', found 'for_each'.",
    ),
    case(
        "index-that-is-not-there",
        ("index: target", "¦index: targets"),
        says="spec.flow[0].flow[0].index: expected 'corpus', 'error_cases' or 'target', found "
        "'targets'. Did you mean 'target'?",
    ),
    case(
        "more-candidates-than-allowed",
        ("top_k: 10", "¦top_k: 101"),
        says="spec.flow[0].flow[0].top_k: expected a whole number from 1 to 100, found the "
        "number 101.",
    ),
    case(
        "too-many-columns-in-a-prompt",
        ("rerank, model", "rerank, ¦items_per_prompt: 11, model"),
        says="spec.flow[0].flow[2].items_per_prompt: expected a whole number from 1 to 10",
    ),
    case(
        "price-that-no-pair-reaches",
        ("of: columns}", "of: columns, ¦unmatched_price: 1}"),
        says="spec.flow[1].unmatched_price: expected a number above 0, below 1, found the number",
    ),
    case(
        "stage-in-a-for_each-is-text",
        (KEEP, "        - ¦keep\n"),
        says="spec.flow[0].flow[1]: expected a mapping, found 'keep'.",
    ),
    case(
        "augmentation-is-a-list",
        ("{augmentation: answers.jsonl}", "{¦augmentation: [answers.jsonl]}"),
        says="spec.models.slm.tuning.augmentation: expected text that is not blank, found a list.",
    ),
]

SHAPES = [
    case(
        "stages-without-a-for_each",
        (
            BASE[BASE.index("  flow:") :],
            "  ¦flow:\n    - {name: candidates, kind: retrieve, index: target, model: slm}\n"
            "    - {name: keep, kind: gate, of: candidates}\n"
            "    - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, "
            "of: candidates}\n",
        ),
        says="spec.flow: the flow of match_columns is a for_each, then an assign. Put the other "
        "stages into the for_each.",
    ),
    case(
        "for_each-without-an-assign",
        ("  flow:\n", "  ¦flow:\n"),
        (MATCH, ""),
        says="spec.flow: the flow of match_columns is a for_each, then an assign.",
    ),
    case(
        "assign-first",
        ("  flow:\n", "  ¦flow:\n    - {name: match, kind: assign, ¦of: columns}\n"),
        (MATCH, ""),
        says="spec.flow[0].of: no for_each stage before this one is named 'columns'. "
        "Put a for_each stage before it.",
    ),
    case(
        "stage-after-the-assign",
        ("  flow:\n", "  ¦flow:\n"),
        (MATCH, MATCH + "    - {name: late, kind: classify, model: slm}\n"),
        says="spec.flow: the flow of match_columns is a for_each, then an assign.",
    ),
    case(
        "two-assigns",
        ("  flow:\n", "  ¦flow:\n"),
        (MATCH, MATCH + "    - {name: again, kind: assign, of: columns}\n"),
        says="spec.flow: the flow of match_columns is a for_each, then an assign.",
    ),
    case(
        "assign-of-another-name",
        ("of: columns}", "¦of: colums}"),
        says="spec.flow[1].of: no for_each stage before this one is named 'colums'. "
        "Did you mean 'columns'?",
    ),
    case(
        "assign-of-a-stage-in-the-for_each",
        ("of: columns}", "¦of: judge}"),
        says="spec.flow[1].of: no for_each stage before this one is named 'judge'. "
        "Usable here: 'columns'.",
    ),
    case(
        "classify-in-a-for_each",
        (CANDIDATES, "        - {name: candidates, ¦kind: classify, model: slm}\n"),
        (TUNING, ", ¦tuning: {augmentation: answers.jsonl}"),
        ("md, of: candidates}", "md, ¦of: candidates}"),
        says="spec.flow[0].flow[0].kind: a classify matches no columns. Use a retrieve with index: "
        "target, then a gate and a rerank, if any.",
    ),
    case(
        "verify-in-a-for_each",
        (
            JUDGE,
            "        - {name: judge, ¦kind: verify, model: llm, prompt: prompts/decide.md}\n",
        ),
        says="spec.flow[0].flow[2].kind: a verify matches no columns.",
    ),
    case(
        "past-cases-in-a-for_each",
        (KEEP, KEEP + "        - {¦name: similar, ¦kind: retrieve, index: error_cases}\n"),
        says="spec.flow[0].flow[2].kind: a retrieve matches no columns.",
    ),
    case(
        "for_each-of-logs",
        (
            LOGS[LOGS.index("    - {name: triage") :],
            "    - name: each\n      ¦kind: for_each\n      flow:\n"
            + LOGS[LOGS.index("    - {name: triage") :].replace("    -", "        -"),
        ),
        text=LOGS,
        says="spec.flow[0].kind: a for_each is for match_columns only. Remove it, or change the "
        "operation.",
    ),
    case(
        "assign-of-logs",
        ("prompts/decide.md}\n", "prompts/decide.md}\n    - {name: x, ¦kind: assign, ¦of: y}\n"),
        text=LOGS,
        says="spec.flow[3].kind: an assign is for match_columns only.",
    ),
    case(
        "rerank-of-logs",
        ("{name: decide, kind: verify, ", "{name: decide, ¦kind: rerank, ¦of: triage, "),
        text=LOGS,
        says="spec.flow[2].kind: a rerank is for match_columns only.",
    ),
    case(
        "target-of-logs",
        ("{name: triage, kind: classify, ", "{name: triage, ¦kind: retrieve, index: target, "),
        text=LOGS,
        says="spec.flow[0].kind: a retrieve from the target is for match_columns only.",
    ),
    case(
        "match_columns-of-logs",
        ("domain: schemas", "domain: logs"),
        ("{operation", "{¦operation"),
        says="spec.task.operation: match_columns is no operation of the domain 'logs'. It has: "
        "'match_description', 'level', 'module', 'classify_lines' or 'rank_causes'.",
    ),
    case(
        "level-of-schemas",
        ("domain: logs", "domain: schemas"),
        ("{operation", "{¦operation"),
        text=LOGS,
        says="spec.task.operation: level is no operation of the domain 'schemas'. It has: "
        "'label_columns' or 'match_columns'.",
    ),
    case(
        "labels-of-match_columns",
        ("{operation: match_columns}", "{operation: match_columns, ¦labels: [a, b]}"),
        says="spec.task.labels: match_columns takes no labels. Remove them: each record brings its "
        "own candidates.",
    ),
    case(
        "no-labels-of-label_columns",
        ("domain: logs", "domain: schemas"),
        ("{operation: level, labels: [disk, net]}", "{¦operation: label_columns}"),
        text=LOGS,
        says="spec.task.operation: label_columns needs 2 to 200 labels, found 0.",
    ),
]

STAGES = [
    case(
        "name-of-the-for_each-again-inside",
        ("{name: keep", "{¦name: columns"),
        says="spec.flow[0].flow[1].name: a stage before is also named 'columns'.",
    ),
    case(
        "name-inside-the-for_each-again-outside",
        ("{name: match", "{¦name: judge"),
        says="spec.flow[1].name: a stage before is also named 'judge'.",
    ),
    case(
        "gate-first",
        (CANDIDATES + KEEP, KEEP + CANDIDATES),
        ("kind: gate, of: candidates", "¦kind: gate, ¦of: candidates"),
        says="spec.flow[0].flow[0].kind: the first stage is a gate. Start the flow with a retrieve "
        "with index: target.",
    ),
    case(
        "gate-of-another-name",
        ("gate, of: candidates", "gate, ¦of: candidate"),
        says="spec.flow[0].flow[1].of: no retrieve stage before this one is named 'candidate'. "
        "Did you mean 'candidates'?",
    ),
    case(
        "gate-away-from-its-retrieve",
        (KEEP, KEEP + "        - {name: again, kind: gate, ¦of: candidates}\n"),
        says="spec.flow[0].flow[2].of: a gate comes directly after its retrieve.",
    ),
    case(
        "retrieve-without-a-gate",
        (KEEP, ""),
        ("kind: retrieve", "¦kind: retrieve"),
        says="spec.flow[0].flow[0].kind: a retrieve that another stage follows needs a gate.",
    ),
    case(
        "nothing-answers-after-the-gate",
        (JUDGE, ""),
        (LLM, ""),
        (BUDGET, "    score: margin\n"),
        ("kind: gate", "¦kind: gate"),
        says="spec.flow[0].flow[1].kind: the gate sends records on, but nothing answers them. "
        "End the flow with a rerank or a retrieve.",
    ),
    case(
        "stage-after-the-rerank",
        (JUDGE, JUDGE + "        - {name: late, ¦kind: retrieve, index: target}\n"),
        says="spec.flow[0].flow[3].kind: a rerank answers every record, so no record reaches this "
        "stage. End the flow with the rerank.",
    ),
    case(
        "rerank-of-another-name",
        ("md, of: candidates", "md, ¦of: candidate"),
        says="spec.flow[0].flow[2].of: no retrieve stage before this one is named 'candidate'. "
        "Did you mean 'candidates'?",
    ),
    case(
        "rerank-of-a-gate",
        ("md, of: candidates", "md, ¦of: keep"),
        says="spec.flow[0].flow[2].of: no retrieve stage before this one is named 'keep'.",
    ),
    case(
        "rerank-of-the-first-of-two-searches",
        (
            KEEP,
            KEEP
            + "        - {name: finer, kind: retrieve, index: target, top_k: 5}\n"
            + "        - {name: surer, kind: gate, of: finer}\n",
        ),
        ("md, of: candidates", "md, ¦of: candidates"),
        says="spec.flow[0].flow[4].of: a later retrieve has other candidates. Write the last one: "
        "of: 'finer'.",
    ),
    case(
        "target-searched-with-a-large-model",
        ("model: slm", "¦model: llm"),
        says="spec.flow[0].flow[0].model: 'llm' is of kind 'lm', a retrieve needs 'encoder'. "
        "Usable here: 'slm'.",
    ),
    case(
        "rerank-with-a-small-model",
        ("model: llm", "¦model: slm"),
        says="spec.flow[0].flow[2].model: 'slm' is of kind 'encoder', a rerank needs 'lm'. "
        "Usable here: 'llm'.",
    ),
    case(
        "model-that-is-not-there",
        ("model: llm", "¦model: lm"),
        says="spec.flow[0].flow[2].model: no model is named 'lm'. Did you mean 'llm'?",
    ),
    case(
        "prompt-that-is-not-there",
        ("prompts/decide.md", "¦prompts/judge.md"),
        ("prompt: ¦", "¦prompt: "),
        says="spec.flow[0].flow[2].prompt: there is no file 'prompts/judge.md'. Check the path.",
    ),
    case(
        "augmentation-that-is-not-there",
        ("{augmentation: answers.jsonl}", "{¦augmentation: other.jsonl}"),
        says="spec.models.slm.tuning.augmentation: there is no file 'other.jsonl'. Check the path.",
    ),
]

MODELS = [
    case(
        "augmentation-that-is-no-path",
        ("{augmentation: answers.jsonl}", "{¦augmentation: " + "a" * 5000 + "}"),
        says="tuning.augmentation: there is no file a text of 5000 characters. Check the path.",
    ),
    case(
        "tuning-of-an-encoder-that-classifies",
        ("{kind: encoder}", "{kind: encoder, ¦tuning: {augmentation: answers.jsonl}}"),
        text=LOGS,
        says="spec.models.slm.tuning: tuning is for an encoder of a retrieve with index: target. "
        "Remove it.",
    ),
    case(
        "tuning-of-an-encoder-of-past-cases",
        (
            "slm: {kind: encoder}",
            "slm: {kind: ngrams}\n"
            "    other: {kind: encoder, ¦tuning: {augmentation: answers.jsonl}}",
        ),
        (
            "    - {name: decide",
            "    - {name: similar, kind: retrieve, index: error_cases, model: other}\n"
            "    - {name: decide, evidence: similar",
        ),
        text=LOGS,
        says="spec.models.other.tuning: tuning is for an encoder of a retrieve with index: target.",
    ),
    case(
        "tuning-of-an-encoder-that-nobody-uses",
        (
            "    llm:",
            "    ¦spare: {kind: encoder, tuning: {augmentation: answers.jsonl}}\n    llm:",
        ),
        says="spec.models.spare: no stage uses the model 'spare'.",
    ),
    case(
        "tuning-of-a-large-model",
        ("engine: replay,", "engine: replay, ¦tuning: {augmentation: answers.jsonl},"),
        says="spec.models.llm.tuning: unknown key 'tuning'.",
    ),
    case(
        "search-with-two-encoders-to-choose-from",
        ("    llm:", "    other: {kind: encoder}\n    llm:"),
        (" model: slm,", ""),
        ("name: candidates, kind", "name: candidates, ¦kind"),
        says="spec.flow[0].flow[0].kind: it needs one encoder, and the file has 2. "
        "Name one with `model`.",
    ),
]

DEFERRALS = [
    case(
        "share-without-a-large-model",
        (KEEP + JUDGE, ""),
        (LLM, ""),
        ("{llm_share", "{¦llm_share"),
        says="spec.deferral.budget.llm_share: a share for the large model needs a rerank, and the "
        "flow has none. Remove it, or add a rerank.",
    ),
    case(
        "reject-without-a-large-model",
        (KEEP + JUDGE, ""),
        (LLM, ""),
        ("{llm_share: 0.5}", "{¦on_exhausted: reject}"),
        says="spec.deferral.budget.on_exhausted: a budget is spent by a rerank, and the flow has "
        "none.",
    ),
    case(
        "dollars-without-a-large-model",
        (KEEP + JUDGE, ""),
        (LLM, ""),
        ("{llm_share: 0.5}", "{¦usd_per_hour: 1}"),
        says="spec.deferral.budget.usd_per_hour: a budget in dollars needs a large model with a "
        "price. Remove it, or add a rerank.",
    ),
    case(
        "dollars-without-a-price",
        ("{llm_share: 0.5}", "{¦usd_per_hour: 1}"),
        says="spec.deferral.budget.usd_per_hour: a budget in dollars needs a large model with a "
        "price. Add `price` to the model.",
    ),
    case(
        "certificate-without-a-large-model",
        (KEEP + JUDGE, ""),
        (LLM, ""),
        (BUDGET, AGREE.replace("certificate", "¦certificate")),
        says="spec.deferral.certificate: a certificate needs a gate and a rerank.",
    ),
    case(
        "score-of-two-models",
        (BUDGET, "    ¦score: agreement\n    second_model: slm\n"),
        says="spec.deferral.score: no second model matches columns. Use another score.",
    ),
    case(
        "score-of-a-model-that-is-not-named",
        (BUDGET, "    ¦score: agreement\n"),
        says="spec.deferral.score: no second model matches columns.",
    ),
    case(
        "second-model-for-nothing",
        (BUDGET, "    ¦second_model: slm\n"),
        says="spec.deferral.second_model: a second model needs score: agreement.",
    ),
    case(
        "groups-of-columns",
        (BUDGET, AGREE + "    ¦groups: [predicted_class]\n"),
        says="spec.deferral.groups: records of match_columns share no labels to group by.",
    ),
    case(
        "rare-class-of-columns",
        (
            BUDGET,
            "    certificate: {¦kind: two_sided, rare_class: {label: x, miss: 0.1, "
            "false_alarm: 0.1}}\n",
        ),
        says="spec.deferral.certificate.kind: two_sided needs a task of 2 labels, found 0.",
    ),
    case(
        "budget-that-is-the-certificates-target-with-two-searches",
        (
            JUDGE,
            "        - {name: finer, kind: retrieve, index: target}\n"
            "        - {name: surer, kind: gate, of: finer}\n" + JUDGE.replace("of: c", "of: ¦c"),
        ),
        ("of: ¦candidates", "of: finer"),
        (BUDGET, BUDGET + "    ¦certificate: {kind: agree}\n"),
        says="spec.deferral.certificate: this certificate is for a flow with one retrieve stage.",
    ),
    case(
        "head-with-two-searches",
        (
            JUDGE,
            "        - {name: finer, kind: retrieve, index: target}\n"
            "        - {name: surer, kind: gate, of: finer}\n"
            + JUDGE.replace("of: candidates", "of: finer"),
        ),
        (BUDGET, "    ¦score: head\n" + AGREE),
        says="spec.deferral.score: 'head' needs a flow with one retrieve stage, and it has 2.",
    ),
]


@pytest.mark.parametrize(("text", "says"), [*KEYS, *VALUES, *SHAPES, *STAGES, *MODELS, *DEFERRALS])
def test_each_mistake_is_found_at_its_place(refuse, text, says):
    errors, places = refuse(text)

    found = [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors]
    assert sorted(found) == sorted(places), [str(error) for error in errors]
    assert any(says in str(error) for error in errors), [str(error) for error in errors]


def test_the_files_that_the_cases_change_are_valid(load):
    assert load(BASE).name == "columns"
    assert load(LOGS).name == "levels"


VALID = [
    case("without-a-large-model", (KEEP + JUDGE, ""), (LLM, ""), (BUDGET, "    {}\n"), says=""),
    case("without-tuning", (TUNING, ""), says=""),
    case("tuned-and-searched-without-a-name", (" model: slm,", ""), says=""),
    case("tuning-that-is-nothing", (TUNING, ", tuning: null"), says=""),
    case(
        "two-searches",
        (
            JUDGE,
            "        - {name: finer, kind: retrieve, index: target}\n"
            "        - {name: surer, kind: gate, of: finer}\n"
            + JUDGE.replace("of: candidates", "of: finer"),
        ),
        says="",
    ),
    case(
        "a-search-that-answers-what-another-sends-on",
        (JUDGE, "        - {name: finer, kind: retrieve, index: target}\n"),
        (LLM, ""),
        (BUDGET, "    score: margin\n"),
        says="",
    ),
    case("certified", (BUDGET, AGREE + "    audits: {}\n"), says=""),
    case(
        "certified-by-its-budget", (BUDGET, BUDGET + "    certificate: {kind: regret}\n"), says=""
    ),
    case("scored-by-a-head", (BUDGET, AGREE + "    score: head\n"), says=""),
]


@pytest.mark.parametrize("text", [pytest.param(each.values[0], id=each.id) for each in VALID])
def test_what_may_be_written_is_accepted(load, text):
    assert load(text).spec.for_each is not None


def test_every_mistake_of_a_nested_flow_is_reported_at_once_by_line(refuse):
    text = changed(
        BASE,
        ("domain: schemas", "¦domain: schema"),
        ("{augmentation: answers.jsonl}", "{¦augmentation: no.jsonl}"),
        ("top_k: 10", "¦top_k: 0"),
        ("gate, of: candidates", "gate, ¦of: candidate"),
        ("model: llm", "¦model: llmm"),
        ("of: columns", "¦of: column"),
    )

    errors, places = refuse(text)

    assert [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors] == places
    assert [error.problem for error in errors] == [
        "expected 'logs', 'schemas', 'questions' or 'news', found 'schema'",
        "there is no file 'no.jsonl'",
        "expected a whole number from 1 to 100, found the number 0",
        "no retrieve stage before this one is named 'candidate'",
        "no model is named 'llmm'",
        "no for_each stage before this one is named 'column'",
    ]


def test_a_long_nested_flow_is_judged_as_any_other(refuse):
    """Thirty-one stages inside and two outside are more than a flow may have, but no flow has."""
    searches = "".join(
        f"        - {{name: s{number}, kind: retrieve, index: target, model: slm}}\n"
        f"        - {{name: g{number}, kind: gate, of: s{number}}}\n"
        for number in range(15)
    )
    judge = JUDGE.replace("of: candidates", "¦of: s15")

    errors, places = refuse(changed(BASE, (CANDIDATES + KEEP + JUDGE, searches + judge)))

    assert [error.problem for error in errors] == [
        "no retrieve stage before this one is named 's15'"
    ]
    assert errors[0].place.split(": ")[0].endswith(places[0])


def test_more_than_32_stages_in_a_nested_flow_are_one_mistake(refuse):
    errors, places = refuse(changed(BASE, ("      flow:\n", "      ¦flow:\n"), (KEEP, KEEP * 32)))

    assert [error.problem for error in errors] == ["expected a list of 1 to 32 items, found a list"]
    assert errors[0].place.split(": ")[0].endswith(places[0])

"""Malformed cascade files of questions: every mistake is found, at the right line and column.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest

BASE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: questions}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models:
    embedder: {kind: encoder}
    splitter: {kind: splitter, decompositions: answers.jsonl}
    slm: {kind: lm, engine: replay, recordings: answers.jsonl}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: recall, kind: read, model: slm, prompt: prompts/decide.md}
    - {name: known, kind: gate, of: recall}
    - {name: plan, kind: decompose, model: splitter}
    - {name: passages, kind: retrieve, index: corpus, corpus: ./corpus, plan: plan}
    - {name: direct, kind: read, model: slm, prompt: prompts/decide.md, evidence: passages}
    - {name: sure, kind: gate, of: direct}
    - name: steps
      kind: for_each
      of: plan
      flow:
        - {name: found, kind: retrieve, index: corpus, corpus: ./corpus, top_k: 5}
        - {name: answer, kind: read, model: slm, prompt: prompts/decide.md, evidence: found}
        - {name: weak, kind: gate, of: answer, share: 0.3}
        - {name: check, kind: verify, model: llm, prompt: prompts/decide.md, evidence: found}
    - {name: final, kind: synthesise, model: llm, prompt: prompts/decide.md, of: steps}
  deferral:
    certificate: {kind: regret, epsilon: 0.1}
"""
RECALL = "    - {name: recall, kind: read, model: slm, prompt: prompts/decide.md}\n"
KNOWN = "    - {name: known, kind: gate, of: recall}\n"
PLAN = "    - {name: plan, kind: decompose, model: splitter}\n"
PASSAGES = "    - {name: passages, kind: retrieve, index: corpus, corpus: ./corpus, plan: plan}\n"
DIRECT = (
    "    - {name: direct, kind: read, model: slm, prompt: prompts/decide.md, evidence: passages}\n"
)
SURE = "    - {name: sure, kind: gate, of: direct}\n"
FOUND = "        - {name: found, kind: retrieve, index: corpus, corpus: ./corpus, top_k: 5}\n"
ANSWER = (
    "        - {name: answer, kind: read, model: slm, prompt: prompts/decide.md, evidence: found}\n"
)
WEAK = "        - {name: weak, kind: gate, of: answer, share: 0.3}\n"
CHECK = (
    "        - {name: check, kind: verify, model: llm, prompt: prompts/decide.md, "
    "evidence: found}\n"
)
STEPS = "    - name: steps\n      kind: for_each\n      of: plan\n      flow:\n"
FINAL = "    - {name: final, kind: synthesise, model: llm, prompt: prompts/decide.md, of: steps}\n"
EMBEDDER = "    embedder: {kind: encoder}\n"
SPLITTER = "    splitter: {kind: splitter, decompositions: answers.jsonl}\n"
LLM = "    llm: {kind: lm, engine: replay, recordings: answers.jsonl}\n"
CERTIFICATE = "    certificate: {kind: regret, epsilon: 0.1}\n"
LATE = "{name: late, kind: read, model: slm, prompt: prompts/decide.md}\n"

COLUMNS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: columns}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: fitted
  models:
    slm: {kind: encoder}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {name: candidates, kind: retrieve, index: target}
        - {name: keep, kind: gate, of: candidates}
        - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, of: candidates}
    - {name: match, kind: assign, of: columns}
"""
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
        "misspelt-key-of-a-corpus",
        ("top_k: 5", "¦topk: 5"),
        says="spec.flow[6].flow[0].topk: unknown key 'topk'. Did you mean 'top_k'?",
    ),
    case(
        "retrieve-without-a-corpus",
        ("{name: found", "¦{name: found"),
        (" corpus: ./corpus, top_k", " top_k"),
        says="spec.flow[6].flow[0]: missing key 'corpus'. Add it.",
    ),
    case(
        "read-without-a-prompt",
        ("{name: recall", "¦{name: recall"),
        (", prompt: prompts/decide.md}\n    - {name: known", "}\n    - {name: known"),
        says="spec.flow[0]: missing key 'prompt'. Add it.",
    ),
    case(
        "splitter-without-questions-to-learn-from",
        ("    splitter:", "    ¦splitter:"),
        (", decompositions: answers.jsonl", ""),
        says="spec.models.splitter: missing key 'decompositions'. Add it.",
    ),
    case(
        "synthesise-of-nothing",
        ("{name: final", "¦{name: final"),
        (", of: steps", ""),
        says="spec.flow[7]: missing key 'of'. Add it.",
    ),
    case(
        "share-in-percent",
        ("share: 0.3", "¦share: 30"),
        says="spec.flow[6].flow[2].share: expected a number from 0 to 1, found the number 30.",
    ),
    case(
        "widened-by-nothing",
        ("evidence: found}\n    - {name: final", "evidence: found, ¦widen: 0}\n    - {name: final"),
        says="spec.flow[6].flow[3].widen: expected a whole number from 1 to 10, found the number 0",
    ),
    case(
        "more-steps-than-a-plan-has",
        ("model: splitter", "model: splitter, ¦max_steps: 9"),
        says="spec.flow[2].max_steps: expected a whole number from 1 to 8, found the number 9.",
    ),
    case(
        "decompositions-that-are-not-there",
        ("{kind: splitter, decompositions: a", "{kind: splitter, ¦decompositions: a"),
        ("decompositions: answers", "decompositions: no"),
        says="spec.models.splitter.decompositions: there is no file 'no.jsonl'",
    ),
]

TASKS = [
    case(
        "labels",
        ("{operation: answer_questions}", "{operation: answer_questions, ¦labels: [a, b]}"),
        says="spec.task.labels: answer_questions takes no labels. Remove them: any short text may "
        "be the answer.",
    ),
    case(
        "questions-of-logs",
        ("domain: questions", "domain: logs"),
        ("{operation", "{¦operation"),
        says="spec.task.operation: answer_questions is no operation of the domain 'logs'.",
    ),
    case(
        "levels-of-questions",
        ("domain: logs", "domain: questions"),
        ("{operation", "{¦operation"),
        text=LOGS,
        says="spec.task.operation: level is no operation of the domain 'questions'. It has: "
        "'answer_questions'.",
    ),
]

STRANGERS = [
    case(
        "classify",
        (RECALL, "    - {name: recall, ¦kind: classify, model: embedder}\n"),
        says="spec.flow[0].kind: a classify answers no questions. Kinds for questions: 'read', "
        "'gate', 'decompose', 'retrieve', 'for_each' or 'synthesise'.",
    ),
    case(
        "verify-of-a-question",
        (FINAL, FINAL.replace("kind: synthesise", "¦kind: verify").replace("of:", "¦of:")),
        says="spec.flow[7].kind: a verify answers no questions.",
    ),
    case(
        "past-cases",
        (
            PASSAGES,
            "    - {name: passages, kind: retrieve, ¦index: error_cases, model: embedder}\n",
        ),
        says="spec.flow[3].index: questions are searched for in a corpus. Write index: corpus, and "
        "name it.",
    ),
    case(
        "target-of-steps",
        (FOUND, "        - {name: found, kind: retrieve, ¦index: target}\n"),
        (
            "md, evidence: found}\n        - {name: weak",
            "md, ¦evidence: found}\n        - {name: weak",
        ),
        ("md, evidence: found}\n    - {name: final", "md, ¦evidence: found}\n    - {name: final"),
        says="spec.flow[6].flow[0].index: steps are searched for in a corpus.",
    ),
    case(
        "synthesise-of-a-step",
        (CHECK, CHECK.replace("kind: verify", "¦kind: synthesise").replace("evidence", "¦of")),
        says="spec.flow[6].flow[3].kind: a synthesise answers no steps. Kinds for steps: "
        "'retrieve', 'read', 'gate' or 'verify'.",
    ),
    case(
        "decompose-of-a-step",
        (FOUND, FOUND + PLAN.replace("    -", "        -").replace("plan, kind", "again, ¦kind")),
        says="spec.flow[6].flow[1].kind: a decompose answers no steps.",
    ),
]

PROMPTS = [
    case(
        "language-model-without-a-prompt",
        (PLAN, "    - {name: plan, ¦kind: decompose, model: llm}\n"),
        (SPLITTER, ""),
        says="spec.flow[2].kind: a decompose by a large model needs a prompt. Add `prompt`.",
    ),
    case(
        "splitter-with-a-prompt",
        ("model: splitter", "model: splitter, ¦prompt: prompts/decide.md"),
        says="spec.flow[2].prompt: a splitter reads no prompt. Remove it, or name a large model.",
    ),
    case(
        "decompose-with-an-encoder",
        ("model: splitter", "¦model: embedder"),
        (SPLITTER, ""),
        says="spec.flow[2].model: 'embedder' is of kind 'encoder', a decompose needs 'splitter' or "
        "'lm'.",
    ),
    case(
        "read-with-an-encoder",
        ("model: slm", "¦model: embedder"),
        says="spec.flow[0].model: 'embedder' is of kind 'encoder', a read needs 'lm'.",
    ),
]

FLOWS = [
    case(
        "gate-last",
        (STEPS + FOUND + ANSWER + WEAK + CHECK + FINAL, ""),
        (LLM, ""),
        (SURE, SURE.replace("kind", "¦kind")),
        says="spec.flow[5].kind: the last stage is a gate, which answers no question. End the flow "
        "with a synthesise or a read.",
    ),
    case(
        "for_each-last",
        (FINAL, ""),
        ("      kind: for_each", "      ¦¦kind: for_each"),
        says="spec.flow[6].kind: the last stage is a for_each, which answers no question.",
    ),
    case(
        "stage-after-the-synthesise",
        (FINAL, FINAL + "    - " + LATE.replace("kind", "¦kind")),
        says="spec.flow[8].kind: a synthesise answers every question, so none reaches this stage. "
        "End the flow with the synthesise.",
    ),
    case(
        "read-without-a-gate",
        (KNOWN, ""),
        ("name: recall, kind", "name: recall, ¦kind"),
        says="spec.flow[0].kind: a read that another stage follows needs a gate. Add a gate of "
        "this stage after it.",
    ),
    case(
        "gate-away-from-its-read",
        (PLAN, PLAN + "    - {name: again, kind: gate, ¦of: recall}\n"),
        says="spec.flow[3].of: a gate comes directly after its read. Put it directly after the "
        "stage it is of.",
    ),
    case(
        "gate-first",
        (RECALL + KNOWN, KNOWN.replace("of:", "¦of:")),
        says="spec.flow[0].of: no read stage before this one is named 'recall'. Put a read stage "
        "before it.",
    ),
    case(
        "gate-of-another-name",
        ("of: direct", "¦of: direkt"),
        says="spec.flow[5].of: no read stage before this one is named 'direkt'. Did you mean "
        "'direct'?",
    ),
    case(
        "gate-of-a-question-with-a-share",
        ("of: recall", "of: recall, ¦share: 0.5"),
        says="spec.flow[1].share: share is for gates of steps: of questions the deferral decides. "
        "Remove it, or set budget.llm_share.",
    ),
    case(
        "steps-of-no-plan",
        ("      kind: for_each\n      of: plan\n", "      ¦kind: for_each\n"),
        says="spec.flow[6].kind: it names no plan, and its flow is for the steps of one. Add `of`, "
        "the name of a decompose stage.",
    ),
    case(
        "steps-of-a-read",
        ("      of: plan", "      ¦of: direct"),
        says="spec.flow[6].of: no decompose stage before this one is named 'direct'. Usable here: "
        "'plan'.",
    ),
    case(
        "steps-that-nothing-concludes-from",
        (FINAL, "    - {name: final, kind: read, model: llm, prompt: prompts/decide.md}\n"),
        ("      kind: for_each", "      ¦kind: for_each"),
        says="spec.flow[6].kind: no synthesise follows, which would make an answer of the steps. "
        "Add a synthesise of it directly after.",
    ),
    case(
        "synthesise-of-another-name",
        ("of: steps", "¦of: step"),
        says="spec.flow[7].of: no for_each stage before this one is named 'step'. Did you mean "
        "'steps'?",
    ),
    case(
        "search-that-nothing-reads",
        (", evidence: passages", ""),
        ("{name: passages", "{¦name: passages"),
        says="spec.flow[3].name: no later stage uses 'passages'. Remove the stage, or name it in "
        "another.",
    ),
    case(
        "plan-that-nothing-carries-out",
        (
            PASSAGES + DIRECT + SURE + STEPS + FOUND + ANSWER + WEAK + CHECK + FINAL,
            "    - " + LATE,
        ),
        (EMBEDDER + SPLITTER, SPLITTER),
        (LLM, ""),
        ("{name: plan", "{¦name: plan"),
        says="spec.flow[2].name: no later stage uses 'plan'.",
    ),
    case(
        "search-for-a-plan-that-comes-later",
        (PLAN + PASSAGES, PASSAGES + PLAN),
        ("./corpus, plan: plan", "./corpus, ¦plan: plan"),
        says="spec.flow[2].plan: no decompose stage before this one is named 'plan'.",
    ),
    case(
        "evidence-of-a-plan",
        ("evidence: passages", "¦evidence: plan"),
        ("{name: passages", "{¦name: passages"),
        says="spec.flow[4].evidence: no retrieve stage before this one is named 'plan'. Usable "
        "here: 'passages'.",
    ),
]

OF_STEPS = [
    case(
        "nothing-reads",
        (ANSWER + WEAK + CHECK, ""),
        (FOUND, FOUND.replace("{name", "{¦name").replace("kind", "¦kind")),
        (STEPS, STEPS.replace("flow:", "¦flow:")),
        says="spec.flow[6].flow: no read answers the steps. Add a read to the flow.",
    ),
    case(
        "gate-last-of-steps",
        (CHECK, ""),
        ("name: weak, kind", "name: weak, ¦kind"),
        says="spec.flow[6].flow[2].kind: the last stage is a gate, which answers no step. End the "
        "flow with a read or a verify.",
    ),
    case(
        "verify-in-the-middle",
        (
            CHECK,
            CHECK.replace("kind", "¦kind")
            + "        - {name: late, kind: read, model: slm, prompt: prompts/decide.md}\n",
        ),
        says="spec.flow[6].flow[3].kind: a verify answers every step that reaches it, so it comes "
        "last. Put it at the end.",
    ),
    case(
        "verify-without-passages",
        (CHECK, CHECK.replace(", evidence: found", "").replace("kind", "¦kind")),
        says="spec.flow[6].flow[3].kind: it names no evidence, and only passages support an "
        "answer. Add `evidence`, the name of a retrieve.",
    ),
    case(
        "verify-before-any-read",
        (ANSWER + WEAK + CHECK, CHECK.replace("kind", "¦¦kind")),
        (STEPS, STEPS.replace("flow:", "¦flow:")),
        (CHECK.replace("kind", "¦¦kind"), CHECK.replace("kind", "¦kind")),
        says="spec.flow[6].flow[1].kind: no read comes before it, whose answer it would check. Put "
        "it after a read.",
    ),
    case(
        "gate-away-from-the-read-of-a-step",
        (WEAK, WEAK + "        - {name: again, kind: gate, ¦of: answer}\n"),
        says="spec.flow[6].flow[3].of: a gate comes directly after its read.",
    ),
    case(
        "search-of-steps-that-nothing-reads",
        (FOUND, FOUND + FOUND.replace("name: found", "¦name: other")),
        says="spec.flow[6].flow[1].name: no later stage uses 'other'.",
    ),
    case(
        "passages-of-the-question-for-a-step",
        ("md, evidence: found", "md, ¦evidence: passages"),
        says="spec.flow[6].flow[1].evidence: no retrieve stage before this one is named "
        "'passages'. Usable here: 'found'.",
    ),
    case(
        "plan-of-a-step",
        ("top_k: 5", "top_k: 5, ¦¦plan: plan"),
        says="spec.flow[6].flow[0].plan: a step has no plan of its own. Remove it.",
    ),
]

ELSEWHERE = [
    case(
        "share-of-columns",
        ("gate, of: candidates", "gate, of: candidates, ¦share: 0.3"),
        text=COLUMNS,
        says="spec.flow[0].flow[1].share: 'share' of a gate is for the steps of answer_questions. "
        "Remove it.",
    ),
    case(
        "plan-of-columns",
        ("      kind: for_each\n", "      kind: for_each\n      ¦¦of: plan\n"),
        text=COLUMNS,
        says="spec.flow[0].of: 'of' of a for_each is for the steps of answer_questions. Remove it.",
    ),
    case(
        "corpus-of-columns",
        ("index: target", "index: corpus, corpus: ./corpus"),
        ("kind: retrieve", "¦kind: retrieve"),
        ("gate, of", "gate, ¦of"),
        ("md, of", "md, ¦of"),
        text=COLUMNS,
        says="spec.flow[0].flow[0].kind: a retrieve matches no columns.",
    ),
    case(
        "share-of-logs",
        ("of: triage", "of: triage, ¦share: 0.3"),
        text=LOGS,
        says="spec.flow[1].share: 'share' of a gate is for the steps of answer_questions.",
    ),
    case(
        "share-of-nothing",
        ("of: triage", "of: triage, ¦share: 0"),
        text=LOGS,
        says="spec.flow[1].share: 'share' of a gate is for the steps of answer_questions.",
    ),
    case(
        "wider-search-of-logs",
        ("prompts/decide.md", "prompts/decide.md, ¦widen: 3"),
        text=LOGS,
        says="spec.flow[2].widen: 'widen' of a verify is for the steps of answer_questions.",
    ),
    case(
        "read-of-logs",
        (
            "{name: triage, kind: classify, ",
            "{name: triage, ¦kind: read, prompt: prompts/decide.md, ",
        ),
        ("model: slm}", "¦model: slm}"),
        text=LOGS,
        says="spec.flow[0].kind: a read is for answer_questions only. Remove it, or change the "
        "operation.",
    ),
    case(
        "decompose-of-logs",
        (
            "    - {name: keep",
            "    - {name: plan, ¦kind: decompose, model: llm}\n    - {name: keep",
        ),
        text=LOGS,
        says="spec.flow[1].kind: a decompose is for answer_questions only.",
    ),
    case(
        "synthesise-of-logs",
        ("kind: verify,", "¦kind: synthesise, ¦of: triage,"),
        text=LOGS,
        says="spec.flow[2].kind: a synthesise is for answer_questions only.",
    ),
    case(
        "corpus-of-logs",
        (
            "    - {name: decide",
            "    - {name: found, ¦kind: retrieve, index: corpus, corpus: ./c}\n    - {name: decide",
        ),
        text=LOGS,
        says="spec.flow[2].kind: a retrieve from a corpus is for answer_questions only.",
    ),
]

DEFERRALS = [
    case(
        "agreement",
        (CERTIFICATE, CERTIFICATE + "    ¦¦score: agreement\n    second_model: embedder\n"),
        says="spec.deferral.score: no second model reads. Use another score.",
    ),
    case(
        "groups",
        (CERTIFICATE, CERTIFICATE + "    ¦¦groups: [predicted_class]\n"),
        says="spec.deferral.groups: records of answer_questions share no labels to group by. "
        "Remove them.",
    ),
    case(
        "dollars-without-a-price",
        (CERTIFICATE, CERTIFICATE + "    budget: {¦usd_per_hour: 1}\n"),
        says="spec.deferral.budget.usd_per_hour: ",
    ),
    case(
        "dollars-without-the-price-of-the-one-that-reads",
        (
            "    llm: {kind: lm, engine: replay,",
            "    llm: {kind: lm, engine: replay, price: "
            "{input_usd_per_million: 1, output_usd_per_million: 2},",
        ),
        (CERTIFICATE, CERTIFICATE + "    budget: {¦usd_per_hour: 1}\n"),
        says="spec.deferral.budget.usd_per_hour: ",
    ),
]


@pytest.mark.parametrize(
    ("text", "says"),
    [*KEYS, *TASKS, *STRANGERS, *PROMPTS, *FLOWS, *OF_STEPS, *ELSEWHERE, *DEFERRALS],
)
def test_each_mistake_is_found_at_its_place(refuse, text, says):
    errors, places = refuse(text)

    found = [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors]
    assert sorted(found) == sorted(places), [str(error) for error in errors]
    assert any(says in str(error) for error in errors), [str(error) for error in errors]


VALID = [
    case("as-it-is", says=""),
    case(
        "split-by-a-language-model",
        ("model: splitter", "model: llm, prompt: prompts/decide.md"),
        (SPLITTER, ""),
        says="",
    ),
    case("a-share-of-nothing", ("share: 0.3", "share: 0"), says=""),
    case("all-that-may-be-left-out", (", share: 0.3", ""), (", plan: plan", ""), says=""),
    case("the-steps-are-read-only", (WEAK + CHECK, ""), says=""),
    case(
        "steps-from-what-a-model-knows",
        (FOUND, ""),
        (", evidence: found", ""),
        (WEAK + CHECK, ""),
        says="",
    ),
    case("read-twice-and-checked", (WEAK, WEAK + ANSWER.replace("answer", "again")), says=""),
    case(
        "nothing-comes-before-the-steps",
        (RECALL + KNOWN, ""),
        (PASSAGES + DIRECT + SURE, ""),
        (CERTIFICATE, "    {}\n"),
        says="",
    ),
    case("keys-that-are-nothing", ("of: recall", "of: recall, share: null"), says=""),
    case("of-columns", text=COLUMNS, says=""),
    case("of-logs", text=LOGS, says=""),
    case(
        "keys-that-are-nothing-of-logs",
        ("of: triage", "of: triage, share: null"),
        text=LOGS,
        says="",
    ),
]


@pytest.mark.parametrize("text", [pytest.param(each.values[0], id=each.id) for each in VALID])
def test_what_may_be_written_is_accepted(load, text):
    assert load(text).spec.flow


def test_a_reading_may_be_the_last_word(load):
    text = changed(BASE, (STEPS + FOUND + ANSWER + WEAK + CHECK + FINAL, ""), (SURE, ""), (LLM, ""))
    text = changed(text, (CERTIFICATE, "    score: max_prob\n"))

    spec = load(text).spec

    assert [stage.name for stage in spec.answering] == ["recall", "direct"]
    assert (spec.deciding, spec.step_flow) == (None, ())


def test_every_mistake_is_reported_at_once_by_line(refuse):
    text = changed(
        BASE,
        ("domain: questions", "¦domain: question"),
        ("of: recall", "¦of: recal"),
        ("{name: passages", "{¦name: passages"),
        ("evidence: passages", "¦evidence: passage"),
        ("      of: plan", "      ¦of: plans"),
        ("top_k: 5", "¦top_k: 0"),
        ("of: answer", "¦of: answers"),
        ("of: steps", "¦of: step"),
    )

    errors, places = refuse(text)

    found = [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors]
    assert found == places, [str(error) for error in errors]
    assert [error.problem for error in errors] == [
        "expected 'logs', 'schemas', 'questions' or 'news', found 'question'",
        "no read stage before this one is named 'recal'",
        "no later stage uses 'passages'",
        "no retrieve stage before this one is named 'passage'",
        "no decompose stage before this one is named 'plans'",
        "expected a whole number from 1 to 100, found the number 0",
        "no read stage before this one is named 'answers'",
        "no for_each stage before this one is named 'step'",
    ]

"""Malformed cascade files of news: every mistake is found, at the right line and column.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest

from headgate.errors import SpecFileError

BASE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: news}
spec:
  domain: news
  task: {operation: judge_news, labels: [real, fake]}
  artifact: fitted
  models:
    slm: {kind: encoder}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: quick, kind: classify, model: slm}
    - {name: keep, kind: gate, of: quick}
    - {name: similar, kind: retrieve, index: error_cases, top_k: 3}
    - name: views
      kind: advise
      model: llm
      perspectives: {style: prompts/style.md, common_sense: prompts/decide.md}
      evidence: similar
    - {name: fused, kind: weigh, of: views}
  deferral:
    certificate: {kind: regret, epsilon: 0.1}
"""
QUICK = "    - {name: quick, kind: classify, model: slm}\n"
KEEP = "    - {name: keep, kind: gate, of: quick}\n"
SIMILAR = "    - {name: similar, kind: retrieve, index: error_cases, top_k: 3}\n"
PERSPECTIVES = "{style: prompts/style.md, common_sense: prompts/decide.md}"
VIEWS = f"""\
    - name: views
      kind: advise
      model: llm
      perspectives: {PERSPECTIVES}
      evidence: similar
"""
FUSED = "    - {name: fused, kind: weigh, of: views}\n"
DECIDE = (
    "    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}\n"
)
SLM = "    slm: {kind: encoder}\n"
LLM = "    llm: {kind: lm, engine: replay, recordings: answers.jsonl}\n"
PRICED = LLM.replace(
    "jsonl}", "jsonl, price: {input_usd_per_million: 1, output_usd_per_million: 2}}"
)
CERTIFICATE = "    certificate: {kind: regret, epsilon: 0.1}\n"
EVIDENCE = "      evidence: similar\n"

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
RERANK = (
    "        - {name: judge, kind: rerank, model: llm, prompt: prompts/decide.md, of: candidates}\n"
)
QUESTIONS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: questions}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models:
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: recall, kind: read, model: llm, prompt: prompts/decide.md}
    - {name: known, kind: gate, of: recall}
    - {name: direct, kind: read, model: llm, prompt: prompts/decide.md}
"""
DIRECT = "    - {name: direct, kind: read, model: llm, prompt: prompts/decide.md}\n"
ADVISE = "{name: views, ¦kind: advise, model: llm, perspectives: {style: prompts/style.md}}\n"
WEIGH = "{name: fused, ¦kind: weigh, of: views}\n"
TOGETHER = "an advise and the weigh of it come together, at the end of the flow. Put one after "
TOGETHER += "the other, or remove it."


def changed(text, *changes):
    """Return the valid file with each (old, new) change made once."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def case(name, *changes, says, text=BASE):
    return pytest.param(changed(text, *changes), says, id=name)


@pytest.fixture
def folder(folder):
    """The folder with a prompt for each perspective."""
    (folder / "prompts" / "style.md").write_text("How is it written?\n", encoding="utf-8")
    return folder


KEYS = [
    case(
        "misspelt-key-of-an-advise",
        ("      evidence: similar", "      evidence: similar\n      ¦perspektives: {}"),
        says="spec.flow[3].perspektives: unknown key 'perspektives'. Did you mean 'perspectives'?",
    ),
    case(
        "prompt-of-an-advise",
        ("      evidence: similar", "      evidence: similar\n      ¦prompt: prompts/decide.md"),
        says="spec.flow[3].prompt: unknown key 'prompt'.",
    ),
    case(
        "model-of-a-weigh",
        ("kind: weigh, of", "kind: weigh, ¦model: slm, of"),
        says="spec.flow[4].model: unknown key 'model'.",
    ),
    case(
        "weigh-of-nothing",
        ("{name: fused", "¦{name: fused"),
        (", of: views", ""),
        says="spec.flow[4]: missing key 'of'. Add it.",
    ),
    case(
        "advise-without-a-model",
        ("    - name: views", "    - ¦name: views"),
        ("      model: llm\n", ""),
        ("    llm:", "    ¦llm:"),
        says="spec.flow[3]: missing key 'model'. Add it.",
    ),
    case(
        "advise-without-perspectives",
        ("    - name: views", "    - ¦name: views"),
        (f"      perspectives: {PERSPECTIVES}\n", ""),
        says="spec.flow[3]: missing key 'perspectives'. Add it.",
    ),
    case(
        "no-perspectives",
        (f"perspectives: {PERSPECTIVES}", "¦perspectives: {}"),
        says="spec.flow[3].perspectives: expected a mapping of 1 to 8 keys, found an empty "
        "mapping.",
    ),
    case(
        "perspectives-without-names",
        (f"perspectives: {PERSPECTIVES}", "¦perspectives: [prompts/style.md]"),
        says="spec.flow[3].perspectives: expected a mapping of 1 to 8 keys, found a list.",
    ),
    case(
        "nine-perspectives",
        (
            f"perspectives: {PERSPECTIVES}",
            f"¦perspectives: {{{', '.join(f'view{n}: prompts/style.md' for n in range(9))}}}",
        ),
        says="spec.flow[3].perspectives: expected a mapping of 1 to 8 keys, found a mapping.",
    ),
    case(
        "the-same-perspective-twice",
        ("{style: prompts/style.md, ", "{common_sense: prompts/style.md, ¦"),
        says="spec.flow[3].perspectives.common_sense: the key 'common_sense' is there twice.",
    ),
    case(
        "perspective-that-has-no-name",
        ("{style:", "{¦Common Sense:"),
        says="spec.flow[3].perspectives['Common Sense']: expected a name (a-z, 0-9 and _, a "
        "letter first, at most 63 characters), found 'Common Sense'.",
    ),
    case(
        "perspective-whose-name-is-a-number",
        ("{style:", "{¦1:"),
        says="spec.flow[3].perspectives.1: a key must be text, found the number 1.",
    ),
    case(
        "perspective-whose-name-leaves-its-stage",
        ("{style:", "{¦views/style:"),
        says="spec.flow[3].perspectives['views/style']: expected a name ",
    ),
]

PROMPTS = [
    case(
        "first-of-two-is-not-there",
        ("{style: prompts/style.md", "{¦style: prompts/stile.md"),
        says="spec.flow[3].perspectives.style: there is no file 'prompts/stile.md'. Check the "
        "path.",
    ),
    case(
        "second-of-two-is-not-there",
        (", common_sense: prompts/decide.md", ", ¦common_sense: prompts/sense.md"),
        says="spec.flow[3].perspectives.common_sense: there is no file 'prompts/sense.md'.",
    ),
    case(
        "each-of-two-is-not-there",
        (PERSPECTIVES, "{¦style: prompts/a.md, ¦common_sense: prompts/b.md}"),
        says="spec.flow[3].perspectives.common_sense: there is no file 'prompts/b.md'.",
    ),
    case(
        "folder",
        ("{style: prompts/style.md", "{¦style: prompts"),
        says="spec.flow[3].perspectives.style: there is no file 'prompts'.",
    ),
    case(
        "outside-the-folder",
        ("{style: prompts/style.md", "{¦style: ../style.md"),
        says="spec.flow[3].perspectives.style: a prompt must be below the folder of the file.",
    ),
    case(
        "absolute",
        ("{style: prompts/style.md", "{¦style: /etc/hostname"),
        says="spec.flow[3].perspectives.style: a prompt must be below the folder of the file.",
    ),
    case(
        "no-path",
        ("{style: prompts/style.md", "{¦style: ''"),
        says="spec.flow[3].perspectives.style: expected text that is not blank, found an empty "
        "text.",
    ),
    case(
        "blank-path",
        ("{style: prompts/style.md", "{¦style: '  '"),
        says="spec.flow[3].perspectives.style: expected text that is not blank, found '  '.",
    ),
    case(
        "number-for-a-path",
        ("{style: prompts/style.md", "{¦style: 3"),
        says="spec.flow[3].perspectives.style: expected text that is not blank, found the number "
        "3.",
    ),
]

TASKS = [
    case(
        "no-labels",
        ("{operation: judge_news, labels: [real, fake]}", "{¦operation: judge_news}"),
        says="spec.task.operation: judge_news needs exactly 2 labels, found 0. Write the harmless "
        "one first, then what is looked for.",
    ),
    case(
        "one-label",
        ("labels: [real, fake]", "¦labels: [fake]"),
        says="spec.task.labels: judge_news needs exactly 2 labels, found 1.",
    ),
    case(
        "three-labels",
        ("labels: [real, fake]", "¦labels: [real, doubtful, fake]"),
        says="spec.task.labels: judge_news needs exactly 2 labels, found 3.",
    ),
    case(
        "the-same-label-twice",
        ("[real, fake]", "[fake, ¦fake]"),
        says="spec.task.labels[1]: the label 'fake' is there twice. Keep one.",
    ),
    case(
        "news-of-logs",
        ("domain: news", "domain: logs"),
        ("{operation", "{¦operation"),
        says="spec.task.operation: judge_news is no operation of the domain 'logs'.",
    ),
    case(
        "levels-of-news",
        ("domain: logs", "domain: news"),
        ("{operation", "{¦operation"),
        text=LOGS,
        says="spec.task.operation: level is no operation of the domain 'news'. It has: "
        "'judge_news'.",
    ),
]

MODELS = [
    case(
        "advise-with-an-encoder",
        ("      model: llm", "      ¦model: slm"),
        says="spec.flow[3].model: 'slm' is of kind 'encoder', an advise needs 'lm'. Usable here: "
        "'llm'.",
    ),
    case(
        "advise-with-ngrams",
        (LLM, "    llm: {kind: ngrams}\n"),
        ("      model: llm", "      ¦model: llm"),
        says="spec.flow[3].model: 'llm' is of kind 'ngrams', an advise needs 'lm'. Add one to the "
        "models.",
    ),
    case(
        "advise-with-another-name",
        ("      model: llm", "      ¦model: llmm"),
        says="spec.flow[3].model: no model is named 'llmm'. Did you mean 'llm'?",
    ),
    case(
        "classify-with-a-language-model",
        ("classify, model: slm", "classify, ¦model: llm"),
        says="spec.flow[0].model: 'llm' is of kind 'lm', a classify needs 'encoder' or 'ngrams'.",
    ),
    case(
        "model-that-nothing-uses",
        (SLM, SLM + "    ¦other: {kind: lm, engine: replay, recordings: answers.jsonl}\n"),
        says="spec.models.other: no stage uses the model 'other'.",
    ),
]

ENDS = [
    case(
        "advise-without-weigh",
        (FUSED, ""),
        ("      kind: advise", "      ¦kind: advise"),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "weigh-without-advise",
        (SIMILAR + VIEWS + FUSED, FUSED.replace("kind", "¦kind").replace("of:", "¦of:")),
        (LLM, ""),
        says=f"spec.flow[2].kind: {TOGETHER}",
    ),
    case(
        "weigh-without-advise-has-nothing-to-name",
        (SIMILAR + VIEWS + FUSED, FUSED.replace("kind", "¦kind").replace("of:", "¦of:")),
        (LLM, ""),
        says="spec.flow[2].of: no advise stage before this one is named 'views'. Put an advise "
        "stage before it.",
    ),
    case(
        "weigh-before-its-advise",
        (VIEWS + FUSED, FUSED.replace("kind", "¦kind").replace("of:", "¦of:") + VIEWS),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "stage-between-the-two",
        (
            SIMILAR + VIEWS + FUSED,
            VIEWS.replace("kind", "¦kind").replace(EVIDENCE, "")
            + QUICK.replace("quick", "again")
            + FUSED,
        ),
        says=f"spec.flow[2].kind: {TOGETHER}",
    ),
    case(
        "verify-after-the-two",
        (FUSED, FUSED + DECIDE),
        ("      kind: advise", "      ¦kind: advise"),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "classify-after-the-two",
        (FUSED, FUSED + QUICK.replace("quick", "again")),
        ("      kind: advise", "      ¦kind: advise"),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "weigh-after-a-verify",
        (VIEWS, DECIDE),
        (FUSED, FUSED.replace("kind", "¦kind").replace("of:", "¦of:")),
        says=f"spec.flow[4].kind: {TOGETHER}",
    ),
    case(
        "advised-twice",
        (FUSED, FUSED + VIEWS.replace("views", "more") + FUSED.replace("fused", "again")),
        ("      kind: advise", "      ¦kind: advise"),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "weighed-twice",
        (FUSED, FUSED + FUSED.replace("fused", "again")),
        ("      kind: advise", "      ¦kind: advise"),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "two-advise-before-one-weigh",
        (VIEWS, VIEWS.replace("kind", "¦kind") + VIEWS.replace("views", "more")),
        says=f"spec.flow[3].kind: {TOGETHER}",
    ),
    case(
        "weigh-alone",
        (QUICK + KEEP + SIMILAR + VIEWS, ""),
        (FUSED, FUSED.replace("kind", "¦kind").replace("of:", "¦of:")),
        (SLM + LLM, SLM.replace("slm", "¦slm")),
        says=f"spec.flow[0].kind: {TOGETHER}",
    ),
    case(
        "weigh-with-the-name-of-another",
        (FUSED, FUSED.replace("name: fused", "¦name: views")),
        says="spec.flow[4].name: a stage before is also named 'views'.",
    ),
]

FLOWS = [
    case(
        "nothing-but-advice",
        (QUICK + KEEP + SIMILAR, ""),
        (SLM, ""),
        (EVIDENCE, ""),
        ("      kind: advise", "      ¦kind: advise"),
        says="spec.flow[0].kind: the first stage is an advise. Start the flow with a classify.",
    ),
    case(
        "advice-for-everything",
        (KEEP + SIMILAR, ""),
        (EVIDENCE, ""),
        (QUICK, QUICK.replace("kind", "¦kind")),
        says="spec.flow[0].kind: a classify that another stage follows needs a gate.",
    ),
    case(
        "gate-last",
        (SIMILAR + VIEWS + FUSED, ""),
        (LLM, ""),
        (KEEP, KEEP.replace("kind", "¦kind")),
        says="spec.flow[1].kind: the gate sends records on, but nothing answers them. End the flow "
        "with a verify or a classify.",
    ),
    case(
        "gate-away-from-its-classify",
        (SIMILAR, SIMILAR + "    - {name: again, kind: gate, ¦of: quick}\n"),
        says="spec.flow[3].of: a gate comes directly after its classify.",
    ),
    case(
        "gate-of-advice",
        ("of: quick", "¦of: views"),
        says="spec.flow[1].of: no classify stage before this one is named 'views'. Usable here: "
        "'quick'.",
    ),
    case(
        "weigh-of-another-name",
        ("of: views", "¦of: view"),
        says="spec.flow[4].of: no advise stage before this one is named 'view'. Did you mean "
        "'views'?",
    ),
    case(
        "weigh-of-the-classify",
        ("of: views", "¦of: quick"),
        says="spec.flow[4].of: no advise stage before this one is named 'quick'. Usable here: "
        "'views'.",
    ),
    case(
        "evidence-of-another-name",
        ("      evidence: similar", "      ¦evidence: simlar"),
        ("{name: similar", "{¦name: similar"),
        says="spec.flow[3].evidence: no retrieve stage before this one is named 'simlar'. Did you "
        "mean 'similar'?",
    ),
    case(
        "evidence-of-a-classify",
        ("      evidence: similar", "      ¦evidence: quick"),
        (SIMILAR, ""),
        says="spec.flow[2].evidence: no retrieve stage before this one is named 'quick'. Put a "
        "retrieve stage before it.",
    ),
    case(
        "cases-that-nothing-uses",
        (EVIDENCE, ""),
        ("{name: similar", "{¦name: similar"),
        says="spec.flow[2].name: no later verify or advise uses the evidence of 'similar'. Remove "
        "the stage, or add evidence: similar to the verify or advise.",
    ),
    case(
        "one-of-two-searches-that-nothing-uses",
        (SIMILAR, SIMILAR.replace("name: similar", "¦name: others") + SIMILAR),
        says="spec.flow[2].name: no later verify or advise uses the evidence of 'others'.",
    ),
    case(
        "cases-that-nothing-uses-of-logs",
        (
            "    - {name: decide",
            "    - {¦name: similar, kind: retrieve, index: error_cases}\n    - {name: decide",
        ),
        text=LOGS,
        says="spec.flow[2].name: no later verify uses the evidence of 'similar'.",
    ),
]

STRANGERS = [
    case(
        "read",
        (
            QUICK,
            "    - {name: quick, ¦kind: read, model: llm, prompt: prompts/decide.md}\n",
        ),
        says="spec.flow[0].kind: a read is for answer_questions only. Remove it, or change the "
        "operation.",
    ),
    case(
        "rerank",
        (
            SIMILAR + VIEWS + FUSED,
            "    - {name: judge, ¦kind: rerank, model: llm, prompt: prompts/decide.md, "
            "¦of: quick}\n",
        ),
        says="spec.flow[2].kind: a rerank is for match_columns only.",
    ),
    case(
        "target",
        (SIMILAR, "    - {name: similar, ¦kind: retrieve, index: target}\n"),
        (EVIDENCE, "      ¦evidence: similar\n"),
        says="spec.flow[2].kind: a retrieve from the target is for match_columns only.",
    ),
    case(
        "corpus",
        (SIMILAR, "    - {name: similar, ¦kind: retrieve, index: corpus, corpus: ./corpus}\n"),
        says="spec.flow[2].kind: a retrieve from a corpus is for answer_questions only.",
    ),
    case(
        "decompose",
        (SIMILAR, "    - {name: plan, ¦kind: decompose, model: llm, prompt: prompts/decide.md}\n"),
        (EVIDENCE, ""),
        says="spec.flow[2].kind: a decompose is for answer_questions only.",
    ),
    case(
        "for_each",
        (
            SIMILAR + VIEWS + FUSED,
            "    - name: parts\n      ¦kind: for_each\n      flow:\n        - "
            + ADVISE.replace("¦", ""),
        ),
        says="spec.flow[2].kind: a for_each is for match_columns only.",
    ),
    case(
        "share-of-a-gate",
        ("gate, of: quick", "gate, of: quick, ¦share: 0.3"),
        says="spec.flow[1].share: 'share' of a gate is for the steps of answer_questions.",
    ),
    case(
        "wider-search",
        (VIEWS + FUSED, DECIDE.replace("evidence", "¦widen: 3, evidence")),
        says="spec.flow[3].widen: 'widen' of a verify is for the steps of answer_questions.",
    ),
]

ELSEWHERE = [
    case(
        "advise-of-logs",
        ("    - {name: decide", "    - " + ADVISE + "    - {name: decide"),
        text=LOGS,
        says="spec.flow[2].kind: an advise is for judge_news only. Remove it, or change the "
        "operation.",
    ),
    case(
        "advice-of-logs-that-is-weighed",
        (
            "    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md}\n",
            "    - " + ADVISE + "    - " + WEIGH.replace("¦", ""),
        ),
        text=LOGS,
        says="spec.flow[2].kind: an advise is for judge_news only.",
    ),
    case(
        "weigh-of-logs",
        ("    - {name: decide", "    - " + WEIGH.replace("of:", "¦of:") + "    - {name: decide"),
        text=LOGS,
        says="spec.flow[2].kind: a weigh is for judge_news only.",
    ),
    case(
        "advise-of-columns",
        (RERANK, "        - " + ADVISE),
        text=COLUMNS,
        says="spec.flow[0].flow[2].kind: an advise matches no columns.",
    ),
    case(
        "weigh-of-columns",
        (RERANK, RERANK + "        - " + WEIGH.replace("of:", "¦of:")),
        text=COLUMNS,
        says="'synthesise' or 'verify', found 'weigh'.",
    ),
    case(
        "weigh-of-tables",
        ("  flow:\n", "  ¦flow:\n"),
        (
            "of: columns}\n",
            "of: columns}\n    - " + WEIGH.replace("of:", "¦of:").replace("¦k", "k"),
        ),
        text=COLUMNS,
        says="spec.flow: the flow of match_columns is a for_each, then an assign.",
    ),
    case(
        "advise-of-questions",
        (DIRECT, "    - " + ADVISE),
        text=QUESTIONS,
        says="spec.flow[2].kind: an advise answers no questions. Kinds for questions: 'read', ",
    ),
    case(
        "weigh-of-questions",
        (DIRECT, DIRECT + "    - " + WEIGH.replace("of:", "¦of:")),
        text=QUESTIONS,
        says="spec.flow[3].kind: a weigh answers no questions.",
    ),
]

DEFERRALS = [
    case(
        "dollars-without-a-price",
        (CERTIFICATE, CERTIFICATE + "    budget: {¦usd_per_hour: 1}\n"),
        says="spec.deferral.budget.usd_per_hour: a budget in dollars needs a large model with a "
        "price. Add `price` to the model.",
    ),
    case(
        "dollars-of-a-caller-without-a-price",
        (CERTIFICATE, CERTIFICATE + "    budget: {per_caller: {¦usd_per_hour: 1}}\n"),
        says="spec.deferral.budget.per_caller.usd_per_hour: a budget in dollars needs ",
    ),
    case(
        "certificate-of-a-student-alone",
        (KEEP + SIMILAR + VIEWS + FUSED, ""),
        (LLM, ""),
        ("    certificate:", "    ¦certificate:"),
        says="spec.deferral.certificate: a certificate needs a gate and a verify.",
    ),
    case(
        "rare-class-that-is-no-label",
        (
            CERTIFICATE,
            "    certificate: {kind: two_sided, rare_class: {¦label: faked, miss: 0.1, "
            "false_alarm: 0.2}}\n",
        ),
        says="spec.deferral.certificate.rare_class.label: 'faked' is no label of the task. Did you "
        "mean 'fake'?",
    ),
    case(
        "groups-of-two-tiers",
        (SLM, "    fast: {kind: ngrams}\n" + SLM),
        (
            QUICK,
            "    - {name: first, kind: classify, model: fast}\n"
            "    - {name: sure, kind: gate, of: first}\n" + QUICK,
        ),
        (CERTIFICATE, CERTIFICATE + "    ¦groups: [predicted_class]\n"),
        says="spec.deferral.groups: groups are for one classify stage and the kinds 'agree' and "
        "'regret'.",
    ),
]


@pytest.mark.parametrize(
    ("text", "says"),
    [*KEYS, *PROMPTS, *TASKS, *MODELS, *ENDS, *FLOWS, *STRANGERS, *ELSEWHERE, *DEFERRALS],
)
def test_each_mistake_is_found_at_its_place(refuse, text, says):
    errors, places = refuse(text)

    found = [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors]
    assert sorted(found) == sorted(places), [str(error) for error in errors]
    assert any(says in str(error) for error in errors), [str(error) for error in errors]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "the prompt is empty", id="empty"),
        pytest.param(b" \n", "the prompt is empty", id="blank"),
        pytest.param(b"\xff\xfe", "the prompt is not UTF-8", id="not-utf8"),
        pytest.param(b"x" * 65537, "the prompt is larger than 65536 bytes", id="too-large"),
    ],
)
def test_a_perspective_that_cannot_be_used_is_refused_at_its_key(load, folder, content, says):
    (folder / "prompts" / "decide.md").write_bytes(content)

    with pytest.raises(
        SpecFileError, match=rf"yaml:18:47: spec.flow\[3\].perspectives.common_sense: {says}"
    ) as caught:
        load(BASE)
    assert len(caught.value.errors) == 1


VALID = [
    case("as-it-is", says=""),
    case("without-past-cases", (SIMILAR, ""), (EVIDENCE, ""), says=""),
    case("verified-instead", (VIEWS + FUSED, DECIDE), says=""),
    case(
        "verified-without-past-cases",
        (SIMILAR + VIEWS + FUSED, DECIDE.replace(", evidence: similar", "")),
        says="",
    ),
    case("one-perspective", (PERSPECTIVES, "{style: prompts/style.md}"), says=""),
    case(
        "eight-perspectives",
        (
            PERSPECTIVES,
            f"{{{', '.join(f'view{n}: prompts/style.md' for n in range(8))}}}",
        ),
        says="",
    ),
    case(
        "perspectives-with-the-same-prompt",
        ("style: prompts/style.md", "style: prompts/decide.md"),
        says="",
    ),
    case(
        "ngrams-before-an-encoder",
        (SLM, "    fast: {kind: ngrams}\n" + SLM),
        (
            QUICK,
            "    - {name: first, kind: classify, model: fast}\n"
            "    - {name: sure, kind: gate, of: first}\n" + QUICK,
        ),
        says="",
    ),
    case(
        "no-large-model",
        (KEEP + SIMILAR + VIEWS + FUSED, ""),
        (LLM, ""),
        ("  deferral:\n" + CERTIFICATE, ""),
        says="",
    ),
    case(
        "a-bound-for-each-label",
        (
            CERTIFICATE,
            "    certificate: {kind: two_sided, rare_class: {label: fake, miss: 0.1, "
            "false_alarm: 0.2}}\n",
        ),
        says="",
    ),
    case(
        "a-bound-for-each-predicted-label",
        (CERTIFICATE, CERTIFICATE + "    groups: [predicted_class]\n"),
        says="",
    ),
    case(
        "two-students-that-agree",
        (SLM, "    fast: {kind: ngrams}\n" + SLM),
        (CERTIFICATE, CERTIFICATE + "    score: agreement\n    second_model: fast\n"),
        says="",
    ),
    case(
        "a-budget-in-dollars",
        (LLM, PRICED),
        (CERTIFICATE, CERTIFICATE + "    audits: {}\n    budget: {usd_per_hour: 1}\n"),
        says="",
    ),
    case("labels-of-another-language", ("[real, fake]", "[wahr, erfunden]"), says=""),
    case("keys-that-are-nothing", (EVIDENCE, "      evidence: null\n"), (SIMILAR, ""), says=""),
]


@pytest.mark.parametrize("text", [pytest.param(each.values[0], id=each.id) for each in VALID])
def test_what_may_be_written_is_accepted(load, text):
    assert load(text).spec.flow


def test_every_mistake_is_reported_at_once_by_line(refuse):
    text = changed(
        BASE,
        ("labels: [real, fake]", "¦labels: [fake]"),
        ("of: quick", "¦of: quik"),
        ("{name: similar", "{¦name: similar"),
        ("top_k: 3", "¦top_k: 0"),
        ("      model: llm", "      ¦model: llmm"),
        ("{style: prompts/style.md", "{¦style: prompts/stile.md"),
        ("      evidence: similar", "      ¦evidence: simlar"),
        ("of: views", "¦of: view"),
        ("epsilon: 0.1", "¦epsilon: 1"),
    )

    errors, places = refuse(text)

    found = [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors]
    assert found == places, [str(error) for error in errors]
    assert [error.problem for error in errors] == [
        "judge_news needs exactly 2 labels, found 1",
        "no classify stage before this one is named 'quik'",
        "no later verify or advise uses the evidence of 'similar'",
        "expected a whole number from 1 to 100, found the number 0",
        "no model is named 'llmm'",
        "there is no file 'prompts/stile.md'",
        "no retrieve stage before this one is named 'simlar'",
        "no advise stage before this one is named 'view'",
        "expected a number above 0, below 1, found the number 1",
    ]

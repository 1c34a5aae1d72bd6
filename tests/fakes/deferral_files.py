"""Cascade files that differ in what they say of their gates.

a deferral, which models and stages there are, the task -> text of a cascade file
"""

import pytest

FAST = "fast: {kind: ngrams}"
SLM = "slm: {kind: encoder}"
LLM = "llm: {kind: lm, engine: replay, recordings: answers.jsonl}"
PRICED = LLM.replace("}", ", price: {input_usd_per_million: 1, output_usd_per_million: 2}}")
LEVEL = "{operation: level, labels: [disk, net]}"
CAUSES = "{operation: rank_causes}"

FIRST = "{name: first, kind: classify, model: fast}"
SURE = "{name: sure, kind: gate, of: first}"
SECOND = "{name: second, kind: classify, model: slm}"
SURER = "{name: surer, kind: gate, of: second}"
DECIDE = "{name: decide, kind: verify, model: llm, prompt: prompts/decide.md}"

ONE_TIER = ((FAST, LLM), (FIRST, SURE, DECIDE))
PAID = ((FAST, PRICED), (FIRST, SURE, DECIDE))
TWO_TIERS = ((FAST, SLM, LLM), (FIRST, SURE, SECOND, SURER, DECIDE))
WITH_SECOND = ((FAST, SLM, LLM), (FIRST, SURE, DECIDE))
"""Valid only with a second model."""
SMALL_TIERS = ((FAST, SLM), (FIRST, SURE, SECOND))
"""A gate, and no large model."""
UNGATED = ((FAST,), (FIRST,))


def file(deferral, parts=ONE_TIER, task=LEVEL):
    """Return a cascade file with that deferral, from line 17 on."""
    models, flow = parts
    return f"""\
apiVersion: headgate/v1
kind: Cascade
metadata: {{name: parts}}
spec:
  domain: logs
  task: {task}
  artifact: fitted
  models: {{{", ".join(models)}}}
  flow:
    - {f"{chr(10)}    - ".join(flow)}
  deferral: {deferral}
"""


def case(name, deferral, *says, parts=ONE_TIER, task=LEVEL):
    """Return a file with marks, and what is said of it below `spec.deferral.`."""
    return pytest.param(file(deferral, parts, task), says, id=name)


RARE_CLASS = "rare_class: {label: disk, miss: 0.1, false_alarm: 0.1}"

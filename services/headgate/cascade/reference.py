"""The reference of the cascade format, made from the models: a page and a JSON Schema.

CascadeFile -> json_schema() -> docs/cascade-v1.schema.json
            -> reference_markdown() -> docs/cascade-yaml.md

`python -m headgate.cascade.reference docs/` writes both.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from headgate.cascade.schema import Node, expectation, resolved, schema

SCHEMA_ID = "urn:headgate:cascade:v1"

EXAMPLE = """\
apiVersion: headgate/v1
kind: Cascade
metadata:
  name: log_analysis
  description: Does this description fit this log line?
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: artifacts/log_analysis # written by `headgate fit`; any fsspec URL
  models:
    slm:
      kind: encoder
      source: embedded
      precision: int8
      placement: inline
      batch: {max_size: 64, max_wait_ms: 4}
    llm:
      kind: lm
      engine: openai
      model: gpt-4o-mini
      api_key: {env: OPENAI_API_KEY}
  flow:
    - {name: triage, kind: classify, model: slm}
    - {name: keep, kind: gate, of: triage}
    - {name: similar, kind: retrieve, index: error_cases, top_k: 5}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}
  deferral:
    score: auto
    budget: {llm_share: 0.15}
"""

SCHEMA_EXAMPLE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: schema_matching}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: artifacts/schema_matching
  models:
    slm: {kind: encoder} # with `tuning` it is trained on the columns of the targets
    llm: {kind: lm, engine: openai, model: gpt-4o-mini, api_key: {env: OPENAI_API_KEY}}
  flow:
    - name: columns # each column of the source table passes these by itself
      kind: for_each
      flow:
        - {name: candidates, kind: retrieve, index: target, top_k: 20}
        - {name: keep, kind: gate, of: candidates}
        - {name: judge, kind: rerank, model: llm, prompt: prompts/judge.md, of: candidates}
    - {name: match, kind: assign, of: columns} # one-to-one pairs of the whole table
  deferral:
    budget: {llm_share: 0.5}
"""

QUESTION_EXAMPLE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: question_answering}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: artifacts/question_answering
  models:
    embedder: {kind: encoder}
    splitter: {kind: splitter, decompositions: decompositions.jsonl}
    slm: {kind: lm, engine: openai, model: qwen2.5-3b, base_url: http://localhost:8000/v1}
    llm: {kind: lm, engine: openai, model: gpt-4o-mini, api_key: {env: OPENAI_API_KEY}}
  flow:
    - {name: plan, kind: decompose, model: splitter}
    - {name: passages, kind: retrieve, index: corpus, corpus: artifacts/corpus, plan: plan}
    - {name: direct, kind: read, model: slm, prompt: prompts/read.md, evidence: passages}
    - {name: sure, kind: gate, of: direct}
    - name: steps # each step passes these, when the steps that it refers to are answered
      kind: for_each
      of: plan
      flow:
        - {name: found, kind: retrieve, index: corpus, corpus: artifacts/corpus, top_k: 5}
        - {name: answer, kind: read, model: slm, prompt: prompts/step.md, evidence: found}
        - {name: weak, kind: gate, of: answer, share: 0.3}
        - {name: check, kind: verify, model: llm, prompt: prompts/check.md, evidence: found}
    - {name: final, kind: synthesise, model: llm, prompt: prompts/final.md, of: steps}
  deferral:
    budget: {llm_share: 0.3}
"""

_INTRODUCTION = """\
<!-- Made by `python -m headgate.cascade.reference docs/`. Edit the models, not this page. -->

# The cascade file

A cascade is one YAML file: which models there are, in which order records pass them, and how
much may go to the large model. The file is strict. A key that is not on this page is an error,
and so are tags, anchors, aliases, duplicate keys and a second document. All mistakes are
reported at once, each with its line and column.

For completion in an editor, start the file with
`# yaml-language-server: $schema=` and the path of `cascade-v1.schema.json`.

```yaml
{example}```

A cascade that matches the columns of two tables has a flow for each column inside its own:

```yaml
{schema_example}```

A cascade that answers questions has one for each step of a plan:

```yaml
{question_example}```

## Rules between keys

- Stage names are unique in the whole file. The first stage is a `classify`.
- A `classify` names an `encoder` or `ngrams` model, a `verify` an `lm`, a `retrieve` an `encoder`.
- A `gate` comes directly after the `classify` it is `of`; a `classify` that another stage
  follows has a gate. Several pairs in a row are allowed: `ngrams`, gate, `encoder`, gate, `verify`.
- A flow with a gate ends with a `verify` or a `classify`. Nothing comes after a `verify`.
- A `retrieve` is the `evidence` of a later `verify`. Every model is used by a stage, or is
  the `second_model`.
- `match_columns` takes no labels. Its flow is a `for_each`, then an `assign` `of` it, and nothing
  else has those two. Inside the `for_each`, a `retrieve` with `index: target` stands for the
  `classify` of these rules, and a `rerank` for the `verify`; no other stage matches columns.
- A `rerank` names an `lm`, and is `of` the last `retrieve` before it.
- `answer_questions` takes no labels. A `read` stands for the `classify` of these rules, and a
  `synthesise` for the `verify`. A flow ends with one of the two; before and between them there are
  gates, each directly after its `read`, `decompose`, and `retrieve` with `index: corpus`.
- A `read` and a `synthesise` name an `lm`, a `decompose` a `splitter` without a `prompt`, or an
  `lm` with one. A `for_each` is `of` a `decompose`, and a `synthesise` of it comes directly after.
- Inside that `for_each` there are `retrieve` with `index: corpus`, `read`, `gate` and, at the end,
  `verify`, whose `evidence` is one of the retrieves. `share` and `widen` are for these alone.
- `judge_news` takes two labels, first the harmless one. An `advise` and the `weigh` `of` it stand
  for the `verify` of these rules, one after the other at the end of the flow; a `verify` may stand
  there as well. Nothing else has those two.
- An `advise` names an `lm`. What is said of a prompt holds for that of each perspective, and a
  `retrieve` may be its `evidence`: its cases are for people, and the model does not see them.
- `tuning` is for an encoder of a `retrieve` with `index: target`. The files of an `augmentation`
  and of `decompositions` are there.
- A prompt lies in the folder of the file or below it, is UTF-8, not empty and at most 64 KiB.
- `replicas`, `resources` and `scaling` need `placement: deployment`; `revision` needs a hub id.
- An `accelerator` of `resources` needs a `gpu`, and more than one `gpu` is a whole number.
- The `model` of `engine: ray_llm` is a hub id or an absolute directory. Outside of its cluster,
  where cascades are fitted and evaluated, `HEADGATE_RAY_LLM_URL` says which endpoint serves it.
- `score` needs a gate; `llm_share` and `on_exhausted` need a `verify`, `usd_per_hour` a `price` on
  its model, `burst_usd` needs `usd_per_hour`.
- `score: agreement` needs a `second_model` that no stage classifies with. It and `score: head` need
  a flow with one `classify`; `head` needs a certificate.
- A `certificate` needs a gate and a `verify`. It states an `epsilon`, or leaves the threshold to
  the budget's `llm_share`. `two_sided` has a `rare_class` and a task of two labels instead.
- A certificate without `epsilon`, of `kind: two_sided`, with `mode: expectation` or with `groups`
  needs a flow with one `classify`. The last two are for the kinds `agree` and `regret`, and exclude
  each other.
- `match_columns` and `answer_questions` have no `score: agreement`, no `groups` and no
  `two_sided`: their units share no labels.
- `groups`, `on_uncertified` and `audits` need a certificate; `monitor` and `audit_share` need
  audits. With a certificate, `audit_share` and `on_exhausted` need a stated budget.
- A secret is `{{env: NAME}}` or `{{file: PATH}}`. A text that looks like a key is an error.
"""


def json_schema() -> Node:
    """Return the JSON Schema of a cascade file, for editors.

    It knows keys, types and limits; the rules between keys are checked by `load_cascade`.
    """
    published = copy.deepcopy(schema())
    header = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**header, **published}


def reference_markdown() -> str:
    """Return the reference page: one table for each model, in the order of the file."""
    examples = {
        "example": EXAMPLE,
        "schema_example": SCHEMA_EXAMPLE,
        "question_example": QUESTION_EXAMPLE,
    }
    sections = [_INTRODUCTION.format(**examples)]
    sections.extend(_section(title, node) for title, node in _models())
    return "\n".join(sections)


def _models() -> Iterator[tuple[str, Node]]:
    """Yield the title and schema of each mapping, outer ones first.

    A title that stands for another mapping already says whose it is.
    """
    waiting: list[tuple[str, str, Node]] = [("The file", "", schema())]
    seen: set[tuple[str, str]] = set()
    while waiting:
        title, parent, node = waiting.pop(0)
        if (title, node["description"]) not in seen:
            taken = any(title == other for other, _ in seen)
            yield f"{title} of {parent}" if taken else title, node
            children = [child for key in node["properties"] for child in _children(node, key)]
            waiting[:0] = [(name, _tags(node).partition(",")[0], child) for name, child in children]
        seen.add((title, node["description"]))


def _children(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    """Yield the mappings that may stand at `key`."""
    child = resolved(node["properties"][key])
    if "properties" in child:
        yield f"`{key}`", child
    for items in (child.get("items"), *child.get("patternProperties", {}).values()):
        yield from ((f"`{key}`: {_tags(one)}", one) for one in _options(items or {}))


def _options(node: Node) -> Iterator[Node]:
    for option in node.get("oneOf", []):
        found = resolved(option)
        yield from _options(found) if "oneOf" in found else [found]


def _tags(node: Node) -> str:
    properties = node["properties"]
    tags = (key for key in ("kind", "engine", "index") if "const" in properties.get(key, {}))
    return ", ".join(f"`{key}: {properties[key]['const']}`" for key in tags)


def _section(title: str, node: Node) -> str:
    rows = [_row(key, child, node.get("required", [])) for key, child in node["properties"].items()]
    head = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    description = node["description"].replace("\n", " ")
    return "\n".join([f"## {title}", "", description, "", *head, *rows, ""])


def _row(key: str, node: Node, required: list[str]) -> str:
    # pydantic leaves out a key's description that equals that of its model.
    meaning = " ".join((node.get("description") or resolved(node)["description"]).split())
    cells = (f"`{key}`", _value(node), _default(node, required=key in required), meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _value(node: Node) -> str:
    child = resolved(node)
    if child.get("type") == "array" and "type" in resolved(child["items"]):
        return f"{expectation(child)}, each {expectation(child['items'])}"
    return expectation(child)


def _default(node: Node, *, required: bool) -> str:
    if required:
        return "required"
    default = node.get("default")
    if default is None:
        return "absent"
    return "as below" if isinstance(default, dict) else f"`{json.dumps(default)}`"


def main(folder: str) -> None:
    """Write the page and the schema into `folder`."""
    schema_text = json.dumps(json_schema(), indent=2) + "\n"
    Path(folder, "cascade-v1.schema.json").write_text(schema_text, encoding="utf-8")
    Path(folder, "cascade-yaml.md").write_text(reference_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

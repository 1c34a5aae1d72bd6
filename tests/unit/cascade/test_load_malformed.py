"""Malformed cascade files: every mistake is found, at the right line and column.

In a text, `¦` stands directly before the place that must be reported.
"""

import pytest

BASE = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: logs, description: Fits?}
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: artifacts/logs
  models:
    slm:
      kind: encoder
      source: embedded
      precision: int8
      batch: {max_size: 64, max_wait_ms: 4}
    llm:
      kind: lm
      engine: openai
      model: gpt-4o-mini
      api_key: {env: OPENAI_API_KEY}
      price: {input_usd_per_million: 1, output_usd_per_million: 2}
  flow:
    - {name: triage, kind: classify, model: slm}
    - {name: keep, kind: gate, of: triage}
    - {name: similar, kind: retrieve, index: error_cases}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}
  deferral:
    score: auto
    budget: {llm_share: 0.15}
"""


def base(*changes):
    """Return the valid file with each (old, new) change made once."""
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


TRIAGE = "    - {name: triage, kind: classify, model: slm}\n"
KEEP = "    - {name: keep, kind: gate, of: triage}\n"
SIMILAR = "    - {name: similar, kind: retrieve, index: error_cases}\n"
DECIDE = (
    "    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}\n"
)
SLM = """\
    slm:
      kind: encoder
      source: embedded
      precision: int8
      batch: {max_size: 64, max_wait_ms: 4}
"""
LLM = """\
    llm:
      kind: lm
      engine: openai
      model: gpt-4o-mini
      api_key: {env: OPENAI_API_KEY}
      price: {input_usd_per_million: 1, output_usd_per_million: 2}
"""
ENGINE = "engine: openai\n      model: gpt-4o-mini\n      api_key: {env: OPENAI_API_KEY}\n"
PLACED = "placement: deployment"


def case(name, *changes, says):
    return pytest.param(base(*changes), says, id=name)


KEYS = [
    case(
        "unknown-key-at-the-top",
        ("kind: Cascade\n", "kind: Cascade\n¦metdata: {}\n"),
        says="metdata: unknown key 'metdata'. Did you mean 'metadata'?",
    ),
    case(
        "unknown-key-without-a-near-one",
        ("{name: logs,", "{name: logs, ¦zzz: 1,"),
        says="metadata.zzz: unknown key 'zzz'. Allowed here: 'name' or 'description'.",
    ),
    case(
        "misspelt-key-of-a-model",
        ("      batch:", "      ¦batchsize:"),
        says="spec.models.slm.batchsize: unknown key 'batchsize'. Did you mean 'batch'?",
    ),
    case(
        "key-of-a-model-that-is-named-like-a-mark-of-pydantic",
        ("      batch:", "      ¦'[key]':"),
        says="spec.models.slm['[key]']: unknown key '[key]'.",
    ),
    case(
        "misspelt-key-deep-inside",
        ("max_size: 64", "¦maxsize: 64"),
        says="spec.models.slm.batch.maxsize: unknown key 'maxsize'. Did you mean 'max_size'?",
    ),
    case(
        "misspelt-key-of-a-stage",
        ("index: error_cases", "index: error_cases, ¦topk: 5"),
        says="spec.flow[2].topk: unknown key 'topk'. Did you mean 'top_k'?",
    ),
    case(
        "key-of-another-engine",
        ("      price:", "      ¦recordings: answers.jsonl\n      price:"),
        says="spec.models.llm.recordings: unknown key 'recordings'",
    ),
    case(
        "import-path",
        ("kind: classify, model", "kind: classify, ¦import_path: os.system, model"),
        says="spec.flow[0].import_path: unknown key 'import_path'",
    ),
    case(
        "key-of-a-later-release",
        ("    score: auto\n", "    score: auto\n    ¦distil: {enabled: true}\n"),
        says="spec.deferral.distil: unknown key 'distil'",
    ),
    case(
        "misspelt-key-of-the-budget",
        ("{llm_share: 0.15}", "{llm_share: 0.15, ¦usd_per_houre: 5}"),
        says="spec.deferral.budget.usd_per_houre: unknown key 'usd_per_houre'. "
        "Did you mean 'usd_per_hour'?",
    ),
    case(
        "missing-version",
        ("apiVersion: headgate/v1\n", "¦"),
        says="yaml:1:1: missing key 'apiVersion'. Add it.",
    ),
    case(
        "missing-name-of-the-cascade",
        ("metadata: {name: logs, ", "¦metadata: {"),
        says="metadata: missing key 'name'. Add it.",
    ),
    case(
        "missing-domain",
        ("spec:\n  domain: logs\n", "¦spec:\n"),
        says="spec: missing key 'domain'. Add it.",
    ),
    case(
        "missing-kind-of-a-model",
        ("    slm:\n      kind: encoder\n", "    ¦slm:\n"),
        says="spec.models.slm: missing key 'kind'. Add it.",
    ),
    case(
        "missing-engine",
        ("    llm:\n      kind: lm\n      engine: openai\n", "    ¦llm:\n      kind: lm\n"),
        says="spec.models.llm: missing key 'engine'. Add it.",
    ),
    case(
        "missing-kind-of-a-stage",
        ("{name: keep, kind: gate,", "¦{name: keep,"),
        says="spec.flow[1]: missing key 'kind'. Add it.",
    ),
    case(
        "missing-model-of-a-stage",
        ("{name: triage, kind: classify, model: slm}", "¦{name: triage, kind: classify}"),
        says="spec.flow[0]: missing key 'model'. Add it.",
    ),
    case(
        "missing-half-of-a-price",
        ("price: {input_usd_per_million: 1, out", "¦price: {out"),
        says="spec.models.llm.price: missing key 'input_usd_per_million'. Add it.",
    ),
]

VALUES = [
    case(
        "version-of-the-future",
        ("apiVersion: headgate/v1", "¦apiVersion: headgate/v2"),
        says="apiVersion: expected 'headgate/v1', found 'headgate/v2'. Did you mean 'headgate/v1'?",
    ),
    case(
        "kind-of-another-program",
        ("kind: Cascade", "¦kind: Deployment"),
        says="kind: expected 'Cascade', found 'Deployment'.",
    ),
    case(
        "name-with-capitals",
        ("{name: logs", "{¦name: Logs"),
        says="metadata.name: expected a name (a-z, 0-9 and _, a letter first, at most 63 "
        "characters), found 'Logs'.",
    ),
    case(
        "name-with-a-line-end",
        ("{name: logs", '{¦name: "logs\\n"'),
        says=r"metadata.name: expected a name (a-z, 0-9 and _, a letter first, at most 63 "
        r"characters), found 'logs\n'",
    ),
    case(
        "name-of-64-characters",
        ("{name: logs", "{¦name: " + "a" * 64),
        says="found a text of 64 characters",
    ),
    case(
        "description-is-a-number",
        ("description: Fits?", "¦description: 12"),
        says="metadata.description: expected text, found the number 12. Put it in quotes.",
    ),
    case(
        "domain-that-is-not-there",
        ("domain: logs", "¦domain: novels"),
        says="spec.domain: expected 'logs', 'schemas', 'questions' or 'news', found 'novels'.",
    ),
    case(
        "task-is-text",
        (
            "task: {operation: match_description, labels: [mismatch, match]}",
            "¦task: match_description",
        ),
        says="spec.task: expected a mapping, found 'match_description'.",
    ),
    case(
        "misspelt-operation",
        ("{operation: match_description", "{¦operation: match_descripton"),
        says="Did you mean 'match_description'?",
    ),
    case(
        "labels-are-text",
        ("labels: [mismatch, match]", "¦labels: mismatch"),
        says="spec.task.labels: expected a list of 0 to 200 items, found 'mismatch'.",
    ),
    case(
        "label-is-a-boolean",
        ("[mismatch, match]", "[¦false, match]"),
        says="spec.task.labels[0]: expected text that is not blank of at most 100 characters, "
        "found the boolean false. Put it in quotes.",
    ),
    case(
        "label-is-empty",
        ("[mismatch, match]", "['mismatch', ¦'']"),
        says="spec.task.labels[1]: expected text that is not blank of at most 100 characters, "
        "found an empty text",
    ),
    case(
        "label-is-blank",
        ("[mismatch, match]", "['mismatch', ¦'  ']"),
        says="spec.task.labels[1]: expected text that is not blank",
    ),
    case(
        "label-of-101-characters",
        ("[mismatch, match]", "[mismatch, ¦" + "m" * 101 + "]"),
        says="found a text of 101 characters",
    ),
    case(
        "artifact-is-nothing",
        ("artifact: artifacts/logs", "¦artifact:"),
        says="spec.artifact: expected text that is not blank, found nothing. Write a value.",
    ),
    case(
        "models-are-a-list",
        (SLM + LLM, "    - {kind: encoder}\n"),
        ("  models:", "  ¦models:"),
        (TRIAGE + KEEP + SIMILAR + DECIDE, "    []\n"),
        ("  flow:", "  ¦flow:"),
        says="spec.models: expected a mapping of 1 to 32 keys, found a list.",
    ),
    case(
        "model-is-text",
        (SLM, "    ¦slm: encoder\n"),
        ("    - {name: similar, kind", "    - {name: similar, model: slm, kind"),
        says="spec.models.slm: expected a mapping, found 'encoder'.",
    ),
    case(
        "model-name-with-a-hyphen",
        ("    slm:", "    ¦s-lm:"),
        ("model: slm", "model: s-lm"),
        says="spec.models.s-lm: expected a name (a-z, 0-9 and _, a letter first, at most 63 "
        "characters), found 's-lm'.",
    ),
    case(
        "kind-of-model-that-is-not-there",
        ("kind: encoder", "¦kind: encodr"),
        says="spec.models.slm.kind: expected 'encoder', 'lm', 'ngrams' or 'splitter', found "
        "'encodr'. Did you mean 'encoder'?",
    ),
    case(
        "engine-that-is-not-there",
        ("engine: openai", "¦engine: transformer"),
        says="spec.models.llm.engine: expected 'openai', 'ray_llm', 'replay' or 'transformers', "
        "found 'transformer'. Did you mean 'transformers'?",
    ),
    case(
        "kind-of-stage-that-is-not-there",
        ("kind: verify", "¦kind: 'os:system'"),
        says="spec.flow[3].kind: expected 'advise', 'assign', 'classify', 'decompose', "
        "'for_each', 'gate', 'read', 'rerank', 'retrieve', 'synthesise', 'verify' or 'weigh', "
        "found 'os:system'. Use one of these.",
    ),
    case(
        "source-is-a-bare-word",
        ("source: embedded", "¦source: minilm"),
        says="spec.models.slm.source: expected 'embedded', a directory that starts with '/', './' "
        "or '../', or 'org/name', found 'minilm'.",
    ),
    case(
        "precision-that-is-not-there",
        ("precision: int8", "¦precision: int4"),
        says="spec.models.slm.precision: expected 'int8' or 'float32', found 'int4'. "
        "Did you mean 'int8'?",
    ),
    case(
        "number-in-quotes",
        ("max_size: 64", "¦max_size: '64'"),
        says="spec.models.slm.batch.max_size: expected a whole number from 1 to 1024, found '64'. "
        "Write the number without quotes or units.",
    ),
    case(
        "number-with-a-unit",
        ("max_wait_ms: 4", "¦max_wait_ms: 4ms"),
        says="max_wait_ms: expected a number from 0 to 1000, found '4ms'. Write the number",
    ),
    case(
        "fraction-for-a-whole-number",
        ("max_size: 64", "¦max_size: 64.5"),
        says="expected a whole number from 1 to 1024, found the number 64.5.",
    ),
    case(
        "boolean-for-a-number",
        ("max_size: 64", "¦max_size: true"),
        says="expected a whole number from 1 to 1024, found the boolean true.",
    ),
    case(
        "number-below-its-limit",
        ("max_size: 64", "¦max_size: 0"),
        says="expected a whole number from 1 to 1024, found the number 0. Change the value.",
    ),
    case(
        "number-above-its-limit",
        ("max_wait_ms: 4", "¦max_wait_ms: 1000.5"),
        says="expected a number from 0 to 1000, found the number 1000.5.",
    ),
    case(
        "negative-price",
        ("input_usd_per_million: 1", "¦input_usd_per_million: -1"),
        says="expected a number of at least 0, found the number -1.",
    ),
    case(
        "no-time-at-all",
        ("      price:", "      ¦timeout_s: 0\n      price:"),
        says="timeout_s: expected a number above 0, at most 600, found the number 0.",
    ),
    case(
        "norway",
        ("{llm_share: 0.15}", "{¦llm_share: no}"),
        says="spec.deferral.budget.llm_share: expected a number from 0 to 1, found 'no'.",
    ),
    case(
        "number-with-underscores",
        ("      price:", "      ¦cache_entries: 10_000\n      price:"),
        says="expected a whole number from 0 to 1000000, found '10_000'.",
    ),
    case(
        "share-in-percent",
        ("{llm_share: 0.15}", "{¦llm_share: 15}"),
        says="expected a number from 0 to 1, found the number 15.",
    ),
    case(
        "score-that-is-not-there",
        ("score: auto", "¦score: entropy"),
        says="spec.deferral.score: expected 'auto', 'max_prob', 'margin', 'agreement' or 'head', "
        "found 'entropy'.",
    ),
    case(
        "index-that-is-not-there",
        ("index: error_cases", "¦index: documents"),
        says="spec.flow[2].index: expected 'corpus', 'error_cases' or 'target', found 'documents'.",
    ),
    case(
        "stage-is-text",
        (TRIAGE, "    - ¦triage\n"),
        (KEEP + SIMILAR, ""),
        (", evidence: similar", ""),
        (SLM, ""),
        says="spec.flow[0]: expected a mapping, found 'triage'.",
    ),
    case(
        "stage-name-with-a-space",
        ("{name: decide", "{¦name: de cide"),
        says="spec.flow[3].name: expected a name",
    ),
    case(
        "literal-key",
        ("api_key: {env: OPENAI_API_KEY}", "¦api_key: correct-horse-battery"),
        says="spec.models.llm.api_key: a key is written into the file. Write {env: NAME} or "
        "{file: PATH}, and replace the key if others have seen it.",
    ),
    case(
        "number-as-key",
        ("api_key: {env: OPENAI_API_KEY}", "¦api_key: 8675309"),
        says="api_key: expected a mapping of 1 key, found a value that is not shown.",
    ),
    case(
        "key-in-place-of-a-variable",
        ("{env: OPENAI_API_KEY}", "{¦env: correct-horse-battery}"),
        says="api_key.env: expected the name of an environment variable, found a value that is "
        "not shown.",
    ),
    case(
        "secret-from-two-places",
        ("api_key: {env: OPENAI_API_KEY}", "¦api_key: {env: KEY, file: /run/key}"),
        says="api_key: it needs one of 'env' and 'file'. Write {env: NAME} or {file: PATH}.",
    ),
    case(
        "secret-from-nowhere",
        ("api_key: {env: OPENAI_API_KEY}", "¦api_key: {}"),
        says="api_key: it needs one of 'env' and 'file'.",
    ),
    case(
        "secret-from-a-relative-file",
        ("{env: OPENAI_API_KEY}", "{¦file: key.txt}"),
        says="api_key.file: expected an absolute path, found a value that is not shown.",
    ),
    case(
        "key-in-place-of-a-description",
        ("description: Fits?", "¦description: sk-proj-abcdef0123456789"),
        says="metadata.description: this looks like a secret.",
    ),
    case(
        "address-of-another-protocol",
        ("      price:", "      ¦base_url: ftp://host/v1\n      price:"),
        says="base_url: expected an http or https address without user, query or fragment.",
    ),
    case(
        "address-with-a-password",
        ("      price:", "      ¦base_url: https://me:canary@host/v1\n      price:"),
        says="base_url: expected an http or https address without user, query or fragment.",
    ),
    case(
        "address-with-a-bad-port",
        ("      price:", "      ¦base_url: http://host:99999/v1\n      price:"),
        says="base_url: expected an http or https address",
    ),
]

RULES = [
    case(
        "one-label-for-a-match",
        ("labels: [mismatch, match]", "¦labels: [match]"),
        says="spec.task.labels: match_description needs exactly 2 labels, found 1.",
    ),
    case(
        "no-labels-for-a-level",
        ("{operation: match_description, labels: [mismatch, match]}", "{¦operation: level}"),
        says="spec.task.operation: level needs 2 to 200 labels, found 0.",
    ),
    case(
        "labels-for-causes",
        ("match_description, labels", "rank_causes, ¦labels"),
        says="spec.task.labels: rank_causes takes no labels.",
    ),
    case(
        "label-twice",
        ("match_description, labels: [mismatch, match]", "level, labels: [info, warn, ¦info]"),
        says="spec.task.labels[2]: the label 'info' is there twice.",
    ),
    case(
        "revision-without-a-hub",
        ("      precision", "      ¦revision: main\n      precision"),
        says="spec.models.slm.revision: a revision needs a source on the hub.",
    ),
    case(
        "replicas-inline",
        ("      precision", "      ¦replicas: {max: 2}\n      precision"),
        says="spec.models.slm.replicas: 'replicas' needs placement: deployment.",
    ),
    case(
        "resources-inline",
        ("      precision", "      placement: inline\n      ¦resources: {cpu: 2}\n      precision"),
        says="spec.models.slm.resources: 'resources' needs placement: deployment.",
    ),
    case(
        "replicas-in-the-wrong-order",
        (
            "      precision",
            "      placement: deployment\n      ¦replicas: {min: 3}\n      precision",
        ),
        says="spec.models.slm.replicas: 'min' is more than 'max'. Raise max, or lower min.",
    ),
    case(
        "encoder-at-rest",
        ("      precision", f"      {PLACED}\n      replicas: {{¦min: 0}}\n      precision"),
        says="spec.models.slm.replicas.min: expected a whole number from 1 to 64, found the "
        "number 0.",
    ),
    case(
        "accelerator-without-a-gpu",
        (
            "      precision",
            f"      {PLACED}\n      resources: {{¦accelerator: L4}}\n      precision",
        ),
        says="spec.models.slm.resources.accelerator: an accelerator is reserved with a GPU. "
        "Add gpu: 1, or remove it.",
    ),
    case(
        "one-gpu-and-a-half",
        ("      precision", f"      {PLACED}\n      resources: {{¦gpu: 1.5}}\n      precision"),
        says="spec.models.slm.resources.gpu: more than one GPU is a whole number of them. "
        "Write 1 or 2.",
    ),
    case(
        "label-that-is-a-number",
        (
            "      precision",
            f"      {PLACED}\n      resources: {{labels: {{¦zone: 3}}}}\n      precision",
        ),
        says="spec.models.slm.resources.labels.zone: expected text that is not blank, found the "
        "number 3.",
    ),
    case(
        "embedded-large-model",
        (ENGINE, "engine: transformers\n      ¦source: embedded\n"),
        says="spec.models.llm.source: no large model is installed with Headgate.",
    ),
    case(
        "weights-without-a-source",
        ("    llm:", "    ¦llm:"),
        (ENGINE, "engine: transformers\n"),
        says="spec.models.llm: missing key 'source'. Add it.",
    ),
    case(
        "revision-of-a-directory",
        (ENGINE, "engine: transformers\n      source: ./weights\n      ¦revision: main\n"),
        says="spec.models.llm.revision: a revision needs a source on the hub.",
    ),
    case(
        "large-model-that-is-inline-and-scales",
        (
            ENGINE,
            "engine: transformers\n      source: org/name\n      placement: inline\n"
            "      ¦scaling: {busy: 0.5}\n",
        ),
        says="spec.models.llm.scaling: 'scaling' needs placement: deployment.",
    ),
    case(
        "key-of-an-endpoint-for-weights",
        (ENGINE, "engine: transformers\n      source: org/name\n      ¦base_url: http://a/v1\n"),
        says="spec.models.llm.base_url: unknown key 'base_url'.",
    ),
    case(
        "model-in-the-cluster-by-a-relative-directory",
        (ENGINE, "engine: ray_llm\n      ¦model: ./weights\n"),
        says="spec.models.llm.model: it is neither a hub id nor a directory that every GPU node "
        "has. Write 'org/name', or an absolute directory.",
    ),
    case(
        "model-in-the-cluster-by-a-bare-name",
        (ENGINE, "engine: ray_llm\n      ¦model: gpt-4o-mini\n"),
        says="spec.models.llm.model: it is neither a hub id nor a directory that every GPU node "
        "has. Write 'org/name', or an absolute directory.",
    ),
    case(
        "share-of-busy-time-above-all",
        (
            ENGINE,
            "engine: ray_llm\n      model: org/name\n      scaling: {¦busy: 1.5}\n",
        ),
        says="spec.models.llm.scaling.busy: expected a number above 0, at most 1, found the "
        "number 1.5.",
    ),
    case(
        "model-that-is-not-there",
        ("model: slm", "¦model: slmm"),
        says="spec.flow[0].model: no model is named 'slmm'. Did you mean 'slm'?",
    ),
    case(
        "model-that-is-nowhere-near",
        ("model: slm", "¦model: other"),
        says="spec.flow[0].model: no model is named 'other'. Usable here: 'slm'.",
    ),
    case(
        "classify-with-a-large-model",
        ("model: slm}", "¦model: llm}"),
        says="spec.flow[0].model: 'llm' is of kind 'lm', a classify needs 'encoder' or 'ngrams'. "
        "Usable here: 'slm'.",
    ),
    case(
        "verify-with-a-small-model",
        ("model: llm,", "¦model: slm,"),
        (LLM, ""),
        says="spec.flow[3].model: 'slm' is of kind 'encoder', a verify needs 'lm'. "
        "Add one to the models.",
    ),
    case(
        "retrieve-with-a-large-model",
        ("index: error_cases", "index: error_cases, ¦model: llm"),
        says="spec.flow[2].model: 'llm' is of kind 'lm', a retrieve needs 'encoder'.",
    ),
    case(
        "retrieve-without-an-encoder",
        (SLM, "    slm: {kind: ngrams}\n"),
        ("name: similar, kind", "name: similar, ¦kind"),
        says="spec.flow[2].kind: it needs one encoder, and the file has 0. Add an encoder",
    ),
    case(
        "retrieve-with-two-encoders",
        (SLM, SLM + "    other: {kind: encoder}\n"),
        ("name: similar, kind", "name: similar, ¦kind"),
        says="spec.flow[2].kind: it needs one encoder, and the file has 2. Name one with `model`.",
    ),
    case(
        "model-that-is-not-used",
        (SLM, SLM + "    ¦spare: {kind: ngrams}\n"),
        says="spec.models.spare: no stage uses the model 'spare'. Remove it, or use it.",
    ),
    case(
        "stage-name-twice",
        ("{name: keep", "{¦name: triage"),
        says="spec.flow[1].name: a stage before is also named 'triage'.",
    ),
    case(
        "gate-of-nothing",
        ("of: triage", "¦of: triaje"),
        says="spec.flow[1].of: no classify stage before this one is named 'triaje'. "
        "Did you mean 'triage'?",
    ),
    case(
        "gate-of-a-retrieve",
        (KEEP + SIMILAR, SIMILAR + KEEP),
        ("of: triage", "¦of: similar"),
        ("name: triage, kind", "name: triage, ¦kind"),
        says="spec.flow[2].of: no classify stage before this one is named 'similar'. "
        "Usable here: 'triage'.",
    ),
    case(
        "gate-before-its-classify",
        (TRIAGE + KEEP, KEEP + TRIAGE),
        ("kind: gate, of: triage", "¦kind: gate, ¦of: triage"),
        says="spec.flow[0].of: no classify stage before this one is named 'triage'. "
        "Put a classify stage before it.",
    ),
    case(
        "gate-away-from-its-classify",
        (KEEP + SIMILAR, SIMILAR + KEEP),
        ("of: triage", "¦of: triage"),
        says="spec.flow[2].of: a gate comes directly after its classify.",
    ),
    case(
        "two-gates-of-one-classify",
        (KEEP, KEEP + "    - {name: again, kind: gate, ¦of: triage}\n"),
        says="spec.flow[2].of: a gate comes directly after its classify.",
    ),
    case(
        "classify-without-a-gate",
        (KEEP, ""),
        ("kind: classify", "¦kind: classify"),
        says="spec.flow[0].kind: a classify that another stage follows needs a gate.",
    ),
    case(
        "retrieve-first",
        (TRIAGE + KEEP + SIMILAR, SIMILAR),
        ("name: similar, kind", "name: similar, ¦kind"),
        says="spec.flow[0].kind: the first stage is a retrieve. Start the flow with a classify.",
    ),
    case(
        "verify-only",
        (TRIAGE + KEEP + SIMILAR, ""),
        (SLM, ""),
        (", evidence: similar", ""),
        ("name: decide, kind", "name: decide, ¦kind"),
        says="spec.flow[0].kind: the first stage is a verify. Start the flow with a classify.",
    ),
    case(
        "nothing-answers-after-the-gate",
        (SIMILAR + DECIDE, ""),
        (LLM, ""),
        ("kind: gate", "¦kind: gate"),
        ("    budget: {llm_share: 0.15}\n", ""),
        says="spec.flow[1].kind: the gate sends records on, but nothing answers them. "
        "End the flow with a verify or a classify.",
    ),
    case(
        "stage-after-the-verify",
        (DECIDE, DECIDE + "    - {name: late, ¦kind: classify, model: slm}\n"),
        says="spec.flow[4].kind: a verify answers every record, so no record reaches this stage.",
    ),
    case(
        "evidence-that-is-not-there",
        (", evidence: similar", ", ¦evidence: simlar"),
        ("{name: similar", "{¦name: similar"),
        says="spec.flow[3].evidence: no retrieve stage before this one is named 'simlar'. "
        "Did you mean 'similar'?",
    ),
    case(
        "retrieve-that-is-not-used",
        (", evidence: similar", ""),
        ("{name: similar", "{¦name: similar"),
        says="spec.flow[2].name: no later verify uses the evidence of 'similar'.",
    ),
    case(
        "share-without-a-large-model",
        (KEEP + SIMILAR + DECIDE, ""),
        (LLM, ""),
        ("    score: auto\n", ""),
        ("{llm_share", "{¦llm_share"),
        says="spec.deferral.budget.llm_share: a share for the large model needs a verify, and the "
        "flow has none.",
    ),
    case(
        "score-without-a-gate",
        (KEEP + SIMILAR + DECIDE, ""),
        (LLM, ""),
        ("    score", "    ¦score"),
        ("    budget: {llm_share: 0.15}\n", ""),
        says="spec.deferral.score: a score needs a gate, and the flow has none.",
    ),
    case(
        "prompt-that-is-not-there",
        ("prompt: prompts/decide.md", "¦prompt: prompts/decided.md"),
        says="spec.flow[3].prompt: there is no file 'prompts/decided.md'. Check the path.",
    ),
    case(
        "prompt-above-the-folder",
        ("prompt: prompts/decide.md", "¦prompt: ../../etc/passwd"),
        says="spec.flow[3].prompt: a prompt must be below the folder of the file.",
    ),
    case(
        "prompt-elsewhere",
        ("prompt: prompts/decide.md", "¦prompt: /etc/passwd"),
        says="spec.flow[3].prompt: a prompt must be below the folder of the file.",
    ),
    case(
        "prompt-is-a-directory",
        ("prompt: prompts/decide.md", "¦prompt: prompts"),
        says="spec.flow[3].prompt: there is no file 'prompts'.",
    ),
    case(
        "recordings-that-are-not-there",
        (ENGINE, "engine: replay\n      ¦recordings: other.jsonl\n"),
        says="spec.models.llm.recordings: there is no file 'other.jsonl'.",
    ),
]


@pytest.mark.parametrize(("text", "says"), [*KEYS, *VALUES, *RULES])
def test_each_mistake_is_found_at_its_place(refuse, folder, text, says):
    errors, places = refuse(text)

    file = folder / "cascade.yaml"
    assert [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors] == places
    assert any(says in str(error) for error in errors), [str(error) for error in errors]
    assert all(str(error).startswith(f"{file}:") for error in errors)


def test_the_file_that_the_cases_change_is_valid(load):
    assert load(BASE).name == "logs"


def test_every_mistake_of_a_file_is_reported_at_once_by_line(refuse):
    """Keys, types, references, order, files and the YAML itself, in one answer."""
    text = base(
        ("kind: Cascade", "¦kind: Cascde"),
        ("description: Fits?", "¦description: *alias"),
        ("labels: [mismatch, match]", "¦labels: [match]"),
        ("      source: embedded", "      source: embedded\n      ¦source: embedded"),
        ("max_size: 64", "¦maxsize: 64"),
        ("api_key: {env: OPENAI_API_KEY}", "¦api_key: sk-abcdefgh12345678"),
        ("model: slm}", "¦model: slmm}"),
        ("of: triage", "¦of: triag"),
        ("prompt: prompts/decide.md", "¦prompt: no.md"),
        ("llm_share: 0.15", "¦llm_share: 2"),
    ).replace("¦description: *alias", "description: ¦*alias")

    errors, places = refuse(text)

    assert [":".join(error.place.split(": ")[0].split(":")[-2:]) for error in errors] == places
    assert [error.problem for error in errors] == [
        "expected 'Cascade', found 'Cascde'",
        "aliases are not allowed",
        "match_description needs exactly 2 labels, found 1",
        "the key 'source' is there twice",
        "unknown key 'maxsize'",
        "a key is written into the file",
        "no model is named 'slmm'",
        "no classify stage before this one is named 'triag'",
        "there is no file 'no.md'",
        "expected a number from 0 to 1, found the number 2",
    ]


SECRET = "sk-canary-0123456789abcdef"


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("sk-proj-0123456789abcdef", id="openai"),
        pytest.param("'Use hf_0123456789abcdefgh here'", id="inside-a-sentence"),
        pytest.param("ghp_0123456789abcdefgh", id="github"),
        pytest.param("AKIA0123456789ABCDEF", id="aws"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", id="web-token"),
        pytest.param("Bearer 0123456789", id="bearer"),
        pytest.param("s3://me:canary@bucket/x", id="address-with-a-password"),
    ],
)
def test_a_text_that_looks_like_a_secret_is_refused_wherever_it_is(refuse, secret):
    errors, places = refuse(base(("artifact: artifacts/logs", f"¦artifact: {secret}")))

    assert [error.problem for error in errors] == ["this looks like a secret"]
    assert errors[0].place.endswith(f"{places[0]}: spec.artifact")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("{env: OPENAI_API_KEY}", SECRET), id="as-the-key"),
        pytest.param(("{env: OPENAI_API_KEY}", f"[{SECRET}]"), id="in-a-list"),
        pytest.param(("env: OPENAI_API_KEY", f"env: {SECRET}"), id="as-a-variable"),
        pytest.param(("env: OPENAI_API_KEY", f"value: {SECRET}"), id="under-an-unknown-key"),
        pytest.param(("model: gpt-4o-mini", f"model: [{SECRET}]"), id="in-a-wrong-type"),
        pytest.param(("model: slm", f"model: {SECRET}"), id="as-a-reference"),
        pytest.param(("precision: int8", f"precision: {SECRET}"), id="as-a-choice"),
        pytest.param(("name: decide", f"name: {SECRET}"), id="as-a-name"),
        pytest.param(("kind: verify", f"kind: {SECRET}"), id="as-a-kind"),
        pytest.param(("    score", f"    {SECRET}: 1\n    score"), id="as-a-key-of-a-mapping"),
        pytest.param(("    slm:", f"    {SECRET}:"), id="as-a-name-of-a-model"),
        pytest.param(("prompts/decide.md", SECRET), id="as-a-prompt"),
        pytest.param(("[mismatch, match]", f"[{SECRET}, {SECRET}]"), id="as-labels"),
        pytest.param(("domain: logs", f"domain: '{SECRET}"), id="in-broken-yaml"),
        pytest.param(("domain: logs", f"domain: &{SECRET} logs"), id="as-an-anchor"),
        pytest.param(("domain: logs", f"domain: !{SECRET} logs"), id="as-a-tag"),
        pytest.param(("domain: logs", f"domain: logs\n  {SECRET}"), id="without-a-colon"),
    ],
)
def test_a_secret_in_the_wrong_place_is_never_repeated(refuse, change):
    errors, _ = refuse(base(change))

    assert SECRET not in "\n".join(str(error) for error in errors)
    assert SECRET not in repr(errors)

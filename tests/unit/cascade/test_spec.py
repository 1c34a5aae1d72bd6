"""Every documented key: what it is when absent, and that its limits are what is documented."""

import pytest

from headgate.cascade.schema import schema
from headgate.errors import SpecFileError

FULL = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: full, description: Every key there is.}
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: s3://bucket/full
  models:
    fast: {kind: ngrams, buckets: 4096}
    slm:
      kind: encoder
      source: org/name
      revision: abc123
      precision: float32
      placement: deployment
      batch: {max_size: 8, max_wait_ms: 2}
      max_tokens: 128
      replicas: {min: 3, max: 5}
      resources: {cpu: 2, gpu: 0.5, memory_mb: 2048, accelerator: L4, labels: {zone: a}}
      scaling: {batches: 4, up_after_s: 1, down_after_s: 30}
    llm:
      kind: lm
      engine: openai
      model: gpt-4o-mini
      base_url: http://localhost:8000/v1
      api_key: {env: OPENAI_API_KEY}
      max_concurrency: 4
      timeout_s: 12.5
      max_output_tokens: 256
      price: {input_usd_per_million: 0.15, output_usd_per_million: 1}
      cache_entries: 0
  flow:
    - {name: first, kind: classify, model: fast}
    - {name: sure, kind: gate, of: first}
    - {name: second, kind: classify, model: slm}
    - {name: surer, kind: gate, of: second}
    - {name: similar, kind: retrieve, index: error_cases, top_k: 7, model: slm}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}
  deferral:
    score: margin
    certificate: {kind: regret, epsilon: 0.02, delta: 0.1, mode: stream}
    on_uncertified: run_uncertified
    audits: {share: 0.02, max_share: 1, key: {env: AUDIT_KEY}}
    monitor: {alpha: 0.001, score_drift: false, on_alarm: report}
    budget:
      llm_share: 0.3
      usd_per_hour: 5
      burst_usd: 2
      audit_share: 0.2
      per_caller: {llm_share: 0.4, usd_per_hour: 1}
      on_exhausted: reject
"""

OPENAI = FULL[FULL.index("      engine: openai") : FULL.index("      max_concurrency")]
TIMES = "      timeout_s: 12.5\n      max_output_tokens: 256\n"
REPLAY = FULL.replace(
    OPENAI,
    "      engine: replay\n      recordings: answers.jsonl\n      model: gpt-4o-mini\n",
).replace(TIMES, "")

LOCAL = FULL.replace(
    OPENAI + "      max_concurrency: 4\n" + TIMES,
    """\
      engine: transformers
      source: ./weights
      precision: float32
      placement: deployment
      max_concurrency: 4
      timeout_s: 90
      max_output_tokens: 256
      replicas: {min: 0, max: 6}
      resources: {cpu: 4, gpu: 2, memory_mb: 8192, accelerator: A100, labels: {zone: b}}
      scaling: {busy: 0.5, up_after_s: 3, down_after_s: 45, zero_after_s: 600}
""",
)
"""A large model whose weights are here, in replicas of its own."""

IN_CLUSTER = FULL.replace(
    OPENAI + "      max_concurrency: 4\n" + TIMES,
    """\
      engine: ray_llm
      model: org/name
      accelerator: H100
      gpus: 4
      context_tokens: 16384
      max_concurrency: 4
      timeout_s: 90
      max_output_tokens: 256
      replicas: {min: 1, max: 6}
      scaling: {busy: 0.5, up_after_s: 3, down_after_s: 45, zero_after_s: 600}
""",
)
"""A large model that the cluster runs with vLLM."""

AGREEING = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: agreeing}
spec:
  domain: logs
  task: {operation: level, labels: [disk, net]}
  artifact: fitted
  models:
    fast: {kind: ngrams}
    slm: {kind: encoder}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: first, kind: classify, model: fast}
    - {name: sure, kind: gate, of: first}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md}
  deferral:
    score: agreement
    second_model: slm
    certificate: {kind: agree, epsilon: 0.05}
    groups: [predicted_class]
"""
"""Two small models that have to agree, and a certificate for each predicted label."""

RARE = (
    AGREEING[: AGREEING.index("  deferral:")].replace("    slm: {kind: encoder}\n", "")
    + """\
  deferral:
    certificate: {kind: two_sided, rare_class: {label: disk, miss: 0.1, false_alarm: 0.2}}
"""
)
"""A certificate where one of two labels is rare."""

TABLES = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: tables}
spec:
  domain: schemas
  task: {operation: match_columns}
  artifact: fitted
  models:
    slm: {kind: encoder, tuning: {augmentation: answers.jsonl}}
    llm: {kind: lm, engine: openai, model: some}
  flow:
    - name: columns
      kind: for_each
      flow:
        - {name: found, kind: retrieve, index: target, model: slm, top_k: 12}
        - {name: sure, kind: gate, of: found}
        - name: judge
          kind: rerank
          model: llm
          prompt: prompts/decide.md
          of: found
          items_per_prompt: 3
    - {name: match, kind: assign, of: columns, unmatched_price: 0.3}
"""
"""The columns of tables, each by itself, then pairs of all of them."""

QUESTIONS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: questions}
spec:
  domain: questions
  task: {operation: answer_questions}
  artifact: fitted
  models:
    embedder: {kind: encoder}
    splitter: {kind: splitter, source: org/name, revision: abc123, decompositions: answers.jsonl}
    slm: {kind: lm, engine: replay, recordings: answers.jsonl}
    llm: {kind: lm, engine: replay, recordings: answers.jsonl}
  flow:
    - {name: plan, kind: decompose, model: splitter, max_steps: 4}
    - {name: passages, kind: retrieve, index: corpus, corpus: ./towns, top_k: 11, plan: plan}
    - {name: direct, kind: read, model: slm, prompt: prompts/decide.md, evidence: passages}
    - {name: sure, kind: gate, of: direct}
    - name: steps
      kind: for_each
      of: plan
      flow:
        - {name: found, kind: retrieve, index: corpus, corpus: /data/towns, model: embedder}
        - {name: answer, kind: read, model: slm, prompt: prompts/decide.md, evidence: found}
        - {name: weak, kind: gate, of: answer, share: 0.6}
        - name: check
          kind: verify
          model: llm
          prompt: prompts/decide.md
          evidence: found
          widen: 4
    - {name: final, kind: synthesise, model: llm, prompt: prompts/decide.md, of: steps}
  deferral: {certificate: {kind: regret, epsilon: 0.1}}
"""
"""Questions as they are, then the steps of their plans."""

NEWS = """\
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
    - {name: sure, kind: gate, of: quick}
    - {name: similar, kind: retrieve, index: error_cases}
    - name: views
      kind: advise
      model: llm
      perspectives: {style: prompts/decide.md, common_sense: prompts/./decide.md}
      evidence: similar
    - {name: fused, kind: weigh, of: views}
"""
"""Short texts, about which a large model advises."""

PLAIN = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: plain}
spec:
  domain: logs
  task: {operation: match_description, labels: [mismatch, match]}
  artifact: fitted
  models:
    fast: {kind: ngrams}
    slm: {kind: encoder}
    llm: {kind: lm, engine: openai, model: some}
  flow:
    - {name: first, kind: classify, model: fast}
    - {name: sure, kind: gate, of: first}
    - {name: similar, kind: retrieve, index: error_cases}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md, evidence: similar}
"""


def test_every_key_of_a_file_is_kept_as_written(load):
    spec = load(FULL).spec

    slm, llm = spec.models["slm"], spec.models["llm"]
    assert load(FULL).document.metadata.description == "Every key there is."
    assert spec.models["fast"].buckets == 4096
    assert (slm.source, slm.revision, slm.precision) == ("org/name", "abc123", "float32")
    assert (slm.placement, slm.replicas.min, slm.max_tokens) == ("deployment", 3, 128)
    assert (slm.batch.max_size, slm.batch.max_wait_ms) == (8, 2.0)
    assert (slm.resources.cpu, slm.resources.gpu, slm.resources.memory_mb) == (2.0, 0.5, 2048)
    assert (llm.model, llm.base_url, llm.api_key.env) == (
        "gpt-4o-mini",
        "http://localhost:8000/v1",
        "OPENAI_API_KEY",
    )
    assert (llm.max_concurrency, llm.timeout_s, llm.max_output_tokens) == (4, 12.5, 256)
    assert (llm.price.input_usd_per_million, llm.price.output_usd_per_million) == (0.15, 1.0)
    assert llm.cache_entries == 0
    assert [stage.kind for stage in spec.flow] == ["classify", "gate"] * 2 + ["retrieve", "verify"]
    assert (spec.flow[4].top_k, spec.flow[4].model, spec.flow[5].evidence) == (7, "slm", "similar")


def test_every_key_of_a_deferral_is_kept_as_written(load):
    deferral = load(FULL).spec.deferral

    stated, audits, monitor = deferral.certificate, deferral.audits, deferral.monitor
    assert deferral.score == "margin"
    assert (stated.kind, stated.epsilon, stated.delta, stated.mode) == (
        "regret",
        0.02,
        0.1,
        "stream",
    )
    assert deferral.on_uncertified == "run_uncertified"
    assert (audits.share, audits.max_share, audits.key.env) == (0.02, 1.0, "AUDIT_KEY")
    assert (monitor.alpha, monitor.score_drift, monitor.on_alarm) == (0.001, False, "report")


def test_every_key_of_a_budget_is_kept_as_written(load):
    deferral = load(FULL).spec.deferral

    budget, caller = deferral.budget, deferral.budget.per_caller
    assert (budget.llm_share, budget.usd_per_hour, budget.burst_usd) == (0.3, 5.0, 2.0)
    assert (budget.audit_share, budget.on_exhausted) == (0.2, "reject")
    assert (caller.llm_share, caller.usd_per_hour) == (0.4, 1.0)
    assert deferral.share == 0.3


def test_a_second_model_and_groups_are_kept_as_written(load):
    deferral = load(AGREEING).spec.deferral

    assert (deferral.score, deferral.second_model) == ("agreement", "slm")
    assert deferral.groups == ("predicted_class",)


def test_a_rare_class_is_kept_as_written(load):
    stated = load(RARE).spec.deferral.certificate

    rare = stated.rare_class
    assert (stated.kind, stated.epsilon) == ("two_sided", None)
    assert (rare.label, rare.miss, rare.false_alarm) == ("disk", 0.1, 0.2)


def test_every_key_of_a_flow_of_columns_is_kept_as_written(load):
    spec = load(TABLES).spec

    found, sure, judge = spec.unit_flow
    columns, match = spec.flow
    assert (columns.kind, columns.flow) == ("for_each", spec.unit_flow)
    assert (found.kind, found.index, found.model, found.top_k) == ("retrieve", "target", "slm", 12)
    assert (sure.kind, sure.of) == ("gate", "found")
    assert (judge.kind, judge.model, judge.of, judge.items_per_prompt) == (
        "rerank",
        "llm",
        "found",
        3,
    )
    assert (match.kind, match.of, match.unmatched_price) == ("assign", "columns", 0.3)
    assert spec.models["slm"].tuning.augmentation == "answers.jsonl"


def test_a_flow_of_columns_says_what_answers_and_what_decides(load):
    spec, plain = load(TABLES).spec, load(PLAIN).spec

    assert spec.for_each is spec.flow[0]
    assert (spec.answering, spec.deciding) == ([spec.unit_flow[0]], spec.unit_flow[2])
    assert spec.model_of(spec.answering[0]) == "slm"
    assert (plain.for_each, plain.unit_flow) == (None, plain.flow)
    assert (plain.answering, plain.deciding) == ([plain.flow[0]], plain.flow[3])
    assert plain.model_of(plain.answering[0]) == "fast"


def test_absent_keys_of_a_flow_of_columns_have_the_documented_defaults(load):
    text = TABLES.replace(", model: slm, top_k: 12", "").replace(", unmatched_price: 0.3", "")
    text = text.replace("          items_per_prompt: 3\n", "")

    spec = load(text).spec

    found, _, judge = spec.unit_flow
    assert (found.model, found.top_k, judge.items_per_prompt) == (None, 20, 4)
    assert spec.flow[1].unmatched_price == 0.45
    assert spec.model_of(found) == "slm"
    assert load(PLAIN).spec.models["slm"].tuning is None


def test_every_key_of_a_flow_of_questions_is_kept_as_written(load):
    spec = load(QUESTIONS).spec

    plan, passages, direct, sure, steps, final = spec.flow
    assert (plan.kind, plan.model, plan.prompt, plan.max_steps) == (
        "decompose",
        "splitter",
        None,
        4,
    )
    assert (passages.index, passages.corpus, passages.top_k, passages.plan) == (
        "corpus",
        "./towns",
        11,
        "plan",
    )
    assert (direct.kind, direct.model, direct.evidence) == ("read", "slm", "passages")
    assert (sure.of, sure.share) == ("direct", None)
    assert (steps.kind, steps.of, steps.flow) == ("for_each", "plan", spec.step_flow)
    assert (final.kind, final.model, final.of) == ("synthesise", "llm", "steps")


def test_every_key_of_steps_and_of_their_splitter_is_kept_as_written(load):
    spec = load(QUESTIONS).spec

    found, answer, weak, check = spec.step_flow
    splitter = spec.models["splitter"]
    assert (found.corpus, found.model) == ("/data/towns", "embedder")
    assert (answer.evidence, weak.of, weak.share) == ("found", "answer", 0.6)
    assert (check.kind, check.evidence, check.widen) == ("verify", "found", 4)
    assert (splitter.source, splitter.revision) == ("org/name", "abc123")
    assert splitter.decompositions == "answers.jsonl"


def test_a_flow_of_questions_says_what_answers_and_what_decides(load):
    """Steps are answered on the way: questions are the units."""
    spec = load(QUESTIONS).spec

    names = [stage.name for stage in spec.unit_flow]
    assert names == ["plan", "passages", "direct", "sure", "final"]
    assert ([each.name for each in spec.answering], spec.deciding) == (["direct"], spec.flow[5])
    assert (spec.model_of(spec.answering[0]), spec.encoder_of(spec.flow[1])) == ("slm", "embedder")
    assert (load(TABLES).spec.step_flow, load(PLAIN).spec.step_flow) == ((), ())


def test_files_of_questions_are_found_beside_the_cascade_file(load, folder):
    loaded = load(QUESTIONS)

    assert loaded.decompositions == {"splitter": str(folder / "answers.jsonl")}
    assert loaded.corpora == {"./towns": str(folder / "towns"), "/data/towns": "/data/towns"}
    assert (loaded.sources["splitter"], loaded.sources["embedder"]) == ("org/name", "embedded")
    assert set(loaded.prompts) == {"direct", "answer", "check", "final"}


def test_absent_keys_of_a_flow_of_questions_have_the_documented_defaults(load):
    text = QUESTIONS
    for given in (
        ", max_steps: 4",
        ", top_k: 11, plan: plan",
        ", share: 0.6",
        "          widen: 4\n",
    ):
        assert given in text
        text = text.replace(given, "")
    text = text.replace("source: org/name, revision: abc123, ", "")

    spec = load(text).spec

    plan, passages, *_ = spec.flow
    found, _, weak, check = spec.step_flow
    splitter = spec.models["splitter"]
    assert (plan.max_steps, passages.top_k, passages.plan, found.top_k) == (8, 10, None, 10)
    assert (weak.share, check.widen, splitter.source) == (None, None, "embedded")


def test_every_key_of_a_flow_of_news_is_kept_as_written(load):
    spec = load(NEWS).spec

    *_, views, fused = spec.flow
    assert (spec.domain, spec.task.labels) == ("news", ("real", "fake"))
    assert (views.kind, views.model, views.evidence) == ("advise", "llm", "similar")
    assert list(views.perspectives.items()) == [
        ("style", "prompts/decide.md"),
        ("common_sense", "prompts/./decide.md"),
    ]
    assert (fused.kind, fused.name, fused.of) == ("weigh", "fused", "views")


def test_a_flow_of_news_says_what_answers_what_decides_and_what_weighs(load):
    """What weighs runs with what advises, so no unit passes it by itself."""
    spec, plain = load(NEWS).spec, load(PLAIN).spec

    assert [stage.name for stage in spec.unit_flow] == ["quick", "sure", "similar", "views"]
    assert (spec.answering, spec.deciding) == ([spec.flow[0]], spec.flow[3])
    assert (spec.weighing, plain.weighing) == (spec.flow[4], None)


def test_advice_without_past_cases_names_none(load):
    text = NEWS.replace("    - {name: similar, kind: retrieve, index: error_cases}\n", "")

    assert load(text.replace("      evidence: similar\n", "")).spec.deciding.evidence is None


def test_every_key_of_a_replay_model_is_kept_as_written(load):
    llm = load(REPLAY).spec.models["llm"]

    assert (llm.recordings, llm.model, llm.cache_entries) == ("answers.jsonl", "gpt-4o-mini", 0)


def test_every_key_of_a_placement_is_kept_as_written(load):
    slm = load(FULL).spec.models["slm"]

    assert (slm.replicas.min, slm.replicas.max) == (3, 5)
    assert (slm.resources.accelerator, dict(slm.resources.labels)) == ("L4", {"zone": "a"})
    scaling = slm.scaling
    assert (scaling.batches, scaling.up_after_s, scaling.down_after_s) == (4.0, 1.0, 30.0)


def test_every_key_of_weights_that_are_here_is_kept_as_written(load, folder):
    loaded = load(LOCAL)

    llm = loaded.spec.models["llm"]
    assert loaded.sources["llm"] == str(folder / "weights")
    assert (llm.source, llm.precision, llm.placement) == ("./weights", "float32", "deployment")
    assert (llm.max_concurrency, llm.timeout_s, llm.max_output_tokens) == (4, 90.0, 256)
    assert (llm.replicas.min, llm.replicas.max) == (0, 6)
    resources, scaling = llm.resources, llm.scaling
    assert (resources.cpu, resources.gpu, resources.memory_mb) == (4.0, 2.0, 8192)
    assert (resources.accelerator, dict(resources.labels)) == ("A100", {"zone": "b"})
    assert (scaling.busy, scaling.up_after_s) == (0.5, 3.0)
    assert (scaling.down_after_s, scaling.zero_after_s) == (45.0, 600.0)


def test_every_key_of_a_model_in_the_cluster_is_kept_as_written(load):
    loaded = load(IN_CLUSTER)

    llm = loaded.spec.models["llm"]
    assert (llm.model, llm.accelerator, llm.gpus) == ("org/name", "H100", 4)
    assert (llm.context_tokens, llm.replicas.min, llm.replicas.max) == (16384, 1, 6)
    assert (llm.timeout_s, llm.scaling.zero_after_s) == (90.0, 600.0)
    assert "llm" not in loaded.sources


def test_absent_keys_of_placed_large_models_have_the_documented_defaults(load):
    text = PLAIN.replace("engine: openai, model: some", "engine: transformers, source: org/name")
    llm = load(text).spec.models["llm"]
    text = PLAIN.replace("engine: openai, model: some", "engine: ray_llm, model: org/name")
    other = load(text).spec.models["llm"]

    assert (llm.revision, llm.precision, llm.placement) == (None, "bfloat16", "deployment")
    assert (llm.resources.cpu, llm.resources.gpu) == (1.0, 0.0)
    assert (other.accelerator, other.gpus, other.context_tokens) == (None, 1, None)
    for each in (llm, other):
        scaling = each.scaling
        assert (each.replicas.min, each.replicas.max) == (0, 1)
        assert (each.timeout_s, each.max_output_tokens) == (120.0, 512)
        assert (scaling.busy, scaling.up_after_s) == (0.7, 1.0)
        assert (scaling.down_after_s, scaling.zero_after_s) == (60.0, 300.0)


def test_absent_keys_have_the_documented_defaults(load):
    spec = load(PLAIN).spec

    slm, llm = spec.models["slm"], spec.models["llm"]
    assert spec.models["fast"].buckets == 262144
    assert (slm.source, slm.revision, slm.precision) == ("embedded", None, "int8")
    assert (slm.placement, slm.replicas.max, slm.max_tokens) == ("inline", 1, 256)
    assert (slm.batch.max_size, slm.batch.max_wait_ms) == (64, 4.0)
    assert (slm.replicas.min, slm.resources.cpu, slm.resources.gpu) == (1, 1.0, 0.0)
    assert (slm.resources.memory_mb, slm.resources.accelerator) == (None, None)
    assert dict(slm.resources.labels) == {}
    scaling = slm.scaling
    assert (scaling.batches, scaling.up_after_s, scaling.down_after_s) == (2.0, 2.0, 60.0)
    assert (llm.base_url, llm.api_key, llm.price) == (None, None, None)
    assert (llm.max_concurrency, llm.timeout_s, llm.max_output_tokens) == (32, 30.0, 512)
    assert llm.cache_entries == 10_000
    assert spec.flow[2].top_k == 5
    assert spec.encoder_of(spec.flow[2]) == "slm"


def test_absent_keys_of_a_deferral_have_the_documented_defaults(load):
    deferral = load(PLAIN).spec.deferral

    budget, monitor = deferral.budget, deferral.monitor
    assert (deferral.score, deferral.second_model, deferral.groups) == ("auto", None, ())
    assert (deferral.certificate, deferral.on_uncertified) == (None, "pass_through")
    assert (monitor.alpha, monitor.score_drift, monitor.on_alarm) == (1e-6, True, "tighten")
    assert deferral.audits is None
    assert (budget.llm_share, budget.usd_per_hour, budget.burst_usd) == (None, None, None)
    assert (budget.audit_share, budget.per_caller, budget.on_exhausted) == (0.1, None, "degrade")
    assert deferral.share == 0.15


def test_absent_keys_of_a_certificate_and_its_audits_have_the_documented_defaults(load):
    text = PLAIN + "  deferral: {certificate: {kind: agree, epsilon: 0.1}, audits: {}}\n"

    deferral = load(text).spec.deferral

    assert (deferral.certificate.delta, deferral.certificate.mode) == (0.05, "stream")
    assert deferral.certificate.rare_class is None
    assert (deferral.audits.share, deferral.audits.max_share) == (0.01, 0.25)
    assert deferral.audits.key is None


def test_the_files_together_name_every_key_of_the_models():
    engines = FULL + REPLAY + LOCAL + IN_CLUSTER
    text = engines + AGREEING + RARE + TABLES + QUESTIONS + NEWS + "file: "
    documented = {key for node in schema()["$defs"].values() for key in node["properties"]}

    assert [
        key for key in sorted(documented) if f"{key}: " not in text and f"{key}:\n" not in text
    ] == []


LIMITS = [
    pytest.param("max_size: 8", "max_size: {}", (1, 1024), (0, 1025), id="batch-max-size"),
    pytest.param("max_wait_ms: 2", "max_wait_ms: {}", (0, 1000), (-1, 1001), id="batch-max-wait"),
    pytest.param("max_tokens: 128", "max_tokens: {}", (16, 512), (15, 513), id="max-tokens"),
    pytest.param("{min: 3, max: 5}", "{{min: {}, max: 64}}", (1, 64), (0, 65), id="replicas"),
    pytest.param("cpu: 2", "cpu: {}", (0.1, 64), (0, -1), id="cpu"),
    pytest.param("gpu: 0.5", "gpu: {}", (0.1, 8), (-0.1, -1), id="gpu"),
    pytest.param("memory_mb: 2048", "memory_mb: {}", (1, 10**6), (0, -1), id="memory"),
    pytest.param("buckets: 4096", "buckets: {}", (1024, 4194304), (1023, 4194305), id="buckets"),
    pytest.param("rrency: 4", "rrency: {}", (1, 1024), (0, 1025), id="max-concurrency"),
    pytest.param("timeout_s: 12.5", "timeout_s: {}", (0.1, 600), (0, 600.1), id="timeout"),
    pytest.param("tokens: 256", "tokens: {}", (1, 8192), (0, 8193), id="max-output-tokens"),
    pytest.param("million: 0.15", "million: {}", (0, 1000), (-0.1, -1), id="input-price"),
    pytest.param("million: 1", "million: {}", (0, 1000), (-0.1, -1), id="output-price"),
    pytest.param("entries: 0", "entries: {}", (0, 10**6), (-1, 10**6 + 1), id="cache-entries"),
    pytest.param("top_k: 7", "top_k: {}", (1, 100), (0, 101), id="top-k"),
    pytest.param("share: 0.3", "share: {}", (0, 1), (-0.1, 1.1), id="llm-share"),
    pytest.param("epsilon: 0.02", "epsilon: {}", (0.001, 0.999), (0, 1), id="epsilon"),
    pytest.param("delta: 0.1", "delta: {}", (0.001, 0.499), (0, 0.5), id="delta"),
    pytest.param("{share: 0.02", "{{share: {}", (0.001, 1), (0, 1.1), id="audits"),
    pytest.param("max_share: 1", "max_share: {}", (0.02, 1), (0, 1.1), id="most-audits"),
    pytest.param("alpha: 0.001", "alpha: {}", (1e-09, 0.01), (0, 0.011), id="alpha"),
    pytest.param("per_hour: 5", "per_hour: {}", (0.001, 10**6), (0, -1), id="usd-per-hour"),
    pytest.param("burst_usd: 2", "burst_usd: {}", (0.001, 10**6), (0, -1), id="burst"),
    pytest.param("audit_share: 0.2", "audit_share: {}", (0, 0.999), (-0.1, 1), id="audit-share"),
    pytest.param("share: 0.4", "share: {}", (0, 1), (-0.1, 1.1), id="share-of-a-caller"),
    pytest.param("per_hour: 1}", "per_hour: {}}}", (0.001, 10**6), (0, -1), id="usd-of-a-caller"),
    pytest.param("miss: 0.1", "miss: {}", (0.001, 0.999), (0, 1), id="miss"),
    pytest.param("top_k: 12", "top_k: {}", (1, 100), (0, 101), id="candidates"),
    pytest.param("_prompt: 3", "_prompt: {}", (1, 10), (0, 11), id="columns-in-a-prompt"),
    pytest.param("_price: 0.3", "_price: {}", (0.001, 0.999), (0, 1), id="unmatched-price"),
    pytest.param("top_k: 11", "top_k: {}", (1, 100), (0, 101), id="passages"),
    pytest.param("max_steps: 4", "max_steps: {}", (1, 8), (0, 9), id="steps"),
    pytest.param("share: 0.6", "share: {}", (0, 1), (-0.1, 1.1), id="share-of-steps"),
    pytest.param("widen: 4", "widen: {}", (1, 10), (0, 11), id="widen"),
    pytest.param("alarm: 0.2", "alarm: {}", (0.001, 0.999), (0, 1), id="false-alarm"),
    pytest.param("batches: 4", "batches: {}", (0.1, 64), (0, 65), id="batches"),
    pytest.param("after_s: 1,", "after_s: {},", (0, 3600), (-1, 3601), id="up-after"),
    pytest.param("after_s: 30}", "after_s: {}}}", (0, 86400), (-1, 86401), id="down-after"),
    pytest.param("busy: 0.5", "busy: {}", (0.01, 1), (0, 1.1), id="busy"),
    pytest.param("zero_after_s: 600", "zero_after_s: {}", (0, 86400), (-1, 86401), id="zero-after"),
    pytest.param("{min: 0, max: 6}", "{{min: {}, max: 64}}", (0, 64), (-1, 65), id="lm-replicas"),
    pytest.param("gpus: 4", "gpus: {}", (1, 64), (0, 65), id="gpus"),
    pytest.param("ext_tokens: 16384", "ext_tokens: {}", (256, 2**20), (255, 2**21), id="context"),
]


@pytest.mark.parametrize(("old", "new", "allowed", "refused"), LIMITS)
def test_a_number_is_accepted_up_to_its_limits_and_not_beyond(load, old, new, allowed, refused):
    text = next(each for each in (RARE, TABLES, QUESTIONS, FULL, LOCAL, IN_CLUSTER) if old in each)
    assert text.count(old) == 1

    for number in allowed:
        load(text.replace(old, new.format(number)))
    for number in refused:
        with pytest.raises(SpecFileError, match=f"found the number {number}"):
            load(text.replace(old, new.format(number)))


@pytest.mark.parametrize(
    ("operation", "labels", "fits"),
    [
        pytest.param("match_description", 2, True, id="match-two"),
        pytest.param("match_description", 3, False, id="match-three"),
        pytest.param("level", 2, True, id="level-two"),
        pytest.param("level", 1, False, id="level-one"),
        pytest.param("module", 200, True, id="module-200"),
        pytest.param("module", 201, False, id="module-201"),
        pytest.param("classify_lines", 3, True, id="lines-three"),
        pytest.param("classify_lines", 0, False, id="lines-none"),
        pytest.param("rank_causes", 1, False, id="causes-one"),
        pytest.param("rank_causes", 0, False, id="causes-with-an-empty-list"),
    ],
)
def test_each_operation_has_its_number_of_labels(load, operation, labels, fits):
    names = ", ".join(f"label{number}" for number in range(labels))
    task = f"task: {{operation: {operation}, labels: [{names}]}}"
    text = PLAIN.replace(PLAIN.split("\n")[5].strip(), task)

    if fits:
        assert len(load(text).spec.task.labels) == labels
    else:
        with pytest.raises(SpecFileError, match=r"spec\.task\.labels: "):
            load(text)


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        pytest.param("embedded", True, id="embedded"),
        pytest.param("./weights", True, id="beside"),
        pytest.param("../weights", True, id="above"),
        pytest.param("/models/slm", True, id="absolute"),
        pytest.param("org/name", True, id="hub"),
        pytest.param("weights", False, id="bare"),
        pytest.param("a/b/c", False, id="three-parts"),
        pytest.param("os:system", False, id="import-path"),
        pytest.param("https://host/x", False, id="address"),
        pytest.param("''", False, id="empty"),
    ],
)
def test_a_source_is_embedded_a_directory_or_a_hub_id(load, source, fits):
    text = PLAIN.replace("{kind: encoder}", f"{{kind: encoder, source: {source}}}")

    if fits:
        assert load(text).spec.models["slm"].source == source
    else:
        with pytest.raises(SpecFileError, match=r"spec\.models\.slm\.source: expected 'embedded'"):
            load(text)


MODEL = "    fast: {kind: ngrams}\n"
GATE = "    - {name: sure, kind: gate, of: first}\n"


@pytest.mark.parametrize(
    ("old", "many", "says"),
    [
        pytest.param(
            MODEL,
            "".join(MODEL.replace("fast", f"fast{number}") for number in range(33)),
            r"spec\.models: expected a mapping of 1 to 32 keys",
            id="models",
        ),
        pytest.param(GATE, GATE * 33, r"spec\.flow: expected a list of 1 to 32 items", id="stages"),
    ],
)
def test_more_than_32_models_or_stages_are_one_mistake(load, old, many, says):
    """The order of such a flow is not judged as well."""
    with pytest.raises(SpecFileError, match=says) as caught:
        load(PLAIN.replace(old, many))
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize(("kind", "empty"), [("models", "{}"), ("flow", "[]")])
def test_a_cascade_has_a_model_and_a_stage(load, kind, empty):
    start = PLAIN.index(f"  {kind}:")
    end = PLAIN.index("  flow:") if kind == "models" else len(PLAIN)

    with pytest.raises(
        SpecFileError, match=rf"spec\.{kind}: expected a .* of 1 to 32 \w+, found an"
    ):
        load(PLAIN[:start] + f"  {kind}: {empty}\n" + PLAIN[end:])

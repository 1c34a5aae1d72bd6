"""A checked cascade, with what it needs from its folder, on this machine and on another."""

import json

import pytest

from fakes.tiny_tables import TABLES
from headgate.cascade.load import from_inline, inline, load_cascade
from headgate.cascade.reference import EXAMPLE
from headgate.errors import SpecFileError

MINIMAL = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: levels}
spec:
  domain: logs
  task: {operation: level, labels: [info, error]}
  artifact: s3://bucket/levels
  models: {fast: {kind: ngrams}}
  flow: [{name: level, kind: classify, model: fast}]
"""

TIERS = """\
apiVersion: headgate/v1
kind: Cascade
metadata: {name: causes}
spec:
  domain: logs
  task: {operation: rank_causes}
  artifact: ../fitted
  models:
    fast: {kind: ngrams}
    slm: {kind: encoder, source: ./weights}
    llm: {kind: lm, engine: replay, recordings: ../answers.jsonl}
  flow:
    - {name: first, kind: classify, model: fast}
    - {name: sure, kind: gate, of: first}
    - {name: second, kind: classify, model: slm}
    - {name: surer, kind: gate, of: second}
    - {name: decide, kind: verify, model: llm, prompt: prompts/decide.md}
"""


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
    - {name: keep, kind: gate, of: quick}
    - name: views
      kind: advise
      model: llm
      perspectives: {style: prompts/style.md, common_sense: prompts/decide.md}
    - {name: fused, kind: weigh, of: views}
"""


@pytest.fixture
def perspectives(folder):
    """The folder with the prompts of two perspectives."""
    (folder / "prompts" / "style.md").write_text("How is it written?\n", encoding="utf-8")


@pytest.fixture
def tiers(folder):
    """A cascade of three tiers in a folder of its own."""
    below = folder / "causes"
    (below / "prompts").mkdir(parents=True)
    (below / "prompts" / "decide.md").write_text("Which?", encoding="utf-8")
    (below / "cascade.yaml").write_text(TIERS, encoding="utf-8")
    return below


def test_the_smallest_cascade_is_one_classify(load):
    loaded = load(MINIMAL)

    assert loaded.name == "levels"
    assert [stage.name for stage in loaded.spec.flow] == ["level"]
    assert loaded.artifact == "s3://bucket/levels"
    assert (dict(loaded.prompts), dict(loaded.recordings), dict(loaded.sources)) == ({}, {}, {})


def test_the_documented_example_loads_with_its_prompt(load, folder):
    loaded = load(EXAMPLE)

    assert loaded.name == "log_analysis"
    assert loaded.prompts == {"decide": "Does it fit?\n"}
    assert loaded.base_dir == folder
    assert loaded.artifact == str(folder / "artifacts" / "log_analysis")
    assert loaded.sources == {"slm": "embedded"}
    assert loaded.spec.encoder_of(loaded.spec.flow[2]) == "slm"


def test_tiers_may_be_stacked_and_locations_start_at_the_folder(tiers):
    loaded = load_cascade(tiers / "cascade.yaml")

    assert loaded.artifact == str(tiers / "../fitted")
    assert loaded.recordings == {"llm": str(tiers / "../answers.jsonl")}
    assert loaded.sources == {"slm": str(tiers / "weights")}


TUNED = TABLES.replace("{kind: encoder,", "{kind: encoder, tuning: {augmentation: answers.jsonl},")


def test_a_prompt_of_a_nested_flow_and_what_tunes_an_encoder_are_found(load, folder):
    loaded = load(TUNED)

    assert loaded.prompts == {"judge": "Does it fit?\n"}
    assert loaded.recordings == {"llm": str(folder / "answers.jsonl")}
    assert loaded.augmentations == {"slm": str(folder / "answers.jsonl")}


def test_an_encoder_that_is_not_tuned_has_no_augmentation(load):
    assert load(TABLES).augmentations == {}


def test_the_revision_changes_with_a_nested_stage_and_with_its_prompt(load, folder):
    before = load(TABLES).revision
    other = load(TABLES.replace("top_k: 10", "top_k: 11")).revision
    (folder / "prompts" / "decide.md").write_text("Match.\n", encoding="utf-8")

    assert len({before, other, load(TABLES).revision}) == 3


@pytest.mark.usefixtures("perspectives")
def test_the_prompt_of_each_perspective_is_found_by_its_stage_and_its_name(load):
    loaded = load(NEWS)

    assert loaded.prompts == {
        "views/style": "How is it written?\n",
        "views/common_sense": "Does it fit?\n",
    }
    assert loaded.sources == {"slm": "embedded"}


@pytest.mark.usefixtures("perspectives")
def test_the_revision_changes_with_a_perspective_and_with_its_prompt(load, folder):
    before = load(NEWS).revision
    renamed = load(NEWS.replace("{style:", "{tone:")).revision
    fewer = load(NEWS.replace("style: prompts/style.md, ", "")).revision
    (folder / "prompts" / "style.md").write_text("Who wrote it?\n", encoding="utf-8")

    assert len({before, renamed, fewer, load(NEWS).revision}) == 4


def test_a_classify_after_a_gate_may_be_last(load):
    models = "models: {fast: {kind: ngrams}, slm: {kind: encoder, source: org/name, revision: v2}}"
    flow = """flow:
    - {name: first, kind: classify, model: fast}
    - {name: sure, kind: gate, of: first}
    - {name: second, kind: classify, model: slm}
"""
    text = MINIMAL.replace("models: {fast: {kind: ngrams}}", models)

    loaded = load(text[: text.index("flow:")] + flow)

    assert loaded.sources == {"slm": "org/name"}


def test_ordinary_words_are_not_taken_for_secrets(load):
    labels = "[disk-failure-is-imminent-now, risk_assessment_is_pending, sk-learn, https://a/b:c]"

    assert len(load(MINIMAL.replace("[info, error]", labels)).spec.task.labels) == 4


def test_a_retrieve_may_name_its_encoder(load):
    text = EXAMPLE.replace("    llm:\n", "    other: {kind: encoder}\n    llm:\n")
    text = text.replace("top_k: 5", "model: other")

    spec = load(text).spec

    assert spec.encoder_of(spec.flow[2]) == "other"


def test_a_relative_path_is_taken_from_the_working_directory(folder, monkeypatch):
    (folder / "cascade.yaml").write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.chdir(folder)

    assert load_cascade("cascade.yaml").base_dir == folder


def test_a_secret_file_is_named_but_not_read(load):
    text = EXAMPLE.replace("{env: OPENAI_API_KEY}", "{file: /nowhere/key}")

    assert load(text).spec.models["llm"].api_key.file == "/nowhere/key"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "the prompt is empty", id="empty"),
        pytest.param(b" \n", "the prompt is empty", id="blank"),
        pytest.param(b"\xff\xfe", "the prompt is not UTF-8", id="not-utf8"),
        pytest.param(b"x" * 65537, "the prompt is larger than 65536 bytes", id="too-large"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_at_its_key(load, folder, content, says):
    (folder / "prompts" / "decide.md").write_bytes(content)

    with pytest.raises(SpecFileError, match=rf"cascade.yaml:26:48: spec.flow\[3\].prompt: {says}"):
        load(EXAMPLE)


def test_a_prompt_of_64_kib_is_read(load, folder):
    (folder / "prompts" / "decide.md").write_bytes(b"x" * 65536)

    assert len(load(EXAMPLE).prompts["decide"]) == 65536


def test_a_link_does_not_lead_a_prompt_out_of_the_folder(tiers, folder):
    prompt = tiers / "prompts" / "decide.md"
    prompt.unlink()
    prompt.symlink_to(folder / "prompts" / "decide.md")

    with pytest.raises(SpecFileError, match="a prompt must be below the folder of the file"):
        load_cascade(tiers / "cascade.yaml")


def test_a_link_that_leads_to_itself_is_refused(load, folder):
    prompt = folder / "prompts" / "decide.md"
    prompt.unlink()
    prompt.symlink_to(prompt)

    with pytest.raises(SpecFileError, match="the prompt cannot be read"):
        load(EXAMPLE)


def test_a_folder_of_links_as_kubernetes_mounts_it_is_fine(folder):
    """The file and its prompt are links into a hidden folder beside them."""
    hidden = folder / "..data"
    hidden.mkdir()
    (hidden / "cascade.yaml").write_text(EXAMPLE.replace("prompts/", ""), encoding="utf-8")
    (hidden / "decide.md").write_text("Fits?", encoding="utf-8")
    for name in ("cascade.yaml", "decide.md"):
        (folder / name).symlink_to(hidden / name)

    assert load_cascade(folder / "cascade.yaml").prompts == {"decide": "Fits?"}


def test_the_revision_is_twelve_hex_digits_of_content_only(load):
    revision = load(EXAMPLE).revision
    same = EXAMPLE.replace("    score: auto\n", "").replace("max_wait_ms: 4", "max_wait_ms: 4.0")

    assert len(revision) == 12
    assert int(revision, 16) >= 0
    assert load("# a comment\n" + same).revision == revision


def test_the_revision_changes_with_the_spec_and_with_a_prompt(load, folder):
    before = load(EXAMPLE).revision
    other_spec = load(EXAMPLE.replace("top_k: 5", "top_k: 6")).revision
    (folder / "prompts" / "decide.md").write_text("Does it fit well?\n", encoding="utf-8")

    assert len({before, other_spec, load(EXAMPLE).revision}) == 3


def test_a_loaded_cascade_cannot_be_changed(load):
    loaded = load(EXAMPLE)

    with pytest.raises(AttributeError):
        loaded.artifact = "elsewhere"
    with pytest.raises(ValueError, match="frozen"):
        loaded.spec.deferral.budget.llm_share = 1.0


@pytest.mark.usefixtures("perspectives")
@pytest.mark.parametrize("name", ["minimal", "example", "tiers", "tuned", "news"])
def test_inline_and_back_is_the_same_cascade_without_its_folder(load, tiers, folder, name):
    loaded = load_cascade(tiers / "cascade.yaml") if name == "tiers" else None
    loaded = loaded or load(
        {"minimal": MINIMAL, "example": EXAMPLE, "tuned": TUNED, "news": NEWS}[name]
    )
    sent = json.dumps(inline(loaded))
    folder.rename(folder.with_name(f"{folder.name}_gone"))

    received = from_inline(json.loads(sent))

    assert received == loaded
    assert received.revision == loaded.revision


def test_an_inlined_cascade_holds_the_name_of_the_key_and_never_the_key(load, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary")

    sent = json.dumps(inline(load(EXAMPLE)))

    assert "OPENAI_API_KEY" in sent
    assert "canary" not in sent


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda sent: sent.clear(), id="empty"),
        pytest.param(lambda sent: sent.pop("prompts"), id="no-prompts"),
        pytest.param(lambda sent: sent.update(extra=1), id="unknown-key"),
        pytest.param(lambda sent: sent.update(artifact=3), id="wrong-type"),
        pytest.param(lambda sent: sent.update(artifact={1, 2}), id="not-json"),
        pytest.param(lambda sent: sent["prompts"].clear(), id="prompt-lost"),
        pytest.param(lambda sent: sent["prompts"].update(other="x"), id="prompt-of-nothing"),
        pytest.param(lambda sent: sent["sources"].clear(), id="source-lost"),
        pytest.param(lambda sent: sent["recordings"].update(llm="x"), id="recordings-of-nothing"),
    ],
)
def test_what_inline_did_not_make_is_refused(load, damage):
    sent = inline(load(EXAMPLE))
    damage(sent)

    with pytest.raises(SpecFileError, match="this is not what `inline` makes"):
        from_inline(sent)


@pytest.mark.parametrize("part", ["prompts", "recordings", "sources", "augmentations"])
def test_a_cascade_of_tables_that_lost_a_part_on_its_way_is_refused(load, part):
    sent = inline(load(TUNED))
    sent[part].clear()

    with pytest.raises(SpecFileError, match="this is not what `inline` makes"):
        from_inline(sent)


@pytest.mark.usefixtures("perspectives")
def test_perspectives_keep_their_order_on_the_way(load):
    """Advice is weighed in the order of the file, which is not that of the alphabet."""
    received = from_inline(json.loads(json.dumps(inline(load(NEWS)))))

    assert list(received.spec.deciding.perspectives) == ["style", "common_sense"]


@pytest.mark.usefixtures("perspectives")
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda prompts: prompts.pop("views/style"), id="one-lost"),
        pytest.param(lambda prompts: prompts.clear(), id="all-lost"),
        pytest.param(lambda prompts: prompts.update(views="x"), id="of-the-stage-itself"),
        pytest.param(lambda prompts: prompts.update({"views/tone": "x"}), id="of-no-perspective"),
        pytest.param(lambda prompts: prompts.update({"fused/style": "x"}), id="of-a-weigh"),
    ],
)
def test_prompts_of_other_perspectives_than_those_of_the_file_are_refused(load, damage):
    sent = inline(load(NEWS))
    damage(sent["prompts"])

    with pytest.raises(SpecFileError, match="this is not what `inline` makes"):
        from_inline(sent)


def test_an_inlined_cascade_is_checked_again(load):
    sent = inline(load(EXAMPLE))
    sent["document"]["spec"]["flow"][0]["model"] = "slmm"
    sent["document"]["spec"]["domian"] = "logs"

    with pytest.raises(SpecFileError) as caught:
        from_inline(sent)

    assert [(error.place.split(": ")[1], error.remedy) for error in caught.value.errors] == [
        ("spec.domian", "Did you mean 'domain'?"),
        ("spec.flow[0].model", "Did you mean 'slm'?"),
    ]

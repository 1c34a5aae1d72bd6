"""The published reference says what the loader does, and what is committed is current."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from headgate.cascade.reference import (
    EXAMPLE,
    QUESTION_EXAMPLE,
    SCHEMA_EXAMPLE,
    json_schema,
    main,
    reference_markdown,
)
from headgate.cascade.schema import schema

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def validator():
    return Draft202012Validator(json_schema())


@pytest.fixture
def example():
    return YAML(typ="safe", pure=True).load(EXAMPLE)


def test_the_schema_is_valid_and_accepts_the_example(validator, example):
    Draft202012Validator.check_schema(json_schema())

    assert list(validator.iter_errors(example)) == []
    assert json_schema()["$id"] == "urn:headgate:cascade:v1"


def test_the_schema_refuses_an_unknown_key_at_every_depth(validator, example):
    holders = [
        example,
        example["metadata"],
        example["spec"],
        example["spec"]["task"],
        example["spec"]["models"]["slm"],
        example["spec"]["models"]["slm"]["batch"],
        example["spec"]["models"]["llm"]["api_key"],
        *example["spec"]["flow"],
        example["spec"]["deferral"]["budget"],
    ]
    for holder in holders:
        holder["surprise"] = 1
        assert not validator.is_valid(example)
        del holder["surprise"]
    assert validator.is_valid(example)


def test_the_example_of_tables_is_one_that_loads(validator, load, folder):
    (folder / "prompts" / "judge.md").write_text("Match.", encoding="utf-8")

    assert validator.is_valid(YAML(typ="safe", pure=True).load(SCHEMA_EXAMPLE))
    assert load(SCHEMA_EXAMPLE).spec.for_each is not None


def test_the_example_of_questions_is_one_that_loads(validator, load, folder):
    for name in ("read", "step", "check", "final"):
        (folder / "prompts" / f"{name}.md").write_text("Answer.", encoding="utf-8")
    (folder / "decompositions.jsonl").write_text("{}", encoding="utf-8")

    assert validator.is_valid(YAML(typ="safe", pure=True).load(QUESTION_EXAMPLE))
    assert load(QUESTION_EXAMPLE).spec.step_flow


def test_the_schema_refuses_an_unknown_key_inside_a_nested_flow(validator):
    example = YAML(typ="safe", pure=True).load(SCHEMA_EXAMPLE)
    for holder in (*example["spec"]["flow"], *example["spec"]["flow"][0]["flow"]):
        holder["surprise"] = 1
        assert not validator.is_valid(example)
        del holder["surprise"]
    assert validator.is_valid(example)


def test_each_mapping_has_a_table_of_its_own():
    """Two kinds of retrieve have one kind, and differ in what they search."""
    page = reference_markdown()

    assert "\n## `flow`: `kind: retrieve`, `index: error_cases`\n" in page
    assert "\n## `flow`: `kind: retrieve`, `index: target`\n" in page
    for node in schema()["$defs"].values():
        assert f"\n{node['description'].replace(chr(10), ' ')}\n" in page


@pytest.mark.parametrize("key", [{"env": "A", "file": "/b"}, {}, "literal"])
def test_the_schema_refuses_a_key_that_is_not_one_reference(validator, example, key):
    example["spec"]["models"]["llm"]["api_key"] = key

    assert not validator.is_valid(example)


def test_the_page_has_every_key_of_every_model():
    page = reference_markdown()

    for node in schema()["$defs"].values():
        for key in node["properties"]:
            assert f"\n| `{key}` | " in page
    assert EXAMPLE in page
    assert SCHEMA_EXAMPLE in page
    assert QUESTION_EXAMPLE in page


def test_no_key_is_without_a_meaning():
    rows = [line for line in reference_markdown().splitlines() if line.startswith("| `")]

    assert len(rows) > 60
    assert [row for row in rows if row.count(" | ") != 3 or row.endswith("|  |")] == []


def test_the_committed_reference_is_current(tmp_path):
    """Run `python -m headgate.cascade.reference docs/` when this fails."""
    main(str(tmp_path))

    for name in ("cascade-yaml.md", "cascade-v1.schema.json"):
        assert (DOCS / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(
            encoding="utf-8"
        )
    assert (
        json.loads((DOCS / "cascade-v1.schema.json").read_text(encoding="utf-8")) == json_schema()
    )

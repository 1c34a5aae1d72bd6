import json

import pytest

from fakes.fitted_parts import RECORDED, write_parts

PRICED = (
    "{kind: lm, engine: replay, recordings: answers.jsonl, "
    "price: {input_usd_per_million: 1000, output_usd_per_million: 2000}}"
)
"""With 20 tokens in and 5 out an answer costs 0.03 USD."""


@pytest.fixture
def test_rows(rows, labelled):
    """Two rows that are kept, and one that goes on, for which "net" is recorded."""
    return rows(*labelled(1, 2), {"id": RECORDED, "log": "reset", "label": "net"})


@pytest.fixture
def priced(fitted, tmp_path):
    """The fitted cascade with a price, and with "net" recorded for every row."""
    loaded = write_parts(
        tmp_path / "priced", "priced", artifact=fitted.artifact, large_model=PRICED
    )
    answer = json.dumps({"reason": "recorded", "label": "net"})
    recorded = [
        {"id": each, "answer": answer, "input_tokens": 20, "output_tokens": 5}
        for each in ("row-1", "row-2", RECORDED)
    ]
    path = loaded.base_dir / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in recorded))
    return loaded


def test_the_cascade_is_shown_beside_its_small_model(headgate, fitted, test_rows):
    ended = headgate("evaluate", fitted.path, "--labels", test_rows)

    lines = ended.out.splitlines()
    assert ended.code == 0
    assert ended.err.startswith("evaluating parts, revision ")
    assert lines[0].startswith("parts, revision ")
    assert lines[0].endswith(", 3 rows")
    assert lines[2].startswith("small alone")
    assert lines[3].split()[:5] == ["cascade", "100.0%", "33.3%", "-", "-"]
    assert lines[-2] == "degraded: none; failed: none"
    assert lines[-1] == "The large model's answers are recorded ones; no model was called."


def test_the_large_model_alone_costs_all_its_answers(headgate, priced, test_rows):
    """What the cascade had asked already is asked and counted again: 0.03 and 3 x 0.03 USD."""
    found = headgate(
        "evaluate", priced.path, "--labels", test_rows, "--large-alone", "--output", "json"
    ).data

    large, cascade = found["large_alone"], found["cascade"]
    assert (large["calls"], cascade["calls"]) == (3, 1)
    assert large["cost_usd"] == pytest.approx(0.09)
    assert cascade["cost_usd"] == pytest.approx(0.03)
    assert cascade["cost_usd_per_1000"] == pytest.approx(10)
    assert large["accuracy"] == pytest.approx(2 / 3)
    assert (cascade["accuracy"], large["oracle_accuracy"]) == (1.0, 1.0)
    assert cascade["llm_share"] == pytest.approx(1 / 3)


def test_the_table_has_a_line_for_each_tier_and_the_oracle(headgate, priced, test_rows):
    ended = headgate("evaluate", priced.path, "--labels", test_rows, "--large-alone", "--quiet")

    first_table = ended.out.splitlines()[1:6]
    cells = {" ".join(line.split()[:2]): line.split() for line in first_table}
    assert (ended.code, ended.err) == (0, "")
    assert cells["large alone"][2:6] == ["66.7%", "100.0%", "0.090000", "30.000000"]
    assert cells["cascade 100.0%"][1:5] == ["100.0%", "33.3%", "0.030000", "10.000000"]
    assert cells["oracle 100.0%"][:3] == ["oracle", "100.0%", "-"]


def test_json_says_that_answers_are_recorded_and_costs_unknown(headgate, fitted, test_rows):
    found = headgate("evaluate", fitted.path, "--labels", test_rows, "--output", "json").data

    assert (found["name"], found["rows"], found["recorded"]) == ("parts", 3, True)
    assert found["large_alone"] is None
    assert (found["cascade"]["cost_usd"], found["cascade"]["cost_usd_per_1000"]) == (None, None)
    assert (found["degraded"], found["failed"]) == ({}, {})


def test_rows_without_the_wanted_answer_are_counted_by_reason(headgate, fitted, rows, labelled):
    """No answer is recorded for reset-2: it keeps the small model's, and that is said."""
    labels = rows(*labelled(1), {"id": "reset-2", "log": "reset", "label": "net"})

    ended = headgate("evaluate", fitted.path, "--labels", labels)

    assert ended.code == 0
    assert "degraded: REPLAY_MISS 1; failed: none" in ended.out


def test_another_artifact_can_be_measured(headgate, fitted, test_rows, tmp_path):
    moved = write_parts(tmp_path / "moved", artifact="not-fitted")

    alone = headgate("evaluate", moved.path, "--labels", test_rows)
    named = headgate("evaluate", moved.path, "--labels", test_rows, "--artifact", fitted.artifact)

    assert (alone.code, named.code) == (2, 0)
    assert alone.err.startswith(f"headgate: {moved.artifact}: there is no artifact here.")


def test_the_large_model_alone_needs_a_large_model(headgate, test_rows, tmp_path):
    path = tmp_path / "cascade.yaml"
    path.write_text(
        "apiVersion: headgate/v1\nkind: Cascade\nmetadata: {name: alone}\nspec:\n"
        "  domain: logs\n  task: {operation: level, labels: [disk, net]}\n  artifact: fitted\n"
        "  models: {fast: {kind: ngrams, buckets: 1024}}\n"
        "  flow: [{name: triage, kind: classify, model: fast}]\n"
    )

    ended = headgate("evaluate", path, "--labels", test_rows, "--large-alone")

    assert ended.code == 2
    assert ended.err == "headgate: --large-alone: alone has no large model. Leave it out.\n"


def test_no_rows_are_refused(headgate, fitted, rows):
    ended = headgate("evaluate", fitted.path, "--labels", rows())

    assert ended.code == 2
    assert "there are no rows" in ended.err


def test_a_missing_key_is_said_by_its_name_alone(headgate, fitted, test_rows, tmp_path):
    live = "{kind: lm, engine: openai, model: m, api_key: {env: NO_SUCH_KEY}}"
    loaded = write_parts(tmp_path / "live", artifact=fitted.artifact, large_model=live)

    ended = headgate("evaluate", loaded.path, "--labels", test_rows)

    assert ended.code == 2
    assert ended.err == (
        "headgate: environment variable NO_SUCH_KEY: it holds no key. "
        "Set it, or name no key in the file.\n"
    )

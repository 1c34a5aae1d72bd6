"""`headgate evaluate --report`: all policies compared, as a page and as figures."""

import json
import re

import pytest

from fakes.fitted_parts import write_parts
from fakes.made_up_logs import as_pairs
from fakes.made_up_logs import rows as made_up
from fakes.watched_cascade import served_rows


@pytest.fixture
def systems(rows):
    """Twelve rows of two systems that the watched cascade was not fitted on."""
    named = [
        {**row, "system": "router" if place % 3 else "switch"}
        for place, row in enumerate(served_rows(12))
    ]
    return rows(*named, name="systems.jsonl")


def report_of(headgate, loaded, labels, page, *options):
    return headgate("evaluate", loaded.path, "--labels", labels, "--report", page, *options)


def test_a_page_is_written_and_the_policies_are_shown(headgate, watched, systems, tmp_path):
    page = tmp_path / "report.html"

    ended = report_of(headgate, watched, systems, page)

    lines = ended.out.splitlines()
    assert ended.code == 0
    assert ended.err.splitlines()[-1] == f"report written to {page}"
    assert any(line.startswith("made_up answers ") for line in lines)
    names = [line.split("  ")[0] for line in lines]
    assert {"small only", "large only", "random", "cascade", "exact", "oracle"} <= set(names)
    content = page.read_text(encoding="utf-8")
    assert content.startswith("<!doctype html>") or content.startswith("<!DOCTYPE html>")
    assert "made_up" in content
    assert not re.search(r"(src|href)=.https?:", content)  # it stands for itself


def test_a_page_holds_no_text_of_a_record(headgate, watched, systems, tmp_path):
    page = tmp_path / "report.html"
    report_of(headgate, watched, systems, page)

    lines = [json.loads(line)["log"] for line in systems.read_text().splitlines()]
    assert not [line for line in lines if line in page.read_text(encoding="utf-8")]


def test_json_has_the_report_with_its_guarantee_and_slices(headgate, watched, systems, tmp_path):
    options = ("--slice", "system", "--output", "json", "--quiet")

    ended = report_of(headgate, watched, systems, tmp_path / "report.html", *options)

    report = ended.data["report"]
    assert (ended.code, ended.err) == (0, "")
    assert (report["rows"], report["recorded"], report["priced"]) == (12, True, False)
    assert (report["epsilon"], report["delta"]) == (0.1, 0.05)
    assert report["guarantee"]["certificate"]["kind"] == "agree"
    assert {"small_only", "cascade", "oracle"} <= {each["name"] for each in report["policies"]}
    assert "router" in json.dumps(report)
    assert ended.data["large_alone"]["calls"] == 12


def test_without_a_report_json_has_none(headgate, fitted, rows, labelled):
    found = headgate(
        "evaluate", fitted.path, "--labels", rows(*labelled(1, 2)), "--output", "json"
    ).data

    assert found["report"] is None


def test_the_large_model_alone_brings_the_comparison_without_a_page(headgate, watched, systems):
    ended = headgate("evaluate", watched.path, "--labels", systems, "--large-alone", "--quiet")

    assert "small only" in ended.out
    assert ended.err == ""


def refused(headgate, *arguments):
    ended = headgate("evaluate", *arguments)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    return line


def test_a_report_needs_a_large_model(headgate, rows, labelled, tmp_path):
    path = tmp_path / "cascade.yaml"
    path.write_text(
        "apiVersion: headgate/v1\nkind: Cascade\nmetadata: {name: alone}\nspec:\n"
        "  domain: logs\n  task: {operation: level, labels: [disk, net]}\n  artifact: fitted\n"
        "  models: {fast: {kind: ngrams, buckets: 1024}}\n"
        "  flow: [{name: triage, kind: classify, model: fast}]\n"
    )
    line = (path, "--labels", rows(*labelled(1)), "--report", tmp_path / "report.html")

    assert refused(headgate, *line) == "headgate: --report: alone has no large model. Leave it out."


def test_a_folder_that_is_not_there_is_said_before_anything_is_asked(
    headgate, watched, systems, tmp_path
):
    page = tmp_path / "none" / "report.html"

    said = refused(headgate, watched.path, "--labels", systems, "--report", page)

    assert said == (
        f"headgate: --report: there is no folder {page.parent}. Name one that is there."
    )


def test_a_slice_without_a_comparison_is_refused(headgate, watched, systems):
    said = refused(headgate, watched.path, "--labels", systems, "--slice", "system")

    assert said == "headgate: --slice: only a comparison is sliced. Add --report."


def test_a_slice_that_a_row_does_not_have_is_named_by_its_line(
    headgate, watched, systems, tmp_path
):
    line = (watched.path, "--labels", systems, "--report", tmp_path / "r.html", "--slice", "vendor")

    assert refused(headgate, *line).startswith(f"headgate: {systems}:1: 'vendor' is missing.")


def test_pairs_have_no_slices(headgate, rows, tmp_path):
    """Of several rows one record is made."""
    pairs = [{**row, "system": "router"} for row in as_pairs(made_up("rank_causes", range(4)))]
    path = tmp_path / "cascade.yaml"
    loaded = write_parts(tmp_path / "parts")
    path.write_text(
        loaded.path.read_text()
        .replace("{operation: level, labels: [disk, net]}", "{operation: rank_causes}")
        .replace("prompt: decide.md", "prompt: parts/decide.md")
        .replace("recordings: answers.jsonl", "recordings: parts/answers.jsonl")
    )
    line = (path, "--labels", rows(*pairs), "--report", tmp_path / "r.html", "--slice", "system")

    said = refused(headgate, *line)

    assert said == "headgate: --slice: several rows of pairs are one record. Leave it out."

import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.batch_outputs import finished_job, lines
from headgate.batch.outputs.diff import MOST_CHANGES, MOST_EXAMPLES, Differences, diff
from headgate.batch.outputs.diff_report import Change, Spot
from headgate.batch.outputs.reading import KEYED
from headgate.domains.log_templates import Template, Templates
from headgate.errors import InputError

BEFORE = [lines("aab", template_id=["t1", "t1", "t2"])]


def compared(tmp_path, after, before=BEFORE, **changes):
    return diff(
        finished_job(tmp_path / "before", before),
        finished_job(tmp_path / "after", after, **changes),
    )


def test_equal_jobs_do_not_differ(tmp_path):
    found = compared(tmp_path, BEFORE)

    assert found.same
    assert (found.rows, found.by_template, found.answer_changes) == (3, (), ())
    assert found.headline() == "No difference in 3 rows."


def test_changes_are_counted_by_what_changed(tmp_path):
    """Row 1 keeps all, row 2 changes answer and tier, row 3 its template."""
    after = [
        lines("aeb", template_id=["t1", "t1", "t9"], tier=["small", "large", "small"]),
    ]

    found = compared(tmp_path, after)

    assert (found.answers, found.tiers, found.templates, found.changed) == (1, 1, 1, 2)
    assert found.answer_changes == (Change("a", "e", 1),)
    assert found.tier_changes == (Change("small", "large", 1),)
    assert not found.same


def test_changes_are_counted_by_the_template_of_before(tmp_path):
    after = [lines("eeb", template_id=["t1", "t8", "t9"])]

    found = {each.id: each for each in compared(tmp_path, after).by_template}

    assert (found["t1"].rows, found["t1"].answers, found["t1"].templates) == (2, 2, 1)
    assert (found["t2"].rows, found["t2"].answers, found["t2"].templates) == (1, 0, 1)


def test_examples_name_places_in_the_input(tmp_path):
    found = compared(tmp_path, [lines("aeb", template_id=["t1", "t1", "t2"])])

    assert found.by_template[0].examples == (Spot("a.log", 2, 100, "a", "e"),)


def test_few_examples_are_kept_and_other_answers_come_first(tmp_path):
    count = MOST_EXAMPLES + 2
    before = [lines("a" * count, template_id=["t"] * count)]
    after = [
        lines("a" * (count - 1) + "b", template_id=["t"] * count, tier=["large"] * count),
    ]

    (found,) = compared(tmp_path, after, before).by_template

    assert [spot.number for spot in found.examples] == [count, 1, 2]


def test_rows_that_one_job_lacks_are_counted(tmp_path):
    after = [lines("ac", offset=[0, 500], template_id=["t1", "t3"])]

    found = compared(tmp_path, after)

    assert (found.rows, found.only_before, found.only_after, found.changed) == (1, 2, 1, 0)
    assert not found.same


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("by", ["", "answer"])
def test_format_and_folders_do_not_matter(tmp_path, form, by):
    assert compared(tmp_path, BEFORE, form=form, by=by).same


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text("ab", min_size=1, max_size=9), st.text("ab", min_size=9, max_size=9), st.integers(1, 9)
)
def test_how_the_input_was_cut_does_not_matter(tmp_path_factory, some, others, cut):
    """One job has its rows in one unit, the other one in two, in folders."""
    folder = tmp_path_factory.mktemp("jobs")
    table = lines(others[: len(some)])
    before = finished_job(folder / "before", [lines(some)], form="jsonl")
    units = [table.slice(0, cut), table.slice(cut)]
    after = finished_job(folder / "after", units, form="jsonl", by="answer")

    found = diff(before, after)

    assert found.rows == len(some)
    assert found.answers == sum(a != b for a, b in zip(some, others, strict=False))


def test_changes_of_too_many_kinds_are_counted_together():
    found = Differences(["a.log"])
    names = [f"{n:05d}" for n in range(MOST_CHANGES + 5)]
    before = _keyed([f"x{name}" for name in names])

    found.add(before, _keyed(names))

    report = found.report((None, None), {})
    assert len(report.answer_changes) == MOST_CHANGES
    assert report.answers_not_listed == 5


def _keyed(answers):
    count = len(answers)
    numbers = pa.array(range(count), pa.int64())
    same = pa.array([""] * count, pa.large_string())
    texts = [same, pa.array(answers, pa.large_string()), same]
    return pa.table([numbers, numbers, numbers, *texts], schema=KEYED)


def test_templates_are_shown_with_the_text_they_had(tmp_path):
    template = Template.of("disk <*> failed", 1)
    before = finished_job(tmp_path / "before", [lines("a", template_id=[template.id])])
    Templates([template]).save(before / "templates.json")
    after = finished_job(tmp_path / "after", [lines("b", template_id=[template.id])])

    found = diff(before, after)

    assert found.by_template[0].text == "disk <*> failed"
    assert found.template_changes().rows[0][0] == "disk <*> failed"


def test_the_sides_say_what_answered(tmp_path):
    found = compared(tmp_path, BEFORE)

    assert (found.before.cascade, found.after.revision) == ("logs", "rev-1")
    assert found.after.directory == str(tmp_path / "after")


def test_programs_read_the_differences(tmp_path):
    found = compared(tmp_path, [lines("aeb", template_id=["t1", "t1", "t2"])])

    written = json.loads(json.dumps(found.to_json()))
    assert written["answers"] == 1
    assert written["answer_changes"] == [{"before": "a", "after": "e", "rows": 1}]
    assert written["by_template"][0]["examples"][0]["number"] == 2


def test_people_read_the_differences(tmp_path):
    found = compared(tmp_path, [lines("aeb", template_id=["t1", "t1", "t2"])])

    assert found.headline() == (
        "1 of 3 rows changed their answer (33.3%), 0 the tier that gave it, 0 their template."
    )
    assert list(found.counts().rows[0]) == ["another answer", "1", "33.3%"]
    assert list(found.changes().rows[0]) == ["a", "e", "1", "33.3%"]
    assert found.template_changes().rows[0][-1] == "a.log:2: a to e"
    for table in (found.counts(), found.changes(), found.template_changes()):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_line_without_a_number_is_named_by_its_byte(tmp_path):
    before = [lines("a", line=[None], offset=[700])]
    found = compared(tmp_path, [lines("b", line=[None], offset=[700], template_id=["t-a"])], before)

    assert found.template_changes().rows[0][-1] == "a.log at byte 700: a to b"


def test_names_do_not_move_a_terminal(tmp_path):
    bad = "\x1b]0;x"
    before = [lines([bad], template_id=[bad])]
    found = compared(tmp_path, [lines("b", template_id=[bad])], before)

    shown = [found.changes(), found.template_changes()]
    assert not any("\x1b" in cell for table in shown for row in table.rows for cell in row)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"places": ("a.log", "b.log")}, "another input: 'b.log'", id="files"),
        pytest.param({"line_format": "syslog"}, "another line_format", id="reading"),
    ],
)
def test_another_input_is_refused(tmp_path, changes, problem):
    with pytest.raises(InputError, match=problem):
        compared(tmp_path, BEFORE, **changes)


def test_a_changed_input_is_refused(tmp_path):
    before = finished_job(tmp_path / "before", BEFORE)
    after = finished_job(tmp_path / "after", BEFORE)
    job = json.loads((after / "job.json").read_text())
    job["files"][0]["fingerprint"] = "other"
    (after / "job.json").write_text(json.dumps(job))

    with pytest.raises(InputError, match=r"another input: 'a\.log' differs"):
        diff(before, after)


def test_an_unfinished_job_is_refused(tmp_path):
    before = finished_job(tmp_path / "before", BEFORE)
    after = finished_job(tmp_path / "after", BEFORE)
    (after / "receipt.json").unlink()

    with pytest.raises(InputError, match="not finished"):
        diff(before, after)


def test_a_directory_without_a_job_is_refused(tmp_path):
    with pytest.raises(InputError, match="no batch job"):
        diff(finished_job(tmp_path / "before", BEFORE), tmp_path)

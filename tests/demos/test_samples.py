"""The demonstrations of the other samples, for `make test-demos`: each takes a minute or more."""

import re

import pytest

from fakes.demonstration import assert_ended_well, demonstrate

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_demonstration_matches_tables(embedded_int8, tmp_path):
    del embedded_int8

    done = demonstrate("schema_matching", tmp_path)

    tables = re.findall(r"│ +(\d+) +│ +(\d+) +│ +(\d+) +│ +(\d+) +│ +\d+%", done.stdout)
    assert len(tables) == 4
    assert all(int(found) <= int(right) <= int(columns) for columns, found, right, _ in tables)
    assert_ended_well(done)


def test_the_demonstration_answers_questions(embedded_int8, tmp_path):
    del embedded_int8

    done = demonstrate("question_answering", tmp_path)

    right = re.findall(r"│ (?:steps of every question|cascade) +│ +([\d.]+)%", done.stdout)
    assert len(right) == 2
    assert "step 1:" in done.stdout
    assert_ended_well(done)


def test_the_demonstration_advises_on_news(embedded_int8, tmp_path):
    del embedded_int8

    done = demonstrate("news_advising", tmp_path)

    shares = re.findall(r"(alone|cascade) +│ +([\d.]+)%", done.stdout)
    assert {name for name, _ in shares} == {"alone", "cascade"}
    assert_ended_well(done)

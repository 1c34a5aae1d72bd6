import hashlib

import pytest

from fakes.tiny_models import DIM, LEVEL, MATCH, RANK, vector_of
from headgate.domains.rows import LabelledRecord
from headgate.fitting.cases import SOURCE, build_case_store
from headgate.fitting.vectors import KnownVectors
from headgate.retrieval.store import VectorStore
from headgate.types import Candidate, Prediction, Record


@pytest.fixture
def build(words):
    """Build the store and return all its documents, nearest to a text first."""

    def build_and_search(task, rows, predictions, near="disk"):
        encoder = KnownVectors(words, lambda *step: None)
        store = build_case_store(task, rows, predictions, encoder)
        return store, store.search(vector_of(near)[None], 100)[0]

    return build_and_search


def level(log, label, reason=""):
    return LabelledRecord(Record(log, {"log": log}), label, reason)


def says(answer, *options):
    return Prediction(options, tuple(float(option == answer) for option in options))


def level_says(answer):
    return says(answer, "disk", "net")


def test_only_rows_that_were_answered_wrongly_are_cases(build):
    rows = [level("disk a", "disk"), level("disk b", "net"), level("net c", "disk")]

    store, hits = build(LEVEL, rows, [level_says(each) for each in ("disk", "disk", "net")])

    assert [hit.text for hit in hits] == ["disk b", "net c"]
    assert (len(store), store.encoder, store.dim) == (2, "words-1", DIM)


def test_a_case_tells_the_right_and_the_wrong_answer_and_why(build):
    _, (hit,) = build(LEVEL, [level("disk b", "net", "it is a net disk")], [level_says("disk")])

    assert hit.metadata == {"label": "net", "wrong_answer": "disk", "reason": "it is a net disk"}
    assert hit.similarity == pytest.approx(1)


def test_a_case_without_a_recorded_reason_has_none(build):
    _, (hit,) = build(LEVEL, [level("disk b", "net")], [level_says("disk")])

    assert hit.metadata == {"label": "net", "wrong_answer": "disk"}


def test_a_case_is_found_by_all_that_was_asked(build):
    record = Record("r", {"log": "disk b", "description": "a net"})

    row = LabelledRecord(record, "match")
    _, (hit,) = build(MATCH, [row], [says("mismatch", "mismatch", "match")])

    assert hit.text == "disk b\na net"


def test_answers_that_are_candidates_are_told_by_their_text(build):
    """Their ids mean nothing beside another record."""
    causes = (Candidate("c0", "net loop"), Candidate("c1", "disk worn"))
    row = LabelledRecord(Record("r", {"log": "disk slow"}, causes), "c1")

    _, (hit,) = build(RANK, [row], [says("c0", "c0", "c1")])

    assert hit.text == "disk slow\nnet loop\ndisk worn"
    assert hit.metadata == {"label": "disk worn", "wrong_answer": "net loop"}


def test_a_case_is_named_by_its_text_so_that_two_fits_name_it_alike(build):
    _, (hit,) = build(LEVEL, [level("disk b", "net")], [level_says("disk")])

    assert hit.id == hashlib.sha256(b"disk b").hexdigest()[:16]


def test_one_text_is_one_case(build):
    store, _ = build(LEVEL, [level("disk b", "net")] * 3, [level_says("disk")] * 3)

    assert len(store) == 1


def test_cases_can_be_removed_by_where_they_came_from(build):
    store, _ = build(LEVEL, [level("disk b", "net")], [level_says("disk")])

    assert (store.remove(SOURCE), len(store)) == (1, 0)


@pytest.mark.parametrize("rows", [[], [level("disk", "disk")]], ids=["no-rows", "no-errors"])
def test_a_store_without_cases_can_be_saved_and_searched(build, words, tmp_path, rows):
    store, hits = build(LEVEL, rows, [level_says("disk")] * len(rows))

    store.save(tmp_path / "cases")
    loaded = VectorStore.load(tmp_path / "cases", expected_encoder="words-1")

    assert (hits, len(loaded), loaded.dim) == ((), 0, DIM)
    assert loaded.search(vector_of("disk")[None], 5) == [()]
    assert words.calls == []

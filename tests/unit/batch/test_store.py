from dataclasses import replace

import pytest

from headgate.batch import store
from headgate.batch.answers import Answer
from headgate.batch.database import open_database
from headgate.batch.store import AnswerStore, Known, key_of
from headgate.types import Candidate, Record

DISK = Answer("disk", 0.1 + 0.2, "small", 0.75, "", "", "uncertified", "", 0.0, "", "")
NONE = Answer("", 0.0, "", None, "", "", "uncertified", "", 0.0, "INPUT_INVALID", "it is blank")


@pytest.fixture
def kept(tmp_path):
    connection = open_database(tmp_path, store.SCHEMA)
    yield AnswerStore(connection, tmp_path)
    connection.close()


def test_answers_come_back_as_they_were_with_where_they_came_from(kept):
    here, there = {b"a": Known("0:0", DISK)}, {b"b": Known("0:1", NONE)}
    kept.add(here)
    kept.add(there)

    assert kept.find([b"a", b"b", b"c"]) == here | there
    assert len(kept) == 2


def test_many_keys_are_found_at_once(kept):
    many = {
        number.to_bytes(2, "big"): Known("0:0", replace(DISK, cost_usd=number))
        for number in range(1201)
    }
    kept.add(many)

    assert kept.find([*many, b"none"]) == many


def test_a_block_is_kept_whole_or_not_at_all(kept):
    once = Known("0:0", DISK)
    kept.add({b"a": once}, [("arrived", 1, 0.0, False)])

    with pytest.raises(Exception, match="UNIQUE"):
        kept.add({b"b": once, b"a": once}, [("arrived", 2, 0.0, False)])

    assert kept.find([b"b"]) == {}
    assert list(kept.events()) == [("arrived", 1, 0.0, False)]


def test_what_the_budget_went_through_comes_back_in_order(kept):
    kept.add({}, [("arrived", 3, 0.0, False), ("asked", 0.1, 0.2, True)])
    kept.add({})
    kept.add({}, [("lost", 0, 0.0, False)])

    assert [kind for kind, *_ in kept.events()] == ["arrived", "asked", "lost"]
    assert next(iter(kept.events())) == ("arrived", 3, 0.0, False)


def test_records_are_equal_but_for_their_ids():
    record = Record("1", {"log": "a", "description": "b"}, (Candidate("x", "y"),))

    assert key_of(record) == key_of(replace(record, id="2"))
    assert key_of(record) == key_of(replace(record, fields={"description": "b", "log": "a"}))
    others = [
        replace(record, fields={"log": "b", "description": "a"}),
        replace(record, candidates=(Candidate("y", "x"),)),
        replace(record, candidates=()),
    ]
    assert len({key_of(each) for each in [record, *others]}) == 4


def test_half_a_surrogate_pair_has_a_key_too():
    assert len(key_of(Record("1", {"log": "\ud800"}))) == store.KEY_BYTES

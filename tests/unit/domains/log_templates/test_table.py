import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.log_templates import (
    NO_TEMPLATE,
    Template,
    Templates,
    mine,
    shape_block,
    table,
)
from headgate.errors import InputError

WORDS = st.sampled_from(["0", "a", "b", "up", "down", "eth1", "x=0", "x=y", "(z)", "\xe4", "\x00"])
SHAPES = st.lists(
    st.lists(WORDS, min_size=1, max_size=5).map(" ".join).map(str.encode), max_size=20
)


def texts(templates):
    return [each.text for each in templates]


def mined(*shapes):
    return mine(list(shapes), [1] * len(shapes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "templates.json"


# Mining


def test_templates_come_with_their_lines_and_the_most_frequent_first():
    templates = mine([b"up", b"took 0 ms", b"link eth1 up"], [2, 40, 1])

    assert [(each.text, each.lines) for each in templates] == [
        ("took <*> ms", 40),
        ("up", 2),
        ("link eth1 up", 1),
    ]


def test_an_id_is_the_start_of_the_hash_of_the_text():
    """Worked with: printf 'took <*> ms' | sha256sum."""
    assert Template.of("took <*> ms", 1).id == "2ca1cb43c287"
    assert Template.of("took <*> ms", 2).id == Template.of("took <*> ms", 1).id


def test_lines_of_a_log_end_in_templates():
    """From bytes to templates, by hand: users are values, and the two ends of a session are not."""
    log = [
        *(b"session %d opened for user %s" % (n, name) for n, name in enumerate((b"ann", b"bob"))),
        b"session 7 closed for user ann",
        b"session 8 closed for user cat",
        b"\xff\xfe\x00",
        b"",
    ]

    codes, shapes = shape_block(pa.array(log, pa.large_binary()))
    templates = mine(shapes.to_pylist(), np.bincount(codes).tolist())
    places = templates.assign(shapes.to_pylist())[codes]

    assert [templates[place].text for place in places] == [
        "session <*> opened for user <*>",
        "session <*> opened for user <*>",
        "session <*> closed for user <*>",
        "session <*> closed for user <*>",
        "\\xff\\xfe\x00",
        "",
    ]


@given(SHAPES, st.data())
@settings(deadline=None, max_examples=40)
def test_templates_depend_on_the_lines_only_however_they_were_split_and_ordered(shapes, data):
    whole = mine(shapes, [2] * len(shapes))
    parts = [*shapes, *shapes]

    shuffled = mine(data.draw(st.permutations(parts)), [1] * len(parts))

    assert list(shuffled) == list(whole)


@given(SHAPES)
@settings(deadline=None, max_examples=40)
def test_every_mined_shape_has_a_template_and_every_template_a_shape(shapes):
    templates = mine(shapes, range(1, len(shapes) + 1))

    places = templates.assign(shapes)

    counts = np.bincount(places, range(1, len(shapes) + 1), minlength=len(templates))
    assert counts.tolist() == [each.lines for each in templates]
    assert (counts > 0).all()


def test_nothing_mined_is_no_templates():
    assert list(mine([], [])) == []


def test_a_shape_of_a_kind_not_seen_has_no_template():
    templates = mined(b"took 0 ms")

    assert templates.template_of(b"took 0 s") is None
    assert templates.assign([b"took 0 ms", b"up"]).tolist() == [0, NO_TEMPLATE]


def test_the_rarest_templates_are_put_together_where_there_are_too_many(monkeypatch):
    """Whatever the logs are, a table has an end."""
    monkeypatch.setattr(table, "MOST_TEMPLATES", 2)

    templates = mine([b"a is up", b"b went", b"c stays here", b"d ran"], [9, 1, 8, 2])

    assert texts(templates) == ["a is up", "c stays here", "<*> <*>"]
    assert [each.lines for each in templates] == [9, 8, 3]


def test_a_pattern_whose_lines_all_have_narrower_ones_is_left_out():
    """`0 0 0`, the cover of other lines, would otherwise stand there with no line."""
    templates = mined(b"0 a a", b"0 a b", b"0 b a", b"0 b 0")

    assert all(each.lines for each in templates)


# Merging


def test_merging_reopens_templates_that_turn_out_to_be_one():
    """Two kinds each are words; four together are values."""
    one = mined(b"service alpha ended", b"service beta ended", b"idle")
    other = mined(b"service gamma ended", b"service delta ended", b"idle")

    merged, renamed = one.merge(other)

    wide = Template.of("service <*> ended", 4)
    assert list(merged) == [wide, Template.of("idle", 2)]
    assert set(renamed) == {each.id for each in (*one, *other) if each.text != "idle"}
    assert set(renamed.values()) == {wide.id}


def test_a_template_takes_in_its_cases():
    wide = mined(*(b"task of %s done" % name for name in (b"ann", b"bob", b"cat", b"dan")))
    narrow = mined(b"task of eve done")

    merged, renamed = wide.merge(narrow)

    assert texts(merged) == ["task of <*> done"]
    assert renamed == {narrow[0].id: wide[0].id}


@given(SHAPES, SHAPES)
@settings(deadline=None, max_examples=40)
def test_merging_either_way_gives_the_same(one, other):
    first, second = mined(*one), mined(*other)

    assert list(first.merge(second)[0]) == list(second.merge(first)[0])


@given(SHAPES, SHAPES)
@settings(deadline=None, max_examples=40)
def test_a_merge_keeps_every_line_and_a_template_for_every_shape(one, other):
    merged, renamed = mined(*one).merge(mined(*other))

    ids = {each.id for each in merged}
    assert sum(each.lines for each in merged) == len(one) + len(other)
    assert NO_TEMPLATE not in merged.assign([*one, *other])
    assert set(renamed.values()) <= ids
    assert not set(renamed) & set(renamed.values())
    assert {each.id for each in mined(*one)} <= ids | set(renamed)


@given(SHAPES)
@settings(deadline=None, max_examples=40)
def test_merging_with_nothing_or_with_itself_changes_no_template(shapes):
    templates = mined(*shapes)

    assert list(templates.merge(mined())[0]) == list(templates)
    doubled, renamed = templates.merge(templates)
    assert texts(doubled) == texts(templates)
    assert renamed == {}


# Saving and loading


@given(SHAPES)
@settings(deadline=None, max_examples=40)
def test_saved_templates_come_back_as_they_were(tmp_path_factory, shapes):
    path = tmp_path_factory.mktemp("saved") / "templates.json"
    templates = mined(*shapes, b"\xff\xfe")

    templates.save(path)
    loaded = Templates.load(path)

    assert list(loaded) == list(templates)
    assert loaded.assign(shapes).tolist() == templates.assign(shapes).tolist()


def test_equal_templates_are_saved_as_equal_bytes(path):
    mined(b"a", b"b 0").save(path)
    first = path.read_bytes()

    mined(b"b 0", b"a").save(path)

    assert path.read_bytes() == first


def row(**changes):
    return {"id": Template.of("a", 1).id, "text": "a", "lines": 1, **changes}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"{}", id="no-format"),
        pytest.param(b'{"format": 1}', id="no-templates"),
        pytest.param(b'{"format": 2, "templates": []}', id="format-of-the-future"),
        pytest.param(b"[" * 100_000, id="nested-without-end"),
        pytest.param({"format": 1, "templates": 7}, id="no-list"),
        pytest.param({"format": 1, "templates": [7]}, id="no-row"),
        pytest.param({"format": 1, "templates": [{"text": "a"}]}, id="half-a-row"),
        pytest.param({"format": 1, "templates": [row(text=7)]}, id="no-text"),
        pytest.param({"format": 1, "templates": [row(lines="1")]}, id="no-number"),
        pytest.param({"format": 1, "templates": [row(lines=True)]}, id="truth-for-a-number"),
        pytest.param({"format": 1, "templates": [row(lines=-1)]}, id="fewer-than-no-lines"),
        pytest.param({"format": 1, "templates": [row(text="b")]}, id="id-of-another-text"),
        pytest.param({"format": 1, "templates": [row(), row()]}, id="twice-the-same"),
        pytest.param({"format": 1, "templates": [row(text="\ud800")]}, id="half-a-character"),
    ],
)
def test_what_was_not_saved_here_is_refused(path, content):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    with pytest.raises(InputError, match=r"templates\.json: not a file of templates"):
        Templates.load(path)


def test_a_missing_file_is_refused_with_its_name(path):
    with pytest.raises(InputError, match=r"templates\.json: .* Mine the templates again"):
        Templates.load(path)

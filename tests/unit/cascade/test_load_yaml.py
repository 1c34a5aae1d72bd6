"""What is wrong with a file as YAML, before any key is looked at.

In a text, `¦` stands directly before the place that must be reported.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.cascade.reference import EXAMPLE
from headgate.cascade.source import MAX_BYTES, MAX_NODES
from headgate.errors import SpecFileError

ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

BROKEN = [
    pytest.param("¦", "the file is empty", id="empty-file"),
    pytest.param("¦# nothing yet\n", "the file is empty", id="comments-only"),
    pytest.param("¦---\n...\n", "expected a mapping, found nothing", id="empty-document"),
    pytest.param("¦- a\n- b\n", "expected a mapping, found a list", id="a-list"),
    pytest.param("¦just text\n", "expected a mapping, found 'just text'", id="text"),
    pytest.param("¦12\n", "expected a mapping, found the number 12", id="a-number"),
    pytest.param("¦\tkind: Cascade\n", "a tab is used as indentation", id="tab-at-the-start"),
    pytest.param("spec:\n¦\tdomain: logs\n", "a tab is used as indentation", id="tab"),
    pytest.param("spec:\n  a: 1\n¦\tb: 2\n", "a tab is used as indentation", id="tab-after-spaces"),
    pytest.param("a: 1\n  b¦: 2\n", "a ':' is not allowed here", id="indented-too-far"),
    pytest.param("a:\n    b: 1\n  ¦c: 2\n", "the indentation does not fit", id="indented-between"),
    pytest.param("a: b¦: c\n", "a ':' is not allowed here", id="two-colons"),
    pytest.param("a: 1\n¦b\n", "a key without ':'", id="no-colon"),
    pytest.param("a: ¦'b\nc: d\n", "a quote is never closed", id="open-quote"),
    pytest.param('a: ¦"b\nc: d\n', "a quote is never closed", id="open-double-quote"),
    pytest.param("a: ¦[b, c\nd: e\n", "the closing bracket is missing", id="open-bracket"),
    pytest.param("a: ¦{b: c\n", "the closing bracket is missing", id="open-brace"),
    pytest.param("a: {¦", "is never closed", id="ends-in-a-brace"),
    pytest.param("a: ¦- b\n", "a '-' is not allowed here", id="list-on-the-line-of-its-key"),
    pytest.param("  a: 1\n¦b: 2\n", "does not belong to the lines above", id="first-key-indented"),
    pytest.param("a: ¦]\n", "this is not YAML", id="bracket-without-a-start"),
    pytest.param("a: ¦@b\n", "a value cannot start with this", id="reserved-character"),
    pytest.param('a: "\\¦q"\n', "this is not YAML", id="unknown-escape"),
    pytest.param('a¦: "\\U99999999"\n', "this is not YAML", id="escape-beyond-unicode"),
    pytest.param("? ¦[a, b]\n: c\n", "a key must be text", id="list-as-a-key"),
    pytest.param("a: 1\n¦---\nb: 2\n", "a second document", id="two-documents"),
    pytest.param("---\na: 1\n...\n¦---\n", "a second document", id="empty-second-document"),
    pytest.param("¦%YAML 1.1\n---\na: on\n", "directives are not allowed", id="version-directive"),
    pytest.param("# c\n¦%TAG !e! x:\n---\na: 1\n", "directives are not", id="tag-directive"),
    pytest.param("¦%FOO bar\n---\na: 1\n", "directives are not allowed", id="unknown-directive"),
    pytest.param("a: b¦\x00c\n", "the character U+0000 cannot be seen", id="nul"),
    pytest.param("a: b\nc: ¦\x1b[31m\n", "the character U+001B cannot be seen", id="escape"),
    pytest.param("a: b¦\u2028c\n", "the character U+2028 cannot be seen", id="line-separator"),
    pytest.param("a: ¦\u202eb\n", "the character U+202E cannot be seen", id="right-to-left"),
    pytest.param("a: b¦\rc: d\n", "the character U+000D cannot be seen", id="lone-return"),
    pytest.param("¦*a : b\n", "aliases are not allowed", id="alias-as-a-key"),
]


def said_at(errors):
    """Return what is said at each `line:column`."""
    found = {}
    for error in errors:
        place = error.place.split(": ")[0].split(":", 1)[1]
        found[place] = f"{found.get(place, '')}{error.problem}\n"
    return found


@pytest.mark.parametrize(("text", "says"), BROKEN)
def test_a_file_that_is_not_one_plain_mapping_is_refused_at_its_place(refuse, text, says):
    errors, (place,) = refuse(text)

    assert place in said_at(errors)
    assert says in said_at(errors)[place]


REFUSED = [
    pytest.param("a: ¦*b\n", "aliases are not allowed", id="alias"),
    pytest.param("a: [¦*b]\n", "aliases are not allowed", id="alias-in-a-list"),
    pytest.param("<<: ¦*b\n", "aliases are not allowed", id="merge-key"),
    pytest.param("a: ¦&b c\n", "anchors are not allowed", id="anchor"),
    pytest.param("a: ¦&b {c: d}\n", "anchors are not allowed", id="anchor-on-a-mapping"),
    pytest.param("¦&b a: c\n", "anchors are not allowed", id="anchor-on-a-key"),
    pytest.param("a: ¦&b [¦*b]\n", "not allowed", id="cycle"),
    pytest.param("a: ¦!!str 1\n", "tags are not allowed", id="tag"),
    pytest.param("a: ¦! 1\n", "tags are not allowed", id="bare-tag"),
    pytest.param("a: ¦!!python/object/apply:os.system [ls]\n", "tags are not", id="python-tag"),
    pytest.param("¦!!map\na: b\n", "tags are not allowed", id="tag-on-the-file"),
    pytest.param("¦!!str a: b\n", "tags are not allowed", id="tag-on-a-key"),
    pytest.param("a: 1\n¦a: 2\n", "the key 'a' is there twice", id="key-twice"),
    pytest.param("a: 1\n¦'a': 2\n", "the key 'a' is there twice", id="quoted-key-twice"),
    pytest.param("a: {b: 1, ¦b: {c: 2}}\n", "the key 'b' is there twice", id="key-twice-inside"),
    pytest.param("a: 1\n¦a: 2\n¦a: 3\n", "the key 'a' is there twice", id="key-three-times"),
    pytest.param("¦1: a\n", "a key must be text, found the number 1", id="number-as-a-key"),
    pytest.param("¦true: a\n", "a key must be text, found the boolean", id="boolean-as-a-key"),
    pytest.param("¦~: a\n", "a key must be text, found nothing", id="nothing-as-a-key"),
    pytest.param('¦"\\ud800": a\n', "the character U+D800 cannot", id="half-a-character-as-a-key"),
    pytest.param("a: ¦.nan\n", ".nan is not a finite number", id="nan"),
    pytest.param("a: [¦-.inf]\n", "-.inf is not a finite number", id="infinity"),
    pytest.param("a: ¦1e999\n", "the number is too large", id="float-overflow"),
    pytest.param("a: ¦9223372036854775808\n", "the number is too large", id="over-64-bits"),
    pytest.param("a: ¦" + "9" * 5000 + "\n", "the number is too large", id="thousands-of-digits"),
    pytest.param('a: ¦"b\\0c"\n', "the character U+0000 cannot be seen", id="escaped-nul"),
    pytest.param('a: ¦"\\ud800"\n', "the character U+D800 cannot be seen", id="half-a-character"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED)
def test_what_only_the_format_refuses_does_not_hide_other_mistakes(refuse, text, says):
    """Each is reported at its place, and the keys of the file are judged too."""
    errors, places = refuse(text)

    found = said_at(errors)
    assert all(says in found[place] for place in places)
    assert any("missing key 'apiVersion'" in str(error) for error in errors)


def test_an_alias_bomb_is_refused_before_it_grows(refuse):
    errors, _ = refuse(ALIAS_BOMB)

    assert sum(error.problem == "aliases are not allowed" for error in errors) == 72
    assert sum(error.problem == "anchors are not allowed" for error in errors) == 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a: " + "[" * 33, ":1:36: values are nested deeper than 32", id="lists"),
        pytest.param("{a: " * 50_000, "values are nested deeper than 32 levels", id="mappings"),
        pytest.param("- " * 100_000, "values are nested deeper than 32 levels", id="dashes"),
        pytest.param("[" + "1," * MAX_NODES, "more than 5000 values", id="values"),
        pytest.param("#" * (MAX_BYTES + 1), ":1:1: the file is larger than 262144", id="bytes"),
    ],
)
def test_a_file_beyond_the_limits_is_refused(refuse, text, says):
    errors, _ = refuse(text)

    assert len(errors) == 1
    assert says in str(errors[0])


def test_a_file_of_unknown_keys_only_is_reported_in_full(refuse):
    errors, _ = refuse("".join(f"key{number}: 1\n" for number in range(1000)))

    assert sum("unknown key" in error.problem for error in errors) == 1000


def test_bytes_that_are_not_utf8_are_found(folder):
    path = folder / "cascade.yaml"
    path.write_bytes("kind: Cascade\nname: Zü".encode() + b"\xfcrich\n")

    with pytest.raises(SpecFileError, match=r"cascade\.yaml:2:9: the file is not UTF-8"):
        load_cascade(path)


def test_utf16_is_not_utf8(folder):
    path = folder / "cascade.yaml"
    path.write_text(EXAMPLE, encoding="utf-16")

    with pytest.raises(SpecFileError, match=r"cascade\.yaml:1:1: the file is not UTF-8"):
        load_cascade(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(load):
    assert load("\ufeff" + EXAMPLE.replace("\n", "\r\n")).name == "log_analysis"


def test_a_folded_text_is_one_line(load):
    header = EXAMPLE[EXAMPLE.index("metadata:") : EXAMPLE.index("spec:")]
    folded = "metadata:\n  name: folded\n  description: >-\n    two\n    lines\n"

    assert load(EXAMPLE.replace(header, folded)).document.metadata.description == "two lines"


def test_what_yaml_1_1_made_booleans_numbers_and_dates_is_text(load):
    labels = "[no, on, 2020-01-01, 12:30:45, 1_000]"
    text = EXAMPLE.replace(
        "match_description, labels: [mismatch, match]", f"level, labels: {labels}"
    )

    assert load(text).spec.task.labels == ("no", "on", "2020-01-01", "12:30:45", "1_000")


def test_numbers_may_be_written_in_every_form_of_yaml_1_2(load):
    text = EXAMPLE.replace("max_size: 64, max_wait_ms: 4", "max_size: 0x10, max_wait_ms: 1e-1")
    text = text.replace("top_k: 5", "top_k: 0o17").replace("llm_share: 0.15", "llm_share: .5")

    spec = load(text).spec
    assert spec.models["slm"].batch.max_size == 16
    assert spec.models["slm"].batch.max_wait_ms == 0.1
    assert spec.flow[2].top_k == 15
    assert spec.deferral.budget.llm_share == 0.5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("missing.yaml", "there is no such file", id="missing"),
        pytest.param("cascade.yaml/below", "cannot be read", id="below-a-file"),
        pytest.param("prompts", "it is a directory", id="directory"),
        pytest.param("pipe", "it is not a regular file", id="pipe"),
        pytest.param("a\0b", "there is no such|cannot be read", id="nul"),
        pytest.param("a" * 5000, "cannot be read", id="name-too-long"),
    ],
)
def test_a_path_that_is_no_file_is_refused_without_a_line(folder, name, says):
    (folder / "cascade.yaml").write_text(EXAMPLE, encoding="utf-8")
    os.mkfifo(folder / "pipe")

    with pytest.raises(SpecFileError, match=says) as caught:
        load_cascade(folder / name)
    assert caught.value.errors[0].place == str(folder / name)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    start=st.integers(0, len(EXAMPLE)),
    length=st.integers(0, 40),
    junk=st.text("{}[]:,-?&*!|>'\"%@`#\\\t\n xU01", max_size=8),
)
def test_a_damaged_file_is_loaded_or_refused_and_nothing_else(folder, start, length, junk):
    path = folder / "cascade.yaml"
    path.write_text(EXAMPLE[:start] + junk + EXAMPLE[start + length :], encoding="utf-8")

    try:
        assert isinstance(load_cascade(path), LoadedCascade)
    except SpecFileError as error:
        lines = [int(each.place.split(":")[1]) for each in error.errors]
        assert lines == sorted(lines)

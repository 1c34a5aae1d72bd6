import json

import pytest

from fakes.made_up_corpus import RIVERS, Library
from headgate.batch.corpus.tally import BuildProgress
from headgate.cli.index import progress_line


@pytest.fixture
def index(headgate):
    """Runs a verb of `headgate index`; whatever happens, it is said in lines of our own."""

    def command(*arguments):
        ended = headgate("index", *arguments)
        assert "Traceback" not in ended.err
        return ended

    return command


@pytest.fixture
def library(tmp_path):
    """The four rivers in a file, and their index by an encoder of words."""
    library = Library(tmp_path)
    library.write("rivers.jsonl", *RIVERS)
    library.build()
    return library


@pytest.mark.slow
def test_a_corpus_is_built_searched_and_changed_with_the_embedded_encoder(
    index, embedded_int8, tmp_path
):
    library = Library(tmp_path)
    library.write("rivers.jsonl", *RIVERS)
    path = library.write("rhine.md", "# Rhine\nIt rises in the Alps and passes Cologne.")

    built = index("build", "--input", library.files, "--output", library.place)
    assert (built.code, built.err) == (0, f"indexing to {library.place}\n")
    assert ["passages", "5"] in [line.split() for line in built.out.splitlines()]

    found = index("search", library.place, "Where does the Nile end?", "alps", "--output", "json")
    assert [line["hits"][0]["passage"]["title"] for line in found.lines] == ["Nile", "Rhine"]

    added = index("add", library.place, "--input", library.files, "--output", "json")
    assert (added.data["added"], added.data["files_unchanged"]) == (0, 2)

    gone = index("delete", library.place, "--source", path, "--output", "json")
    assert (gone.data["removed"], gone.data["passages"]) == (1, 4)
    by_vectors = index("search", library.place, "nile", "--by", "vectors", "--top-k", "1")
    assert by_vectors.out.splitlines()[1].startswith("nile")


def test_words_are_searched_without_an_encoder(index, library):
    ended = index("search", library.place, "giant mountains", "zzz", "--by", "words")

    assert ended.code == 0
    assert ended.out.splitlines()[1].startswith("elbe")
    assert ended.out.splitlines()[-1] == "zzz: nothing was found"


def test_a_long_passage_is_shown_by_its_beginning(index, tmp_path):
    library = Library(tmp_path)
    library.write("a.jsonl", ("a", "", "sea " * 100))
    library.build()

    row = index("search", library.place, "sea", "--by", "words").out.splitlines()[1]
    assert "sea..." in row.replace("sea ...", "sea...")
    hit = index("search", library.place, "sea", "--by", "words", "--output", "json").lines[0]
    assert len(hit["hits"][0]["passage"]["text"]) == 399


def test_the_status_is_shown(index, library):
    rows = [line.split(maxsplit=1) for line in index("status", library.place).out.splitlines()]

    assert ["state", "ready"] in rows
    assert ["encoder", "words:exact:256"] in rows
    assert index("status", library.place, "--output", "json").data["passages"] == 4


def test_ids_are_deleted(index, library):
    ended = index("delete", library.place, "--id", "nile", "--id", "oder", "--output", "json")

    assert (ended.code, ended.data["passages"], ended.data["removed"]) == (0, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["delete", "--id", "rhine"], "there is no passage 'rhine'"),
        (["delete", "--source", "nowhere"], "nothing came from 'nowhere'"),
        (["delete"], "Name what to delete with --source or --id"),
        (["search", "--top-k", "0", "sea"], "greater than or equal to 1"),
        (["add", "--input", "nowhere"], "there is no such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(index, library, arguments, message):
    verb, *others = arguments
    ended = index(verb, library.place, *others)

    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    "verb", [["search", "x", "sea"], ["status", "x"], ["delete", "x", "--id", "a"]]
)
def test_where_there_is_no_index_one_is_told_how_to_build_it(index, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)

    ended = index(*verb)

    assert ended.code == 2
    assert "index here. Build it with: headgate index build" in ended.err


@pytest.mark.slow
def test_wrong_rows_are_counted_and_the_first_is_named(index, embedded_int8, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "The Nile flows."}) + "\nbad\n{}\n")

    ended = index("build", "--input", tmp_path / "a.jsonl", "--output", tmp_path / "index")

    assert ended.code == 0
    assert "2 lines or rows are no passages, the first is" in ended.err
    assert "a.jsonl:2: the line is no JSON object" in ended.err


def test_progress_is_one_line():
    state = BuildProgress("embedding", 3, 17, 12_288, 143.2)

    assert progress_line(state) == "embedding: 12,288 passages, 143/s, 3 of 17 files"

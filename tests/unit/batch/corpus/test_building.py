import numpy as np
import pytest

from fakes.made_up_corpus import RIVERS, Library, WordEncoder
from headgate.artifact.manifest import MANIFEST
from headgate.batch.corpus import delete, status
from headgate.batch.lock import held
from headgate.errors import ArtifactError, InputError, JobLockedError, ModelError, NotFoundError


def test_a_question_finds_its_passage(rivers):
    assert rivers.found("Which river rises in the Giant Mountains?")[0] == "elbe"


def test_titles_are_searched(rivers):
    assert rivers.found("oder")[0] == "oder"
    assert "Oder. It rises in Moravia and ends in the Baltic Sea." in rivers.encoder.encoded


def test_what_was_done_is_told(library):
    library.write("rivers.jsonl", *RIVERS, RIVERS[0])
    library.write("notes.md", "# Rhine\nIt ends in the North Sea.")
    told = []

    made = library.build(report=told.append)

    assert (made.passages, made.added, made.embedded, made.duplicates) == (5, 6, 5, 1)
    assert (made.files_read, made.files_unchanged, made.wrong, made.removed) == (2, 0, 0, 0)
    assert [each.step for each in told][-2:] == ["embedding", "indexing"]
    assert (told[-1].passages, told[-1].files, told[-1].of_files) == (6, 2, 2)


def test_building_again_does_nothing(rivers):
    before = (rivers.place / MANIFEST).read_bytes()
    rivers.encoder.encoded.clear()

    made = rivers.build()

    assert (made.added, made.files_unchanged, made.generation) == (0, 1, 1)
    assert (rivers.place / MANIFEST).read_bytes() == before
    assert rivers.encoder.encoded == []


def test_a_changed_file_replaces_its_passages_and_embeds_only_what_is_new(rivers):
    rivers.write("rivers.jsonl", *RIVERS[1:], ("rhine", "Rhine", "It ends in the North Sea."))
    rivers.encoder.encoded.clear()

    made = rivers.add()

    assert sorted(rivers.ids()) == ["amazon", "elbe", "oder", "rhine"]
    assert rivers.encoder.encoded == ["Rhine. It ends in the North Sea."]
    assert (made.removed, made.added, made.generation) == (4, 4, 2)


def test_a_file_is_added(rivers):
    path = rivers.write("more.jsonl", ("rhine", "Rhine", "It ends in the North Sea."))

    assert rivers.add(path).passages == 5
    assert rivers.found("rhine")[0] == "rhine"


def test_a_deleted_file_is_found_no_more_and_can_be_added_again(rivers):
    path = rivers.write("more.jsonl", ("rhine", "Rhine", "It ends in the North Sea."))
    rivers.add()

    made = delete(rivers.place, sources=[str(path)])

    assert (made.passages, made.removed) == (4, 1)
    assert "rhine" not in rivers.found("rhine", 5)
    assert rivers.add(path).passages == 5


def test_a_directory_stands_for_all_files_below_it(rivers):
    assert delete(rivers.place, sources=[str(rivers.files)]).passages == 0
    assert rivers.found("nile") == []


def test_a_passage_is_deleted_by_its_id(rivers):
    delete(rivers.place, ids=["nile", "oder"])

    assert rivers.ids() == ["amazon", "elbe"]
    assert rivers.build().passages == 2


@pytest.mark.parametrize("named", [{"ids": ["nile", "rhine"]}, {"sources": ["/elsewhere"]}])
def test_nothing_is_deleted_when_something_named_is_not_there(rivers, named):
    with pytest.raises(NotFoundError, match=r"rhine|elsewhere"):
        delete(rivers.place, **named)

    assert len(rivers.ids()) == 4


def test_of_equal_passages_one_is_found_and_the_other_takes_its_place(library):
    """The second file keeps its own when the first is deleted, without being read again."""
    first = library.write("a.jsonl", ("one", "Nile", "It flows  north."))
    library.write("b.jsonl", ("two", "Nile", "It flows north. "))
    library.build()
    assert library.ids() == ["one"]

    delete(library.place, sources=[str(first)])

    assert library.ids() == ["two"]
    assert len(library.encoder.encoded) == 1


def test_a_second_passage_with_an_id_is_refused_and_counted(library):
    library.write("a.jsonl", ("nile", "Nile", "It flows north."), ("nile", "Nile", "It ends."))

    made = library.build()

    assert (made.passages, made.wrong) == (1, 1)
    assert made.first_wrong.endswith("a.jsonl:2: another passage has its id and another text")


def test_an_id_is_free_again_once_its_passage_is_gone(rivers):
    rivers.write("rivers.jsonl", ("nile", "Nile", "It is long."))

    assert rivers.add().wrong == 0
    assert rivers.open().passages(["nile"])[0].text == "It is long."


def test_no_passage_anywhere_is_an_error_and_no_index(library):
    library.write("a.jsonl", ("a", "", " "))

    with pytest.raises(InputError, match="there is no passage in it"):
        library.build()

    with pytest.raises(ArtifactError, match="no finished index"):
        library.open()


def test_too_many_wrong_rows_end_the_run(tmp_path):
    library = Library(tmp_path, max_errors=1)
    (library.files / "a.jsonl").write_text('{"text": "good"}\nbad\nbad\n')

    with pytest.raises(InputError, match="more than 1 lines or rows are wrong"):
        library.build()


def test_another_encoder_is_refused(rivers):
    rivers.encoder = WordEncoder(fingerprint="other:exact:256")

    with pytest.raises(ArtifactError, match="built with the encoder 'words:exact:256'"):
        rivers.build()
    with pytest.raises(ArtifactError, match="not 'other:exact:256'"):
        rivers.open(encoder="other:exact:256")


def test_an_encoder_that_reads_fewer_tokens_may_embed_questions(rivers):
    assert len(rivers.open(encoder="words:exact:128")) == 4


def test_vectors_that_are_no_numbers_are_refused(library):
    library.write("rivers.jsonl", *RIVERS)
    library.encoder.encode = lambda texts: np.full((len(texts), 32), np.nan, np.float32)

    with pytest.raises(ModelError, match="not finite"):
        library.build()


def test_two_builders_at_once_are_one_too_many(rivers):
    with held(rivers.place, "index"), pytest.raises(JobLockedError, match="works in it"):
        rivers.build()


@pytest.mark.parametrize("call", [delete, status], ids=["delete", "status"])
def test_what_is_no_index_is_left_alone(tmp_path, call):
    with pytest.raises(ArtifactError, match="there is no index here"):
        call(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_other_things_is_refused(library):
    library.write("rivers.jsonl", *RIVERS)
    library.place.mkdir()
    (library.place / "thesis.tex").write_text("precious")

    with pytest.raises(ArtifactError, match=r"holds 'thesis\.tex'"):
        library.build()


def test_a_full_disk_loses_nothing_that_was_committed(library):
    """What was embedded is not embedded again."""
    library.write("rivers.jsonl", *RIVERS)
    library.encoder.calls_left = 1
    with pytest.raises(OSError, match="No space"):
        library.build()
    assert (status(library.place).state, status(library.place).waiting) == ("unfinished", 2)

    library.encoder.calls_left = None
    made = library.build()

    assert (made.passages, made.embedded, len(library.encoder.encoded)) == (4, 2, 4)
    assert status(library.place).state == "ready"


def test_a_file_that_was_read_in_part_is_never_published(library):
    """It may be read to its end, or deleted."""
    whole = library.write("other.md", "The Rhine ends in the North Sea.")
    part = library.write("rivers.jsonl", *RIVERS)
    library.build(whole)
    library.encoder.calls_left = 1
    with pytest.raises(OSError, match="No space"):
        library.build(part)
    library.encoder.calls_left = None

    with pytest.raises(InputError, match="a run was stopped while it read this"):
        library.add(whole)
    assert len(library.ids()) == 1

    delete(library.place, sources=[str(part)])
    assert (status(library.place).state, len(library.ids())) == ("ready", 1)


def test_a_file_that_changed_while_a_run_was_stopped_is_read_from_its_start(library):
    library.write("rivers.jsonl", *RIVERS)
    library.encoder.calls_left = 1
    with pytest.raises(OSError, match="No space"):
        library.build()
    library.encoder.calls_left = None
    library.write("rivers.jsonl", *RIVERS[1:])

    library.build()

    assert library.ids() == ["amazon", "elbe", "oder"]


def test_what_no_manifest_lists_is_removed(rivers):
    stray = rivers.place / "segments" / "000000000099.arrow"
    stray.write_bytes(b"half")
    (rivers.place / "generation-000009").mkdir()

    rivers.build()

    assert not stray.exists()
    assert {path.name for path in rivers.place.glob("generation-*")} == {"generation-000001"}


def test_segments_without_a_living_passage_are_removed(rivers):
    delete(rivers.place, ids=["nile", "amazon"])

    assert len(list((rivers.place / "segments").iterdir())) == 2
    assert rivers.ids() == ["elbe", "oder"]


def test_the_status_says_what_there_is(rivers):
    found = status(rivers.place)

    assert (found.state, found.generation, found.passages, found.files) == ("ready", 1, 4, 1)
    assert (found.encoder, found.model, found.owner) == ("words:exact:256", "embedded", None)
    assert found.size_bytes > 1000

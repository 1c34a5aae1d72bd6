import json

import numpy as np
import pytest

from fakes.made_up_corpus import RIVERS, Library
from headgate.errors import ArtifactError, InputError, NotFoundError
from headgate.retrieval.corpus import CorpusIndex


@pytest.fixture
def index(rivers):
    return rivers.open()


def ask(library, index, *texts, top_k=2):
    return index.search(texts, library.encoder.encode(texts), top_k)


def test_each_query_has_its_own_passages_in_order(rivers, index):
    first, second = ask(rivers, index, "Baltic Sea", "Peru")

    assert (first[0].passage.id, second[0].passage.id) == ("oder", "amazon")
    assert len(first) == len(second) == 2


def test_a_hit_says_how_it_was_found(rivers, index):
    """First by vectors and by words: 1/61 twice."""
    hit = ask(rivers, index, "Elbe. It rises in the Giant Mountains and ends in the North Sea.")[0][
        0
    ]

    assert hit.passage.id == "elbe"
    assert hit.score == pytest.approx(2 / 61)
    assert hit.similarity == pytest.approx(1, abs=1e-3)
    assert hit.lexical > 0


def test_a_weight_of_almost_nothing_leaves_the_other_ranking(rivers, index):
    texts = ("the north sea",)
    vectors = rivers.encoder.encode(texts)

    by_words = index.search(texts, vectors, 4, weights=(1e-9, 1))[0]

    words = [each.passage.id for each in index.search_words(texts, 4)[0]]
    assert [each.passage.id for each in by_words][: len(words)] == words


def test_there_are_no_more_hits_than_passages(rivers, index):
    assert len(ask(rivers, index, "river", top_k=1000)[0]) == 4


def test_no_query_finds_nothing(rivers, index):
    assert index.search([], np.empty((0, 32), np.float32), 3) == []
    assert index.search_words([], 3) == []


def test_vectors_alone_are_ordered_by_cosine(rivers, index):
    hits = index.search_vectors(rivers.encoder.encode(["Nile flows north"]), 4)[0]

    scores = [each.score for each in hits]
    assert hits[0].passage.id == "nile"
    assert scores == sorted(scores, reverse=True) == [each.similarity for each in hits]


def test_passages_are_had_by_id(index):
    assert [each.title for each in index.passages(["oder", "nile"])] == ["Oder", "Nile"]
    assert index.passages([]) == []
    with pytest.raises(NotFoundError, match="no passage 'Nile'"):
        index.passages(["oder", "Nile"])


@pytest.mark.parametrize(
    ("vectors", "top_k", "problem"),
    [
        pytest.param(np.ones((1, 32), np.float32), 3, "not a finite vector", id="long"),
        pytest.param(np.full((1, 32), np.nan, np.float32), 3, "not a finite", id="nan"),
        pytest.param(np.ones((1, 31), np.float32), 3, "has the shape", id="dim"),
        pytest.param(np.ones((2, 32), np.float32), 3, "has the shape", id="count"),
        pytest.param(np.ones((1, 32)), 3, "float64", id="type"),
        pytest.param(np.eye(1, 32, dtype=np.float32), 0, "is 0", id="top-k"),
    ],
)
def test_what_does_not_fit_is_refused(index, vectors, top_k, problem):
    with pytest.raises(InputError, match=problem):
        index.search(["sea"], vectors, top_k)


def test_an_open_index_is_not_moved_by_a_change(rivers, index):
    """The reader's files are gone from the directory, and still its own."""
    rivers.write("rivers.jsonl", ("rhine", "Rhine", "It ends in the North Sea."))
    rivers.add()

    assert ask(rivers, index, "giant mountains")[0][0].passage.id == "elbe"
    assert [each.id for each in index.passages(["nile"])] == ["nile"]
    assert rivers.ids() == ["rhine"]


def test_every_damaged_file_is_noticed(rivers):
    """One byte of any file that the manifest lists, and of the manifest itself."""
    manifest = rivers.place / "manifest.json"
    names = json.loads(manifest.read_bytes())["files"]
    for path in (manifest, *(rivers.place / name for name in names)):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ArtifactError, match=r"altered|not the manifest"):
            rivers.open()
        path.write_bytes(whole)
    assert len(rivers.open()) == 4


def test_a_file_that_is_cut_off_or_gone_is_noticed(rivers):
    path = next(rivers.place.glob("segments/*.arrow"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ArtifactError, match=f"has {len(whole) - 1} bytes, not the {len(whole)}"):
        rivers.open()

    path.unlink()
    with pytest.raises(ArtifactError, match=f"{path.name}: is missing"):
        rivers.open()


def test_a_manifest_cannot_name_files_elsewhere(rivers):
    from headgate.artifact.manifest import seal

    path = rivers.place / "manifest.json"
    body = json.loads(path.read_bytes())
    del body["manifest_sha256"]
    body["files"]["segments/../../x.arrow"] = [0, ""]
    path.write_bytes(seal(body, ""))

    with pytest.raises(ArtifactError, match="lists a file"):
        rivers.open()


def test_nothing_is_not_an_index(tmp_path):
    with pytest.raises(ArtifactError, match=r"no finished index here\. Build it with: headgate"):
        CorpusIndex.open(tmp_path)


def test_many_passages_are_found_through_an_approximate_index(tmp_path):
    library = Library(tmp_path, exact_below=3)
    library.write("rivers.jsonl", *RIVERS)
    library.build()
    library.write("more.jsonl", ("rhine", "Rhine", "It ends in the North Sea."))
    library.add()

    index = library.open()
    assert index.dense.approximate
    assert ask(library, index, "Rhine. It ends in the North Sea.")[0][0].passage.id == "rhine"
    assert len(index.search_vectors(library.encoder.encode(["sea"]), 5)[0]) == 5

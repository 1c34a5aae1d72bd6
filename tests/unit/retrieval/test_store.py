from types import MappingProxyType

import numpy as np
import pytest

from headgate.artifact import Artifact, ArtifactWriter
from headgate.errors import ArtifactError, InputError
from headgate.retrieval.store import Document, VectorStore
from headgate.types import Hit

FILES = ["documents.jsonl", "index.faiss", "manifest.json"]
EAST = np.array([[1, 0]], dtype=np.float32)


def ids(hits):
    return [hit.id for hit in hits]


def rows(*values):
    return np.array(values, dtype=np.float32)


def documents(*names):
    return [Document(name, f"text of {name}", "test") for name in names]


def test_the_most_similar_documents_come_first_with_their_cosine(compass):
    hits = compass.search(EAST, 4)[0]

    assert ids(hits) == ["east", "between", "north", "west"]
    assert [hit.similarity for hit in hits] == pytest.approx([1.0, 0.6, 0.0, -1.0])
    assert hits[0] == Hit("east", 1.0, "the sun rises", {"label": "match"})


def test_each_query_has_its_own_hits_in_the_order_of_the_queries(compass):
    first, second = compass.search(rows([0, 1], [-1, 0]), 2)

    assert ids(first) == ["north", "between"]
    assert ids(second) == ["west", "north"]


def test_equally_similar_documents_come_in_the_order_they_were_added(compass):
    """North-east and south-east are equally far from east."""
    compass.add(documents("s", "n"), rows([0.8, -0.6], [0.8, 0.6]))

    assert ids(compass.search(EAST, 3)[0]) == ["east", "s", "n"]


def test_there_are_fewer_hits_than_asked_for_when_the_store_is_small(compass):
    assert [len(hits) for hits in compass.search(rows([0, 1], [1, 0]), 100)] == [4, 4]


def test_a_document_excluded_from_one_query_is_found_by_the_other(compass):
    east = rows([1, 0], [1, 0])

    first, second = compass.search(east, 2, exclude=[{"east", "unknown"}, set()])

    assert ids(first) == ["between", "north"]
    assert ids(second) == ["east", "between"]


def test_an_exclude_of_another_length_is_refused(compass):
    with pytest.raises(InputError, match="exclude: has 2 entries for 1 queries"):
        compass.search(EAST, 1, exclude=[set(), set()])


def test_removing_a_source_removes_all_of_it_and_nothing_else(compass):
    assert compass.remove("almanac") == 2
    assert compass.remove("almanac") == 0

    assert len(compass) == 2
    assert ids(compass.search(EAST, 4)[0]) == ["between", "west"]


def test_what_was_removed_can_be_added_again(compass):
    compass.remove("diary")
    compass.add(documents("west"), rows([-1, 0]))

    assert ids(compass.search(rows([-1, 0]), 1)[0]) == ["west"]
    assert len(compass) == 3


def test_an_empty_store_finds_nothing_and_can_grow(tmp_path):
    store = VectorStore.build([], np.empty((0, 2), np.float32), encoder="plane-1")
    store.save(tmp_path / "store")

    again = VectorStore.load(tmp_path / "store")

    assert again.search(rows([1, 0], [0, 1]), 3) == [(), ()]
    again.add(documents("east"), EAST)
    assert ids(again.search(EAST, 3)[0]) == ["east"]


def test_adding_nothing_changes_nothing(compass):
    compass.add([], np.empty((0, 2), np.float32))

    assert len(compass) == 4


def test_no_queries_have_no_hits(compass):
    assert compass.search(np.empty((0, 2), np.float32), 3) == []


def test_vectors_that_are_not_contiguous_are_understood(compass):
    backwards = np.array([[0, 1]], dtype=np.float32)[:, ::-1]

    assert ids(compass.search(backwards, 1)[0]) == ["east"]


@pytest.mark.parametrize(
    ("vectors", "problem"),
    [
        pytest.param(rows([1, 0, 0]), r"has the shape \(1, 3\), not \(n, 2\)", id="dim"),
        pytest.param(rows(1, 0), r"has the shape \(2,\), not \(n, 2\)", id="one-axis"),
        pytest.param(np.array([[1.0, 0.0]]), "has the type float64", id="float64"),
        pytest.param(np.array([[1, 0]]), "has the type int64", id="integers"),
        pytest.param(rows([1, 0], [np.nan, 0]), r"vectors\[1\]: is not a finite", id="nan"),
        pytest.param(rows([np.inf, 0]), r"vectors\[0\]: is not a finite", id="infinite"),
        pytest.param(rows([0, 0]), "vector of length 1", id="zero"),
        pytest.param(rows([3, 4]), "vector of length 1", id="not-normalised"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(compass, vectors, problem):
    with pytest.raises(InputError, match=problem):
        compass.search(vectors, 1)
    with pytest.raises(InputError, match=problem):
        compass.add(documents("a", "b")[: len(vectors)], vectors)
    assert len(compass) == 4


@pytest.mark.parametrize("top_k", [0, -1])
def test_asking_for_no_document_is_refused(compass, top_k):
    with pytest.raises(InputError, match=f"top_k: is {top_k}"):
        compass.search(EAST, top_k)


@pytest.mark.parametrize("shape", [(0,), (0, 0), (1, 2, 2)])
def test_a_store_needs_to_know_its_dimensions(shape):
    with pytest.raises(InputError, match=r"not \(documents, dim\)"):
        VectorStore.build([], np.zeros(shape, np.float32), encoder="plane-1")


def test_another_number_of_vectors_than_documents_is_refused(compass):
    with pytest.raises(InputError, match="has 1 rows for 2 documents"):
        compass.add(documents("a", "b"), EAST)


@pytest.mark.parametrize("names", [["new", "east"], ["new", "new"]], ids=["stored", "twice"])
def test_an_id_that_is_taken_is_refused_and_nothing_is_added(compass, names):
    with pytest.raises(InputError, match=r"documents\[1\]\.id: another document has this id"):
        compass.add(documents(*names), rows([1, 0], [0, 1]))

    assert len(compass) == 4
    assert ids(compass.search(EAST, 5)[0]) == ["east", "between", "north", "west"]


def test_no_text_is_in_an_error(compass):
    with pytest.raises(InputError) as caught:
        compass.add([Document("east", "canary", "canary")], EAST)

    assert "canary" not in str(caught.value)


def test_a_store_grows_past_the_limit_and_shrinks_again():
    names = [f"d{i}" for i in range(120)]
    angles = np.linspace(0, 3, 120)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    store = VectorStore.build(documents(*names[:99]), circle[:99], encoder="e", exact_below=100)
    assert not store.approximate

    store.add([Document(name, "", "late") for name in names[99:]], circle[99:])

    assert store.approximate
    assert [ids(hits) for hits in store.search(circle, 1)] == [[name] for name in names]
    assert store.remove("late") == 21
    assert ids(store.search(circle[119:], 1)[0]) == ["d98"]


@pytest.mark.parametrize("exact_below", [100, 3], ids=["exact", "ivf"])
def test_a_store_loaded_again_finds_the_same(tmp_path, exact_below):
    metadata = MappingProxyType({"reason": "line one\nline two\u2028\ud800 \N{SNOWMAN}"})
    stored = [Document("a", "first", "x", metadata), *documents("b", "c", "d")]
    vectors = rows([1, 0], [0, 1], [-1, 0], [0.6, 0.8])
    store = VectorStore.build(stored, vectors, encoder="plane-1", exact_below=exact_below)
    store.remove("nobody")
    store.save(tmp_path / "store")

    again = VectorStore.load(tmp_path / "store", expected_encoder="plane-1")

    assert again.search(vectors, 4) == store.search(vectors, 4)
    assert (len(again), again.dim, again.encoder) == (4, 2, "plane-1")
    assert again.approximate == store.approximate
    assert again.remove("test") == 3


def test_a_store_with_gaps_in_it_loads_again_and_keeps_its_order(compass, tmp_path):
    compass.remove("almanac")
    compass.save(tmp_path / "store")
    store = VectorStore.load(tmp_path / "store")

    store.add(documents("twin"), rows([0.6, 0.8]))

    assert ids(store.search(EAST, 3)[0]) == ["between", "twin", "west"]


def test_saving_twice_gives_the_same_bytes(compass, tmp_path):
    compass.save(tmp_path / "a")
    VectorStore.load(tmp_path / "a").save(tmp_path / "b")

    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_store_lives_in_a_folder_of_an_artifact(compass, tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        compass.save(writer.folder("error_cases"))
        writer.finish("cascade", {})

    store = VectorStore.load(Artifact.open(tmp_path / "fitted").folder("error_cases"))

    assert ids(store.search(EAST, 1)[0]) == ["east"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.75, 0.999])
def test_a_flipped_bit_is_found_before_anything_is_loaded(compass, tmp_path, name, part):
    compass.save(tmp_path / "store")
    path = tmp_path / "store" / name
    content = bytearray(path.read_bytes())
    content[int(part * len(content))] ^= 4
    path.write_bytes(bytes(content))

    with pytest.raises(ArtifactError, match=name):
        VectorStore.load(tmp_path / "store")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0.0, 0.5], ids=["empty", "half"])
def test_a_truncated_file_is_found_before_anything_is_loaded(compass, tmp_path, name, keep):
    compass.save(tmp_path / "store")
    path = tmp_path / "store" / name
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])

    with pytest.raises(ArtifactError, match=name):
        VectorStore.load(tmp_path / "store")


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_store_is_found_before_anything_is_loaded(compass, tmp_path, name):
    compass.save(tmp_path / "a")
    compass.remove("diary")
    compass.add(documents("x", "y"), rows([0, -1], [0.8, 0.6]))
    compass.save(tmp_path / "b")
    (tmp_path / "b" / name).replace(tmp_path / "a" / name)

    with pytest.raises(ArtifactError):
        VectorStore.load(tmp_path / "a")


def test_vectors_of_another_encoder_are_refused(compass, tmp_path):
    compass.save(tmp_path / "store")

    with pytest.raises(ArtifactError, match="encoder 'plane-1', not 'plane-2'"):
        VectorStore.load(tmp_path / "store", expected_encoder="plane-2")


def test_an_artifact_that_is_no_store_is_refused(tmp_path):
    with ArtifactWriter(tmp_path / "fitted") as writer:
        writer.finish("cascade", {})

    with pytest.raises(ArtifactError, match="is of the kind 'cascade', not 'vector_store'"):
        VectorStore.load(tmp_path / "fitted")


LINE = '{"number": 0, "id": "a", "text": "canary", "source": "s", "metadata": {}}\n'


@pytest.mark.parametrize(
    ("lines", "changes", "problem"),
    [
        pytest.param("canary\n", {}, r"documents\.jsonl:1: is not a document", id="not-json"),
        pytest.param("[]\n", {}, r"documents\.jsonl:1: is not a document", id="a-list"),
        pytest.param('{"id": "a"}\n', {}, "is not a document", id="no-number"),
        pytest.param('{"number": 0, "x": 1}\n', {}, "is not a document", id="other-fields"),
        pytest.param("", {}, "index and documents do not match", id="no-documents"),
        pytest.param(LINE + LINE, {}, "index and documents do not match", id="twice"),
        pytest.param(LINE, {"count": 2}, "index and documents do not match", id="count"),
        pytest.param(LINE, {"index": "ivf"}, "index and documents do not match", id="index"),
        pytest.param(LINE, {"dim": 3}, "has 2 dimensions, not 3", id="dim"),
        pytest.param(LINE, {"dim": "2"}, "has no fact 'dim' of the type int", id="dim-is-text"),
        pytest.param(LINE, {"encoder": None}, "has no fact 'encoder'", id="no-encoder"),
    ],
)
def test_a_store_sealed_with_a_mistake_in_it_is_refused(tmp_path, lines, changes, problem):
    """The hashes are right, so only what they cover can tell."""
    VectorStore.build(documents("a"), EAST, encoder="plane-1").save(tmp_path / "good")
    good = Artifact.open(tmp_path / "good")
    with ArtifactWriter(tmp_path / "bad") as writer:
        writer.path("index.faiss").write_bytes(good.path("index.faiss").read_bytes())
        writer.path("documents.jsonl").write_text(lines)
        writer.finish("vector_store", {**good.facts, **changes})

    with pytest.raises(ArtifactError, match=problem) as caught:
        VectorStore.load(tmp_path / "bad")

    assert "canary" not in str(caught.value)

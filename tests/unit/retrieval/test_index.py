import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import ArtifactError
from headgate.retrieval.index import VectorIndex


def unit_rows(rng, count, dim):
    rows = rng.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def filled(vectors, exact_below=1000):
    index = VectorIndex(vectors.shape[1], exact_below=exact_below)
    index.add(np.arange(len(vectors)), vectors)
    return index


def nearest(index, query, top_k):
    return index.nearest(query[np.newaxis], top_k, [set()])[0].numbers.tolist()


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    distinct=st.integers(1, 12),
    copies=st.integers(1, 9),
    top_k=st.integers(1, 30),
)
def test_exact_search_equals_a_stable_argsort_of_all_cosines(seed, distinct, copies, top_k):
    """Repeated rows make ties, also across the edge of the best `top_k`."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(unit_rows(rng, distinct, 5), copies, axis=0)
    vectors = vectors[rng.permutation(len(vectors))]
    queries = unit_rows(rng, 3, 5)
    cosines = (queries[:, np.newaxis].astype(np.float64) * vectors).sum(axis=2)

    found = filled(vectors).nearest(queries, top_k, [set()] * 3)

    expected = np.argsort(-cosines, axis=1, kind="stable")[:, :top_k]
    assert [neighbours.numbers.tolist() for neighbours in found] == expected.tolist()


@pytest.mark.parametrize("exact_below", [1000, 1], ids=["exact", "ivf"])
def test_of_many_equals_the_first_ones_are_found(exact_below):
    """FAISS alone keeps any five of the 300; which ones would change with the batch."""
    vectors = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (300, 1))

    assert nearest(filled(vectors, exact_below), vectors[0], 5) == [0, 1, 2, 3, 4]


def test_a_query_finds_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(7)
    index, queries = filled(unit_rows(rng, 500, 32)), unit_rows(rng, 64, 32)

    together = index.nearest(queries, 5, [set()] * 64)

    for query, found in zip(queries, together, strict=True):
        alone = index.nearest(query[np.newaxis], 5, [set()])[0]
        assert alone.similarities.tolist() == found.similarities.tolist()
        assert alone.numbers.tolist() == found.numbers.tolist()


def test_what_is_skipped_makes_room_for_the_next_nearest():
    index = filled(np.eye(3, dtype=np.float32))
    query = np.array([[0.8, 0.6, 0.0]], dtype=np.float32)

    assert index.nearest(query, 2, [{0}])[0].numbers.tolist() == [1, 2]
    assert index.nearest(query, 2, [{0, 1, 2}])[0].numbers.tolist() == []


def test_growing_to_the_limit_makes_it_approximate_and_loses_nothing():
    rng = np.random.default_rng(7)
    vectors = unit_rows(rng, 400, 8)
    index = filled(vectors[:399], exact_below=400)
    assert index.kind == "exact"

    index.add(np.array([399]), vectors[399:])

    assert index.kind == "ivf"
    assert len(index) == 400
    assert [nearest(index, vector, 1) for vector in vectors] == [[n] for n in range(400)]


def test_the_approximate_index_finds_almost_all_of_the_true_neighbours():
    rng = np.random.default_rng(7)
    centres = unit_rows(rng, 20, 16)
    rows = np.repeat(centres, 105, axis=0) + 0.1 * rng.normal(size=(2100, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    stored, queries = rows[np.arange(2100) % 105 < 100], rows[np.arange(2100) % 105 >= 100]

    exact = filled(stored, exact_below=10_000).nearest(queries, 10, [set()] * 100)
    rough = filled(stored, exact_below=2000).nearest(queries, 10, [set()] * 100)

    pairs = zip(exact, rough, strict=True)
    shared = [len(np.intersect1d(true.numbers, found.numbers)) for true, found in pairs]
    assert np.mean(shared) / 10 > 0.95


@pytest.mark.parametrize("exact_below", [1000, 50], ids=["exact", "ivf"])
def test_what_was_removed_is_never_found(exact_below):
    vectors = unit_rows(np.random.default_rng(7), 100, 4)
    index = filled(vectors, exact_below)

    index.remove(np.arange(0, 100, 2))

    found = index.nearest(vectors, 50, [set()] * 100)
    assert len(index) == 50
    assert {n for neighbours in found for n in neighbours.numbers.tolist()} == set(range(1, 100, 2))


def test_an_approximate_index_finds_what_it_has_even_far_from_the_query():
    """The lists near a query can be empty; it still gets as many neighbours as there are."""
    angles = np.linspace(0, 3, 200)
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    index = filled(arc, exact_below=100)

    index.remove(np.arange(10, 200))

    assert nearest(index, arc[199], 10) == list(range(9, -1, -1))
    assert nearest(index, arc[199], 3) == [9, 8, 7]
    assert nearest(index, arc[199], 50) == list(range(9, -1, -1))


def test_an_emptied_approximate_index_finds_nothing_and_takes_vectors_again():
    vectors = unit_rows(np.random.default_rng(7), 100, 4)
    index = filled(vectors, exact_below=50)

    index.remove(np.arange(100))
    assert nearest(index, vectors[0], 3) == []

    index.add(np.array([0]), vectors[:1])
    assert nearest(index, vectors[0], 3) == [0]


@pytest.mark.parametrize("exact_below", [1000, 50], ids=["exact", "ivf"])
def test_an_index_read_back_finds_the_same_and_can_still_change(tmp_path, exact_below):
    vectors = unit_rows(np.random.default_rng(7), 100, 4)
    index = filled(vectors, exact_below)
    index.write(tmp_path / "index.faiss")

    again = VectorIndex.read(tmp_path / "index.faiss", 4, exact_below=exact_below)

    assert again.kind == index.kind
    assert nearest(again, vectors[3], 10) == nearest(index, vectors[3], 10)
    again.remove(np.array([3]))
    again.add(np.array([100]), vectors[3:4])
    assert nearest(again, vectors[3], 1) == [100]


def test_no_queries_find_nothing():
    assert filled(np.eye(2, dtype=np.float32)).nearest(np.empty((0, 2), np.float32), 1, []) == []


def test_a_file_that_is_no_index_is_refused(tmp_path):
    (tmp_path / "index.faiss").write_bytes(b"not an index")

    with pytest.raises(ArtifactError, match=r"index\.faiss: FAISS cannot read it"):
        VectorIndex.read(tmp_path / "index.faiss", 4)


def test_an_index_of_another_kind_is_refused(tmp_path):
    faiss.write_index(faiss.IndexHNSWFlat(4, 8), str(tmp_path / "index.faiss"))

    with pytest.raises(ArtifactError, match="is an index of another kind"):
        VectorIndex.read(tmp_path / "index.faiss", 4)


def test_an_index_of_other_dimensions_is_refused(tmp_path):
    filled(np.eye(3, dtype=np.float32)).write(tmp_path / "index.faiss")

    with pytest.raises(ArtifactError, match="has 3 dimensions, not 4"):
        VectorIndex.read(tmp_path / "index.faiss", 4)

import faiss
import numpy as np
import pytest

from headgate.errors import ArtifactError
from headgate.retrieval.corpus import dense, segment
from headgate.retrieval.corpus.dense import Dense
from headgate.retrieval.corpus.passage import Passage
from headgate.retrieval.corpus.rows import Rows
from headgate.retrieval.corpus.segment import Segment

DIM = 16


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """2,000 vectors around 50 centres, in segments of 500 with numbers from 1,000."""
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((50, DIM))
    vectors = unit(centres[rng.integers(50, size=2000)] + 0.4 * rng.standard_normal((2000, DIM)))
    folder, segments = tmp_path_factory.mktemp("cloud"), []
    for first in range(0, 2000, 500):
        passages = [Passage(f"p{first + row}", "", "sea", "made up") for row in range(500)]
        segment.write(folder / str(first), passages, vectors[first : first + 500])
        segments.append(Segment.open(folder / str(first), 1000 + first, DIM))
    return Rows(segments, DIM), vectors


@pytest.fixture
def queries():
    return unit(np.random.default_rng(8).standard_normal((40, DIM)))


def test_rows_are_found_across_segments_in_any_order(cloud):
    rows, vectors = cloud
    numbers = np.array([2999, 1000, 1500, 1001])

    assert np.array_equal(rows.vectors(numbers), vectors[numbers - 1000].astype(np.float16))
    assert [each.id for each in rows.passages(numbers)] == ["p1999", "p0", "p500", "p1"]


def test_without_an_index_the_nearest_are_exact(cloud, queries):
    rows, vectors = cloud
    live = np.arange(1000, 3000, 2)
    expected = queries @ vectors[live - 1000].T

    for row, (positions, cosines) in enumerate(Dense(rows, live).nearest(queries, 10)):
        assert cosines == pytest.approx(np.sort(expected[row])[::-1][:10], abs=1e-3)
        assert cosines == pytest.approx(expected[row][positions], abs=1e-3)


def test_a_query_finds_the_same_alone_and_among_others(cloud, queries):
    found = Dense(cloud[0], np.arange(1000, 3000))
    together = found.nearest(queries, 10)

    for query, (positions, cosines) in zip(queries, together, strict=True):
        alone = found.nearest(query[np.newaxis], 10)[0]
        assert (alone[0].tolist(), alone[1].tolist()) == (positions.tolist(), cosines.tolist())


def test_the_approximate_index_finds_almost_all(cloud, queries, tmp_path):
    live = np.arange(1000, 3000)
    dense.write(tmp_path / "dense.faiss", cloud[0], live)
    approximate = Dense.open(cloud[0], live, tmp_path / "dense.faiss")

    assert approximate.approximate
    assert recall(approximate, Dense(cloud[0], live), queries) > 0.95


def test_an_index_is_changed_rather_than_made_anew(cloud, queries, tmp_path):
    """Its lists stay, and it holds what is live now and nothing else."""
    rows, _ = cloud
    old, new = np.arange(1000, 2500), np.arange(1200, 3000)
    before = tmp_path / "old.faiss", tmp_path / "old.npy"
    dense.write(before[0], rows, old)
    np.save(before[1], old)
    dense.write(tmp_path / "new.faiss", rows, new, before)

    lists = [faiss.read_index(str(tmp_path / name)).nlist for name in ("old.faiss", "new.faiss")]
    changed = Dense.open(rows, new, tmp_path / "new.faiss")
    assert lists[0] == lists[1]
    assert recall(changed, Dense(rows, new), queries) > 0.95


def test_an_outgrown_index_is_made_anew(cloud, tmp_path):
    rows, _ = cloud
    before = tmp_path / "old.faiss", tmp_path / "old.npy"
    dense.write(before[0], rows, np.arange(1000, 1200))
    np.save(before[1], np.arange(1000, 1200))
    dense.write(tmp_path / "new.faiss", rows, np.arange(1000, 3000), before)

    old, new = (faiss.read_index(str(tmp_path / name)) for name in ("old.faiss", "new.faiss"))
    assert old.nlist < new.nlist


def test_an_index_of_other_passages_is_refused(cloud, tmp_path):
    dense.write(tmp_path / "dense.faiss", cloud[0], np.arange(1000, 1300))

    with pytest.raises(ArtifactError, match="is no index of these passages"):
        Dense.open(cloud[0], np.arange(1000, 1301), tmp_path / "dense.faiss")


def test_what_is_no_index_is_refused(cloud, tmp_path):
    (tmp_path / "dense.faiss").write_bytes(b"x" * 100)

    with pytest.raises(ArtifactError, match="is no inverted file of FAISS"):
        Dense.open(cloud[0], np.arange(1000, 1300), tmp_path / "dense.faiss")


def recall(found, exact, queries):
    pairs = zip(found.nearest(queries, 10), exact.nearest(queries, 10), strict=True)
    return np.mean([len(set(a) & set(b)) / 10 for (a, _), (b, _) in pairs])

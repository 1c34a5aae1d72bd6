import asyncio

import numpy as np
import pytest

from fakes.tiny_models import LEVEL, RANK, TinyEncoder, caused, log, vector_of
from headgate.errors import HeadgateError, StageError
from headgate.retrieval.store import Document, VectorStore
from headgate.stages.contract import Batch
from headgate.stages.microbatch import Batching
from headgate.stages.retrieve import Retrieve
from headgate.types import Deadline

CASES = ("disk worn", "net loop", "disk gone", "likely heat")


@pytest.fixture
def store():
    """Four past cases; two of them are about disks."""
    documents = [Document(f"case-{text}", text, "fit", {"label": "net"}) for text in CASES]
    vectors = np.stack([vector_of(text) for text in CASES])
    return VectorStore.build(documents, vectors, encoder="tiny-1")


@pytest.fixture
def stage_of(store):
    def build(encoder=None, task=LEVEL, top_k=2):
        return Retrieve(
            "similar",
            "slm",
            task=task,
            store=store,
            encoder=encoder or TinyEncoder(),
            top_k=top_k,
            batching=Batching(max_wait_ms=0),
        )

    return build


def batch_of(*records, seconds=5.0):
    return Batch(records, Deadline.after(seconds), {})


def ids(cell):
    return [hit.id for hit in cell]


async def test_each_record_gets_the_cases_most_like_it(stage_of):
    cells = await stage_of().run(batch_of(log("disk 7 failed"), log("net 1 down")))

    assert ids(cells[0]) == ["case-disk worn", "case-disk gone"]
    assert ids(cells[1])[0] == "case-net loop"
    assert cells[0][0].similarity == pytest.approx(1)
    assert cells[0][0].metadata == {"label": "net"}


async def test_no_more_cases_are_found_than_asked_for_or_than_there_are(stage_of):
    assert [len(cell) for cell in await stage_of(top_k=1).run(batch_of(log("disk")))] == [1]
    assert [len(cell) for cell in await stage_of(top_k=9).run(batch_of(log("disk")))] == [4]


async def test_an_empty_store_finds_nothing():
    store = VectorStore.build([], np.empty((0, 8), np.float32), encoder="tiny-1")
    stage = Retrieve("similar", "slm", task=LEVEL, store=store, encoder=TinyEncoder(), top_k=2)

    assert await stage.run(batch_of(log("disk"), log("net"))) == [(), ()]


async def test_a_record_with_candidates_is_searched_with_all_its_text(stage_of):
    encoder = TinyEncoder()

    await stage_of(encoder, RANK).run(batch_of(caused("disk slow", "net loop", "disk worn")))

    assert encoder.calls == [["disk slow\nnet loop\ndisk worn"]]


async def test_equal_texts_are_encoded_once(stage_of):
    encoder = TinyEncoder()

    cells = await stage_of(encoder).run(batch_of(log("disk"), log("net"), log("disk")))

    assert encoder.calls == [["disk", "net"]]
    assert ids(cells[0]) == ids(cells[2]) != ids(cells[1])


async def test_one_text_that_breaks_the_encoder_leaves_the_others_their_cases(stage_of):
    cells = await stage_of().run(batch_of(log("disk"), log("poison 4711"), log("net")))

    assert isinstance(cells[1], StageError)
    assert "4711" not in str(cells[1])
    assert (len(cells[0]), len(cells[2])) == (2, 2)


async def test_one_vector_that_is_not_a_number_leaves_the_others_their_cases(stage_of):
    class Dividing(TinyEncoder):
        async def encode(self, texts):
            vectors = await super().encode(texts)
            vectors[[text == "net" for text in texts]] = np.nan
            return vectors

    cells = await stage_of(Dividing()).run(batch_of(log("disk"), log("net"), log("likely")))

    assert [isinstance(cell, HeadgateError) for cell in cells] == [False, True, False]


async def test_a_deadline_ends_the_wait(stage_of):
    encoder = TinyEncoder(may_answer=asyncio.Event())

    with pytest.raises(TimeoutError):
        await stage_of(encoder).run(batch_of(log("disk"), seconds=0.02))


async def test_a_search_by_text_takes_its_own_number_of_hits(stage_of):
    hits = await stage_of(top_k=1).search(["disk", "net"], 3)

    assert [len(found) for found in hits] == [3, 3]


async def test_warming_up_searches_once(stage_of):
    encoder = TinyEncoder()

    await stage_of(encoder).warm_up()

    assert len(encoder.calls) == 1

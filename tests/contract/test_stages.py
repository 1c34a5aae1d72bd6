"""What every kind of stage promises, whatever it does."""

import numpy as np
import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_models import LABELS, LEVEL, TinyEncoder, log, text_classifier, vector_of
from headgate.errors import HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.retrieval.store import Document, VectorStore
from headgate.stages.catalog import CATALOG, Classify, Retrieve, Verify
from headgate.stages.contract import Batch
from headgate.stages.microbatch import Batching
from headgate.types import Deadline, Hit, Judgement, Prediction

SECRET = "4711-secret"  # what a failing record holds, and no error may show
AT_ONCE = Batching(max_size=4, max_wait_ms=0)
LINES = [f"{word} {number}" for number in range(5) for word in ("disk", "net", "likely")]


def classify():
    return Classify(
        "s",
        "m",
        task=LEVEL,
        classifier=text_classifier(),
        encoder=TinyEncoder(),
        batching=AT_ONCE,
    )


def retrieve():
    documents = [Document(word, word, "fit") for word in ("disk", "net", "likely")]
    vectors = np.stack([vector_of(each.text) for each in documents])
    store = VectorStore.build(documents, vectors, encoder="tiny-1")
    return Retrieve(
        "s", "m", task=LEVEL, store=store, encoder=TinyEncoder(), top_k=1, batching=AT_ONCE
    )


def verify():
    def decide(request):
        word = request.fields["log"].split()[0]
        if word == "poison":
            raise ValueError(f"cannot read {request.fields['log']!r}")
        return "net" if word == "net" else "disk"

    model = LargeModel(ScriptedLm(decide), cache_entries=0)
    return Verify("s", "m", task=LEVEL, large_model=model, instruction="Sort.", evidence=None)


BUILDERS = {"classify": classify, "retrieve": retrieve, "verify": verify}


def test_every_kind_in_the_catalog_is_held_to_the_contract():
    assert set(BUILDERS) == set(CATALOG)


@pytest.fixture(params=sorted(CATALOG))
def stage(request):
    return BUILDERS[request.param]()


def batch_of(*records):
    return Batch(records, Deadline.after(5), {})


def shown(cell):
    """Return what of a cell depends on its record."""
    match cell:
        case Prediction() | Judgement():
            return cell.answer
        case tuple():
            return [hit.id for hit in cell]
        case HeadgateError():
            return type(cell)


@pytest.mark.parametrize("kind", sorted(CATALOG))
def test_a_stage_says_what_it_is(kind):
    stage = BUILDERS[kind]()

    assert type(stage) is CATALOG[kind]
    assert (stage.kind, stage.name, stage.model, stage.inputs) == (kind, "s", "m", ())


async def test_a_batch_gives_each_record_what_it_gets_alone(stage):
    records = [log(line) for line in LINES]

    cells = await stage.run(batch_of(*records))

    alone = [(await stage.run(batch_of(record)))[0] for record in records]
    assert [shown(cell) for cell in cells] == [shown(cell) for cell in alone]
    assert len({str(shown(cell)) for cell in cells}) > 1


async def test_a_batch_turned_around_gives_its_cells_turned_around(stage):
    records = [log(line) for line in LINES]

    cells = await stage.run(batch_of(*records))
    turned = await stage.run(batch_of(*reversed(records)))

    assert [shown(cell) for cell in turned] == [shown(cell) for cell in reversed(cells)]


async def test_a_record_that_is_there_twice_is_answered_twice(stage):
    cells = await stage.run(batch_of(log("disk"), log("net"), log("disk")))

    assert len(cells) == 3
    assert shown(cells[0]) == shown(cells[2]) != shown(cells[1])


@pytest.mark.parametrize("place", [0, 3, 9])
async def test_a_record_that_breaks_the_model_is_an_error_in_its_own_row(stage, place):
    records = [log(line) for line in LINES[:9]]
    wanted = [shown(cell) for cell in await stage.run(batch_of(*records))]
    records.insert(place, log(f"poison {SECRET}"))

    cells = await stage.run(batch_of(*records))

    error = cells.pop(place)
    assert isinstance(error, HeadgateError)
    assert SECRET not in f"{error!s}{error!r}"
    assert [shown(cell) for cell in cells] == wanted


async def test_a_batch_of_failing_records_has_an_error_in_each_row(stage):
    cells = await stage.run(batch_of(*[log(f"poison {number}") for number in range(6)]))

    assert len(cells) == 6
    assert all(isinstance(cell, HeadgateError) for cell in cells)


async def test_an_empty_batch_gives_no_cells(stage):
    assert await stage.run(batch_of()) == []


async def test_warming_up_twice_does_no_harm(stage):
    await stage.warm_up()
    await stage.warm_up()

    (cell,) = await stage.run(batch_of(log("disk")))
    assert isinstance(cell, Prediction | Judgement | tuple)
    assert shown(cell) in (LABELS[0], ["disk"])


async def test_cells_are_of_the_stages_own_type(stage):
    own = {"classify": Prediction, "retrieve": tuple, "verify": Judgement}

    (cell,) = await stage.run(batch_of(log("net")))

    assert isinstance(cell, own[stage.kind])
    if isinstance(cell, tuple):
        assert all(isinstance(hit, Hit) for hit in cell)

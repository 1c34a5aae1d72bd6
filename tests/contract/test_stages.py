"""What every kind of stage promises, whatever it does."""

import numpy as np
import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_models import LEVEL, TinyEncoder, log, text_classifier, vector_of
from fakes.tiny_tables import MATCHER, TARGET, one_column
from headgate.domains.schemas.match_record import NO_MATCH, ColumnRecord
from headgate.domains.schemas.match_task import MatchTask
from headgate.errors import HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.retrieval.store import Document, VectorStore
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.catalog import CATALOG, Candidates, Classify, Rerank, Retrieve, Verify
from headgate.stages.contract import Batch
from headgate.stages.microbatch import Batching
from headgate.types import Deadline, Hit, Judgement, Prediction, Shortlist

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


def candidates():
    return Candidates(
        "s",
        "m",
        encoder=TinyEncoder(),
        matcher=MATCHER,
        top_k=3,
        indexes=TargetIndexes(),
        batching=AT_ONCE,
    )


def rerank():
    def rank(item):
        name = item.fields["source column"]
        if name.startswith("poison"):
            raise ValueError(f"cannot read {name!r}")
        return {each.id: 0.9 for each in item.candidates if each.id.startswith(name.split()[0])}

    model = LargeModel(ScriptedLm(rank=rank), cache_entries=0)
    return Rerank("s", "m", task=MatchTask(), large_model=model, instruction="Match.", of="found")


def verify():
    def decide(request):
        word = request.fields["log"].split()[0]
        if word == "poison":
            raise ValueError(f"cannot read {request.fields['log']!r}")
        return "net" if word == "net" else "disk"

    model = LargeModel(ScriptedLm(decide), cache_entries=0)
    return Verify("s", "m", task=LEVEL, large_model=model, instruction="Sort.", evidence=None)


BUILDERS = {
    "classify": classify,
    "rerank": rerank,
    "retrieve:error_cases": retrieve,
    "retrieve:target": candidates,
    "verify": verify,
}
INPUTS = {"rerank": ("found",)}
OWN = {
    "classify": Prediction,
    "rerank": Judgement,
    "retrieve:error_cases": tuple,
    "retrieve:target": Shortlist,
    "verify": Judgement,
}
OF_DISK = {"retrieve:error_cases": ["disk"], "retrieve:target": "disk_x", "rerank": "disk_x"}
"""What comes of "disk"; its label where nothing else is said."""
FOUND = Prediction((*TARGET.ids, NO_MATCH), (1 / 7,) * 7)
"""What an earlier stage found for every column."""


def test_every_kind_in_the_catalog_is_held_to_the_contract():
    assert set(BUILDERS) == set(CATALOG)


@pytest.fixture(params=sorted(CATALOG))
def kind(request):
    return request.param


@pytest.fixture
def stage(kind):
    return BUILDERS[kind]()


@pytest.fixture
def record(kind):
    """Return what makes a record of a text, as the stage reads them."""
    return one_column if kind in ("rerank", "retrieve:target") else log


def batch_of(*records):
    columns = [each for each in records if isinstance(each, ColumnRecord)]
    return Batch(records, Deadline.after(5), {"found": [FOUND] * len(columns)})


def shown(cell):
    """Return what of a cell depends on its record."""
    match cell:
        case Prediction() | Judgement():
            return cell.answer
        case Shortlist():
            return cell.prediction.answer
        case tuple():
            return [hit.id for hit in cell]
        case HeadgateError():
            return type(cell)


def test_a_stage_says_what_it_is(kind, stage):
    assert type(stage) is CATALOG[kind]
    assert (stage.kind, stage.name, stage.model) == (kind.split(":")[0], "s", "m")
    assert stage.inputs == INPUTS.get(kind, ())


async def test_a_batch_gives_each_record_what_it_gets_alone(stage, record):
    records = [record(line) for line in LINES]

    cells = await stage.run(batch_of(*records))

    alone = [(await stage.run(batch_of(each)))[0] for each in records]
    assert [shown(cell) for cell in cells] == [shown(cell) for cell in alone]
    assert len({str(shown(cell)) for cell in cells}) > 1


async def test_a_batch_turned_around_gives_its_cells_turned_around(stage, record):
    records = [record(line) for line in LINES]

    cells = await stage.run(batch_of(*records))
    turned = await stage.run(batch_of(*reversed(records)))

    assert [shown(cell) for cell in turned] == [shown(cell) for cell in reversed(cells)]


async def test_a_record_that_is_there_twice_is_answered_twice(stage, record):
    cells = await stage.run(batch_of(record("disk"), record("net"), record("disk")))

    assert len(cells) == 3
    assert shown(cells[0]) == shown(cells[2]) != shown(cells[1])


@pytest.mark.parametrize("place", [0, 3, 9])
async def test_a_record_that_breaks_the_model_is_an_error_in_its_own_row(stage, record, place):
    records = [record(line) for line in LINES[:9]]
    wanted = [shown(cell) for cell in await stage.run(batch_of(*records))]
    records.insert(place, record(f"poison {SECRET}"))

    cells = await stage.run(batch_of(*records))

    error = cells.pop(place)
    assert isinstance(error, HeadgateError)
    assert SECRET not in f"{error!s}{error!r}"
    assert [shown(cell) for cell in cells] == wanted


async def test_a_batch_of_failing_records_has_an_error_in_each_row(stage, record):
    cells = await stage.run(batch_of(*[record(f"poison {number}") for number in range(6)]))

    assert len(cells) == 6
    assert all(isinstance(cell, HeadgateError) for cell in cells)


async def test_an_empty_batch_gives_no_cells(stage):
    assert await stage.run(batch_of()) == []


async def test_warming_up_twice_does_no_harm(kind, stage, record):
    await stage.warm_up()
    await stage.warm_up()

    (cell,) = await stage.run(batch_of(record("disk")))
    assert shown(cell) == OF_DISK.get(kind, "disk")


async def test_cells_are_of_the_stages_own_type(kind, stage, record):
    (cell,) = await stage.run(batch_of(record("net")))

    assert isinstance(cell, OWN[kind])
    if isinstance(cell, tuple):
        assert all(isinstance(hit, Hit) for hit in cell)

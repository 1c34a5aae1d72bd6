"""What every kind of stage promises, whatever it does."""

import numpy as np
import pytest

from fakes.made_up_corpus import Library, WordEncoder
from fakes.scripted_adviser import MeanWeigher, ScriptedAdviser, advising_model
from fakes.scripted_lm import ScriptedLm
from fakes.scripted_reader import ScriptedReader
from fakes.tiny_models import LEVEL, TinyEncoder, log, text_classifier, vector_of
from fakes.tiny_tables import MATCHER, TARGET, one_column
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.domains.schemas.match_task import MatchTask
from headgate.errors import HeadgateError
from headgate.lm.large_model import LargeModel
from headgate.lm.support import SupportRequest
from headgate.models.trust import Trust
from headgate.retrieval.store import Document, VectorStore
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.catalog import (
    CATALOG,
    Advise,
    Candidates,
    Classify,
    Decompose,
    Passages,
    Read,
    Rerank,
    Retrieve,
    Support,
    Synthesise,
    Verify,
)
from headgate.stages.contract import Batch
from headgate.stages.decompose import LmPlanner
from headgate.stages.microbatch import Batching
from headgate.stages.passages import open_corpus
from headgate.types import (
    Deadline,
    Hit,
    Judgement,
    Planned,
    PlanStep,
    Prediction,
    Reading,
    Record,
    Result,
    Shortlist,
)

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


def says_first_word(request):
    """Answer a question with its first word, and split it into that and what follows of it."""
    word = request.question.split()[0]
    if word == "poison":
        raise ValueError(f"cannot read {request.question!r}")
    if isinstance(request, SupportRequest):
        return {"reason": "because", "supported": False}
    steps = [{"question": each, "needs_context": True} for each in (word, "Why #1?")]
    return {"answer": word, "steps": steps}


def reading_model():
    return LargeModel(ScriptedReader(says_first_word), cache_entries=0)


def decompose():
    return Decompose("s", "m", planner=LmPlanner(reading_model(), "Split.", 8))


def read():
    return Read("s", "m", large_model=reading_model(), instruction="Answer.", trust=Trust.default())


class Shelf:
    """Finds the same passage for everybody."""

    top_k = 1

    async def search(self, texts, top_k):
        return [PASSAGES for _ in texts]


def support():
    return Support(
        "s",
        "m",
        large_model=reading_model(),
        instruction="Check.",
        trust=Trust.default(),
        evidence="passages",
        of="answer",
        passages=Shelf(),
        widen=3,
    )


class Steps:
    """Knows the answer to every step."""

    async def run(self, records, deadline, *, origin):
        return [Result(record.id, "known", 0.7) for record in records]


def synthesise():
    return Synthesise(
        "s",
        "m",
        large_model=reading_model(),
        instruction="Conclude.",
        trust=Trust.default(),
        plan="plan",
        earlier="answer",
        steps=Steps(),
    )


def advises_by_first_word(request):
    """Advise that whatever is about the net deserves the second label."""
    word = request.text.split()[0]
    if word == "poison":
        raise ValueError(f"cannot read {request.text!r}")
    return {"rationale": "because", "probability": 0.9 if word == "net" else 0.2}


def advise():
    return Advise(
        "s",
        "m",
        large_model=advising_model(ScriptedAdviser(advises_by_first_word)),
        perspectives={"style": "How is it written?", "sense": "Is it likely?"},
        weigher=MeanWeigher(),
        labels=("disk", "net"),
        of="first",
        batching=AT_ONCE,
    )


class Words:
    """Embeds as the corpus was embedded."""

    fingerprint = WordEncoder().fingerprint

    async def encode(self, texts):
        for text in texts:
            if text.startswith("poison"):
                raise ValueError(f"cannot read {text!r}")
        return WordEncoder().encode(texts)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three passages that are each about one word."""
    library = Library(tmp_path_factory.mktemp("corpus"))
    library.write("words.jsonl", *((word, "", f"{word} fails") for word in LINES[:3]))
    library.build()
    return open_corpus(library.place, Words.fingerprint)


def passages(corpus):
    return Passages("s", "m", corpus=corpus, encoder=Words(), top_k=1, batching=AT_ONCE)


BUILDERS = {
    "advise": advise,
    "classify": classify,
    "decompose": decompose,
    "read": read,
    "rerank": rerank,
    "retrieve:corpus": passages,
    "retrieve:error_cases": retrieve,
    "retrieve:target": candidates,
    "synthesise": synthesise,
    "verify": verify,
    "verify:step": support,
}
INPUTS = {
    "advise": ("first",),
    "rerank": ("found",),
    "synthesise": ("plan", "answer"),
    "verify:step": ("passages", "answer"),
}
OWN = {
    "advise": Judgement,
    "classify": Prediction,
    "decompose": Planned,
    "read": Reading,
    "rerank": Judgement,
    "retrieve:corpus": tuple,
    "retrieve:error_cases": tuple,
    "retrieve:target": Shortlist,
    "synthesise": Judgement,
    "verify": Judgement,
    "verify:step": Judgement,
}
OF_DISK = {
    "decompose": ["disk", "Why #1?"],
    "rerank": "disk_x",
    "retrieve:corpus": ["disk 0"],
    "retrieve:error_cases": ["disk"],
    "retrieve:target": "disk_x",
}
"""What comes of "disk"; its label where nothing else is said."""
PASSAGES = (Hit("p", 0.5, "It failed."),)
EARLIER = {
    "first": Prediction(("disk", "net"), (0.6, 0.4)),
    "found": Prediction((*TARGET.ids, NO_MATCH), (1 / 7,) * 7),
    "passages": PASSAGES,
    "answer": Reading(Prediction(("it",), (0.1,))),
    "plan": Planned((PlanStep(1, "Which?"), PlanStep(2, "Why #1?", True, (1,)))),
}
"""What earlier stages found for every record."""


def question(text):
    """Return a record of a question."""
    return Record(text, {"question": text})


def news(text):
    """Return a record of an item of news."""
    return Record(text, {"text": text})


def splittable(text):
    """Return a record of a question, or of none: where a planner fails there is no error."""
    return Record(text, {} if text.startswith("poison") else {"question": text})


RECORDS = {
    "advise": news,
    "decompose": splittable,
    "read": question,
    "rerank": one_column,
    "retrieve:corpus": question,
    "retrieve:target": one_column,
    "synthesise": question,
    "verify:step": question,
}
"""What makes a record of a text, as the stage reads them; a log line where nothing is said."""


def test_every_kind_in_the_catalog_is_held_to_the_contract():
    assert set(BUILDERS) == set(CATALOG)


@pytest.fixture(params=sorted(CATALOG))
def kind(request):
    return request.param


@pytest.fixture
def stage(kind, corpus):
    build = BUILDERS[kind]
    return build(corpus) if build is passages else build()


@pytest.fixture
def record(kind):
    return RECORDS.get(kind, log)


def batch_of(*records):
    columns = {name: [cell] * len(records) for name, cell in EARLIER.items()}
    return Batch(records, Deadline.after(5), columns)


def shown(cell):
    """Return what of a cell depends on its record."""
    match cell:
        case Prediction() | Judgement():
            return cell.answer
        case Shortlist() | Reading():
            return cell.prediction.answer
        case Planned():
            return [step.text for step in cell.steps]
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

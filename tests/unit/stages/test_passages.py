import asyncio

import numpy as np
import pytest

from fakes.made_up_corpus import Library, WordEncoder
from headgate.batch.corpus import delete
from headgate.domains.questions.task import CONTEXT, NO_CONTEXT, QUESTION
from headgate.errors import ArtifactError, HeadgateError, StageError
from headgate.stages.contract import Batch
from headgate.stages.microbatch import Batching
from headgate.stages.passages import Passages, open_corpus
from headgate.types import Deadline, Planned, PlanStep, Record

TOWN = (
    ("bank", "Leith Bank", "Founded in 1830, it lent money to the fishing fleet."),
    ("rook", "Rook", "A black bird that lives in tall trees."),
    ("heron", "Heron", "A grey bird that stands in shallow water."),
    ("ferry", "Ferry", "Crosses twice a day when there is no ice."),
)
LINKED = (
    ("mill", "Harbour Mill", "Harbour Mill was built in 1902 for Ada Pell, who ground barley."),
    ("pell", "Ada Pell", "Born in 1861, she died a wealthy woman."),
)
WORDS = WordEncoder()


class Embedder:
    """Embeds as the index was, and remembers what it was asked."""

    fingerprint = WORDS.fingerprint

    def __init__(self, may_answer=None):
        self.calls, self.may_answer = [], may_answer

    async def encode(self, texts):
        self.calls.append(list(texts))
        if self.may_answer is not None:
            await self.may_answer.wait()
        if any(text.startswith("poison") for text in texts):
            raise ValueError(f"cannot read {texts!r}")
        return WORDS.encode(texts)


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path, segment_rows=2)
    library.write("town.jsonl", *TOWN)
    library.build()
    return library


@pytest.fixture
def linked(library):
    """The same with two passages of which one names the other."""
    library.write("linked.jsonl", *LINKED)
    library.build()
    return library


@pytest.fixture
def stage_of(library):
    def build(encoder=None, top_k=2, plan=None):
        return Passages(
            "found",
            "embedder",
            corpus=open_corpus(library.place, WORDS.fingerprint),
            encoder=encoder or Embedder(),
            top_k=top_k,
            plan=plan,
            batching=Batching(max_wait_ms=0),
        )

    return build


def asks(text, record_id="", **fields):
    return Record(record_id or text, {QUESTION: text, **fields})


def batch_of(*records, seconds=5.0, columns=None):
    return Batch(records, Deadline.after(seconds), columns or {})


def ids(cell):
    return [hit.id for hit in cell]


def steps(*texts):
    return Planned(tuple(PlanStep(number, text) for number, text in enumerate(texts, 1)))


async def test_each_question_gets_the_passages_that_answer_it(stage_of):
    cells = await stage_of().run(
        batch_of(
            asks("Which black bird lives in tall trees?"),
            asks("Who lent money to the fishing fleet?"),
        )
    )

    assert [ids(cell)[0] for cell in cells] == ["rook", "bank"]


async def test_a_hit_has_title_text_and_the_cosine_with_the_question(stage_of):
    ((hit, *_),) = await stage_of().run(batch_of(asks("Which black bird lives in tall trees?")))

    question, passage = WORDS.encode(
        ["Which black bird lives in tall trees?", f"Rook. {TOWN[1][2]}"]
    )
    assert (hit.id, hit.text, hit.metadata) == ("rook", TOWN[1][2], {"title": "Rook"})
    assert hit.similarity == pytest.approx(float(question @ passage), abs=1e-3)


async def test_a_passage_that_a_good_passage_names_is_found_too(linked, stage_of):
    """Ada Pell shares no word with the question; Harbour Mill names her."""
    (cell,) = await stage_of().run(batch_of(asks("Who had Harbour Mill built?")))

    assert ids(cell) == ["mill", "pell"]


async def test_steps_of_a_plan_are_searched_for_too(stage_of):
    stage = stage_of(plan="plan")
    question = asks("Are both as grey as a heron?")

    (alone,) = await stage.run(batch_of(question, columns={"plan": [steps("one")]}))
    plan = steps("What lent money to the fishing fleet?", "Is #1 as grey as a heron?")
    (planned,) = await stage.run(batch_of(question, columns={"plan": [plan]}))

    assert stage.inputs == ("plan",)
    assert set(ids(planned)) == {"bank", "heron"}
    assert "bank" not in ids(alone)


async def test_a_step_that_waits_for_an_answer_is_not_searched_for(stage_of):
    encoder = Embedder()
    plan = steps("Who had the mill built?", "When was #1 born?")

    await stage_of(encoder, plan="plan").run(batch_of(asks("When?"), columns={"plan": [plan]}))

    assert encoder.calls == [["When?", "Who had the mill built?"]]


async def test_a_plan_that_failed_leaves_the_question(stage_of):
    failed = StageError("stage 'plan'", "the model failed", "Report it.")
    stage = stage_of(plan="plan")

    (cell,) = await stage.run(
        batch_of(asks("Which black bird lives in tall trees?"), columns={"plan": [failed]})
    )

    assert ids(cell)[0] == "rook"


async def test_a_record_that_needs_no_context_gets_none_and_is_not_embedded(stage_of):
    encoder = Embedder()

    cells = await stage_of(encoder).run(
        batch_of(
            asks("Is 3 below 5?", **{CONTEXT: NO_CONTEXT}),
            asks("Which black bird lives in tall trees?"),
        )
    )

    assert cells[0] == ()
    assert ids(cells[1])[0] == "rook"
    assert encoder.calls == [["Which black bird lives in tall trees?"]]


async def test_an_empty_corpus_finds_nothing_and_embeds_nothing(library, stage_of):
    delete(library.place, ids=[each[0] for each in TOWN])
    encoder = Embedder()
    stage = stage_of(encoder)

    assert await stage.run(batch_of(asks("a"), asks("b"))) == [(), ()]
    assert await stage.search(["a"], 3) == [()]
    assert encoder.calls == []


async def test_passages_that_were_deleted_are_not_named(linked, stage_of):
    delete(linked.place, ids=["pell"])

    (cell,) = await stage_of(top_k=9).run(batch_of(asks("Who had Harbour Mill built?")))

    assert sorted(ids(cell)) == ["bank", "ferry", "heron", "mill", "rook"]


async def test_equal_questions_are_embedded_once(stage_of):
    encoder = Embedder()

    cells = await stage_of(encoder).run(batch_of(asks("bird", "1"), asks("bird", "2")))

    assert encoder.calls == [["bird"]]
    assert cells[0] == cells[1]


async def test_no_more_are_found_than_asked_for_or_than_there_are(stage_of):
    stage = stage_of()

    assert [len(each) for each in await stage.run(batch_of(asks("bird")))] == [2]
    assert [len(each) for each in await stage.search(["bird", "mill"], 9)] == [4, 4]


async def test_one_question_that_breaks_the_encoder_leaves_the_others_theirs(stage_of):
    cells = await stage_of().run(batch_of(asks("bird"), asks("poison 4711"), asks("mill")))

    assert isinstance(cells[1], StageError)
    assert "4711" not in str(cells[1])
    assert (len(cells[0]), len(cells[2])) == (2, 2)


async def test_a_step_that_breaks_the_encoder_is_its_own_records_error(stage_of):
    columns = {"plan": [steps("a", "poison"), steps("bird", "mill")]}

    cells = await stage_of(plan="plan").run(batch_of(asks("a"), asks("b"), columns=columns))

    assert [isinstance(cell, HeadgateError) for cell in cells] == [True, False]


async def test_one_vector_that_is_not_a_number_leaves_the_others_theirs(stage_of):
    class Dividing(Embedder):
        async def encode(self, texts):
            vectors = await super().encode(texts)
            vectors[[text == "mill" for text in texts]] = np.nan
            return vectors

    cells = await stage_of(Dividing()).run(batch_of(asks("bird"), asks("mill"), asks("bank")))

    assert [isinstance(cell, HeadgateError) for cell in cells] == [False, True, False]


async def test_a_deadline_ends_the_wait(stage_of):
    with pytest.raises(TimeoutError):
        await stage_of(Embedder(asyncio.Event())).run(batch_of(asks("bird"), seconds=0.02))


async def test_warming_up_searches_once(stage_of):
    encoder = Embedder()

    await stage_of(encoder).warm_up()

    assert len(encoder.calls) == 1


def test_a_corpus_of_another_encoder_is_refused(library):
    with pytest.raises(ArtifactError, match="was built with the encoder"):
        open_corpus(library.place, "others:exact:256")


def test_a_corpus_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="no finished index"):
        open_corpus(tmp_path, WORDS.fingerprint)

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest

from fakes.openai_endpoint import FakeEndpoint, chat_completion, fails, hangs, says
from fakes.scripted_lm import ScriptedLm, says_scores
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import (
    DeadlineError,
    InputError,
    LmAnswerError,
    LmError,
    LmRefusedError,
    ReplayMissError,
    StageError,
    UnavailableError,
)
from headgate.lm.large_model import LargeModel
from headgate.lm.ledger import Price
from headgate.lm.openai_engine import OpenAiEngine
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.stages import rerank
from headgate.stages.contract import Batch
from headgate.stages.rerank import Ranking, Rerank
from headgate.types import Candidate, Deadline, Judgement, Prediction, Record, Shortlist, Usage

FOUND = Prediction(("age", "sex", "site", NO_MATCH), (0.5, 0.3, 0.1, 0.1))
NOTHING = Prediction((NO_MATCH,), (1.0,))
FAILED = StageError("stage 'candidates'", "the model failed", "Report it.")
SHOWN = {"candidates": FOUND}
PRICE = Price(1.0, 2.0)


class ColumnTask:
    """Shows a column's name and the options as they are; a poisoned one cannot be shown."""

    def shown_fields(self, record):
        if record.fields["column"] == "refused":
            raise InputError("record", "it is no column", "Send tables.")
        if record.fields["column"].startswith("poison"):
            raise ValueError(f"cannot read {record.fields['column']!r}")
        return {"name": record.fields["column"]}

    def shown_candidates(self, record, prediction):
        return tuple(Candidate(own, f"about {own}") for own in prediction.options[:-1])


class OtherTask(ColumnTask):
    """Shows a candidate that nobody found."""

    def shown_candidates(self, record, prediction):
        return (Candidate("other", "x"),)


def column(name, record_id=""):
    return Record(record_id or name, {"column": name})


def stage_of(engine, items_per_prompt=1, none_below=0.5, task=None, **options):
    model = LargeModel(engine, **{"price": PRICE, "backoff_s": (0, 0), **options})
    return Rerank(
        "judge",
        "llm",
        task=task or ColumnTask(),
        large_model=model,
        instruction="Match the columns.",
        of="candidates",
        ranking=Ranking(items_per_prompt, none_below),
    )


def batch_of(*records, cells=None, seconds=5.0):
    found = [FOUND] * len(records) if cells is None else cells
    return Batch(records, Deadline.after(seconds), {"candidates": found})


def by_name(item):
    """Score the candidate that the column is named for."""
    return {c.id: 0.9 for c in item.candidates if item.fields["name"].startswith(c.id)}


def answers_of(cells):
    return [cell.answer if isinstance(cell, Judgement) else type(cell) for cell in cells]


def names_in(engine):
    """Return the columns of each prompt."""
    return [[item.fields["name"] for item in request.items] for request in engine.requests]


@pytest.fixture
async def serve():
    """Start an endpoint that plays a script, and a stage that asks it."""
    async with AsyncExitStack() as stack:

        async def start(*script, **options):
            endpoint = await stack.enter_async_context(FakeEndpoint(*script))
            engine = OpenAiEngine("fake", base_url=endpoint.base_url)
            stage = stage_of(engine, **options)
            stack.push_async_callback(stage.large_model.close)
            return stage, endpoint

        yield start


class TestJudgement:
    async def test_the_best_score_decides_and_all_scores_are_told(self):
        engine = ScriptedLm(rank=lambda item: {"sex": 0.3, "site": 0.8})

        (cell,) = await stage_of(engine).run(batch_of(column("tumour")))

        usage = Usage(1, 10, 5, pytest.approx(20e-6))
        assert cell == Judgement("site", "", usage, scores={"site": 0.8, "sex": 0.3})
        assert list(cell.scores) == ["site", "sex"]

    @pytest.mark.parametrize(
        ("scores", "none_below", "answer"),
        [
            pytest.param({}, 0.5, NO_MATCH, id="none-fits"),
            pytest.param({}, 0.0, NO_MATCH, id="none-fits-without-threshold"),
            pytest.param({"age": 0.49, "sex": 0.1}, 0.5, NO_MATCH, id="below"),
            pytest.param({"age": 0.5}, 0.5, "age", id="at"),
            pytest.param({"sex": 0.7, "age": 0.7}, 0.5, "age", id="tie-goes-to-the-earlier"),
            pytest.param({"sex": 0.0}, 0.0, "sex", id="zero-is-a-score"),
        ],
    )
    async def test_too_low_a_score_is_no_match(self, scores, none_below, answer):
        stage = stage_of(ScriptedLm(rank=lambda item: scores), none_below=none_below)

        (cell,) = await stage.run(batch_of(column("x")))

        assert (cell.answer, cell.scores) == (answer, scores)

    async def test_a_record_without_candidates_has_no_match_and_costs_nothing(self):
        engine = ScriptedLm()
        stage = stage_of(engine)

        cells = await stage.run(batch_of(column("x"), cells=[NOTHING]))

        assert cells == [Judgement(NO_MATCH, "", Usage())]
        assert engine.requests == []
        assert stage.largest_cost_usd(column("x"), {"candidates": NOTHING}) == 0.0

    async def test_what_failed_before_stays_failed_and_is_not_asked_about(self):
        engine = ScriptedLm(rank=by_name)
        stage = stage_of(engine, items_per_prompt=3)

        cells = await stage.run(
            batch_of(column("sex"), column("b"), column("age"), cells=[FOUND, FAILED, FOUND])
        )

        assert answers_of(cells) == ["sex", StageError, "age"]
        assert cells[1] is FAILED
        assert names_in(engine) == [["sex", "age"]]
        assert stage.largest_cost_usd(column("b"), {"candidates": FAILED}) == 0.0
        assert stage.expected_usage(column("b"), {"candidates": FAILED}) == Usage()

    async def test_a_shortlist_is_as_good_as_its_prediction(self):
        stage = stage_of(ScriptedLm(rank=by_name))

        (cell,) = await stage.run(batch_of(column("sex"), cells=[Shortlist(FOUND)]))

        assert cell.answer == "sex"

    def test_what_is_expected_is_one_call_below_the_bound(self):
        stage = stage_of(ScriptedLm())

        expected = stage.expected_usage(column("pt_age"), SHOWN)

        assert (expected.calls, expected.estimated) == (1, True)
        assert 0 < expected.cost_usd < stage.largest_cost_usd(column("pt_age"), SHOWN)

    async def test_the_model_is_asked_with_the_prompt_and_what_the_task_shows(self):
        engine = ScriptedLm()
        stage = stage_of(engine)

        await stage.run(batch_of(column("pt_age", "r1")))

        (request,) = engine.requests
        assert stage.inputs == ("candidates",)
        assert request == stage.request([column("pt_age", "r1")], [FOUND])
        assert (request.instruction, request.record_ids) == ("Match the columns.", ("r1",))
        assert request.items[0].candidates[2] == Candidate("site", "about site")


class TestSharedPrompts:
    async def test_records_are_put_together_in_order(self):
        engine = ScriptedLm(rank=by_name)
        names = ["age 1", "sex 2", "site 3", "x 4", "age 5"]

        cells = await stage_of(engine, items_per_prompt=2).run(batch_of(*map(column, names)))

        assert names_in(engine) == [["age 1", "sex 2"], ["site 3", "x 4"], ["age 5"]]
        assert answers_of(cells) == ["age", "sex", "site", NO_MATCH, "age"]

    async def test_what_a_prompt_took_is_told_with_its_first_record(self):
        stage = stage_of(ScriptedLm(), items_per_prompt=2)

        cells = await stage.run(batch_of(column("a"), column("b"), column("c")))

        paid = Usage(1, 10, 5, pytest.approx(20e-6))
        assert [cell.usage for cell in cells] == [paid, Usage(), paid]
        assert sum((cell.usage for cell in cells), Usage()) == stage.large_model.ledger.total()

    async def test_a_prompt_is_no_longer_than_the_cap_unless_one_record_is(self):
        """Of 4,000 characters a record, and a little around them, fourteen fit; of one, none."""
        engine = ScriptedLm()
        wide = tuple(f"{place}" * 495 for place in range(10, 80))
        cells = [FOUND] * 16 + [Prediction((*wide, NO_MATCH), (1 / 71,) * 71), FOUND]
        records = [column(f"{place:04000}") for place in range(18)]

        await stage_of(engine, items_per_prompt=99).run(batch_of(*records, cells=cells))

        assert [len(names) for names in names_in(engine)] == [14, 2, 1, 1]
        chars = [sum(item.shown_chars() for item in each.items) for each in engine.requests]
        assert [size > rerank.MAX_PROMPT_CHARS for size in chars] == [False, False, True, False]

    async def test_all_prompts_are_asked_at_once(self):
        engine = ScriptedLm()
        run = asyncio.create_task(
            stage_of(engine, items_per_prompt=2).run(batch_of(*[column("held")] * 6))
        )
        while not engine.active:
            await asyncio.sleep(0)
        engine.may_answer.set()

        assert len(await run) == 6

    def test_their_bounds_together_are_enough_for_the_prompt(self):
        stage = stage_of(ScriptedLm())
        records = [column("pt_age"), column("gender" * 50), column("é\u202e")]

        alone = [stage.largest_cost_usd(record, SHOWN) for record in records]

        shared = stage.large_model.largest_cost_usd(stage.request(records, [FOUND] * 3))
        assert 0 < max(alone) < shared <= sum(alone)

    async def test_equal_prompts_are_paid_for_once(self):
        stage = stage_of(ScriptedLm(), items_per_prompt=2)

        cells = await stage.run(batch_of(column("a"), column("b"), column("a"), column("b")))

        assert [cell.usage.calls for cell in cells] == [1, 0, 0, 0]
        assert [cell.cached for cell in cells] == [False, False, True, True]


class TestFailures:
    @pytest.mark.parametrize(
        ("failure", "kind"),
        [
            pytest.param(LmRefusedError("llm", "no key", "Set it."), LmRefusedError, id="refused"),
            pytest.param(UnavailableError("llm", "gone", "Wait."), UnavailableError, id="gone"),
            pytest.param(ValueError("saw 4711-secret"), StageError, id="bug-in-the-engine"),
        ],
    )
    async def test_a_prompt_that_fails_takes_its_own_records_only(self, failure, kind):
        def rank(item):
            if item.fields["name"] == "bad":
                raise failure
            return {"age": 0.9}

        cells = await stage_of(ScriptedLm(rank=rank), items_per_prompt=2).run(
            batch_of(*map(column, ["a", "b", "c", "bad", "e"]))
        )

        assert answers_of(cells) == ["age", "age", kind, kind, "age"]
        assert "4711" not in f"{cells[2]} {cells[3]}"

    @pytest.mark.parametrize(
        ("name", "cell"),
        [
            pytest.param("poison 4711-secret", FOUND, id="cannot-be-shown"),
            pytest.param("b", (), id="no-prediction"),
            pytest.param("b", Prediction(("age", "sex"), (0.5, 0.5)), id="without-no-match"),
            pytest.param("b", Prediction((), ()), id="without-options"),
        ],
    )
    async def test_a_record_that_cannot_be_asked_about_leaves_the_prompt_of_the_others(
        self, name, cell
    ):
        engine = ScriptedLm(rank=by_name)
        stage = stage_of(engine, items_per_prompt=3)

        cells = await stage.run(
            batch_of(column("sex"), column(name), column("age"), cells=[FOUND, cell, FOUND])
        )

        assert answers_of(cells) == ["sex", StageError, "age"]
        assert "4711" not in str(cells[1])
        assert names_in(engine) == [["sex", "age"]]
        assert stage.largest_cost_usd(column(name), {"candidates": cell}) == 0.0

    async def test_an_error_of_ours_about_a_record_is_its_cell(self):
        (cell,) = await stage_of(ScriptedLm()).run(batch_of(column("refused")))

        assert isinstance(cell, InputError)

    async def test_a_task_that_shows_other_candidates_than_were_found_is_a_bug(self):
        (cell,) = await stage_of(ScriptedLm(), task=OtherTask()).run(batch_of(column("a")))

        assert isinstance(cell, StageError)

    async def test_records_whose_time_is_over_have_a_deadline_error_each(self):
        engine = ScriptedLm(rank=by_name)

        cells = await stage_of(engine).run(batch_of(column("held"), column("age"), seconds=0.05))

        assert answers_of(cells) == [DeadlineError, "age"]
        assert engine.active == 0

    async def test_a_deadline_that_has_passed_calls_nobody(self):
        engine = ScriptedLm()
        late = Batch([column("a")], Deadline(time.monotonic() - 1), {"candidates": [FOUND]})

        cells = await stage_of(engine).run(late)

        assert answers_of(cells) == [DeadlineError]
        assert engine.requests == []

    async def test_giving_up_cancels_every_call(self):
        engine = ScriptedLm()
        run = asyncio.create_task(
            stage_of(engine).run(batch_of(column("held 1"), column("held 2")))
        )
        while engine.active < 2:
            await asyncio.sleep(0)

        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await asyncio.sleep(0)

        assert run.cancelled()
        assert (engine.active, engine.cancelled) == (0, 2)


async def test_an_empty_batch_gives_no_cells():
    assert await stage_of(ScriptedLm()).run(batch_of()) == []


async def test_warming_up_costs_nothing():
    engine = ScriptedLm()

    await stage_of(engine).warm_up()

    assert engine.requests == []


def recorded(**scores):
    """Return an engine with an answer a record; None for one without."""
    return ReplayEngine({own: RawAnswer(text, 10, 5) for own, text in scores.items() if text})


class TestRecorded:
    async def test_a_shared_prompt_is_one_call_with_everybodys_tokens(self):
        engine = recorded(r1=says_scores({"age": 0.9}), r2=says_scores({}))

        cells = await stage_of(engine, items_per_prompt=2).run(
            batch_of(column("a", "r1"), column("b", "r2"))
        )

        assert answers_of(cells) == ["age", NO_MATCH]
        assert [cell.usage.calls for cell in cells] == [1, 0]
        assert cells[0].usage.input_tokens == 20

    @pytest.mark.parametrize(
        ("bad", "kind"),
        [
            pytest.param(None, ReplayMissError, id="miss"),
            pytest.param("nonsense", LmAnswerError, id="nonsense"),
            pytest.param(says_scores({"age": 85}), LmAnswerError, id="percent"),
        ],
    )
    async def test_a_record_without_a_usable_answer_leaves_the_others_theirs(self, bad, kind):
        stage = stage_of(
            recorded(r1=says_scores({"age": 0.9}), r2=bad, r3=says_scores({"sex": 0.8})),
            items_per_prompt=3,
            max_output_tokens=5,
        )
        records = [column("a", "r1"), column("b", "r2"), column("c", "r3")]

        cells = await stage.run(batch_of(*records))

        paid_usd = stage.large_model.ledger.total().cost_usd
        assert answers_of(cells) == ["age", kind, "sex"]
        assert paid_usd <= sum(stage.largest_cost_usd(record, SHOWN) for record in records)
        if kind is ReplayMissError:
            assert cells[1].place == "record 'r2'"


AGE = says_scores({"age": 0.9})


class TestEndpoint:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(AGE, id="plain"),
            pytest.param(f"```json\n{AGE}\n```", id="fences"),
            pytest.param(f"{AGE} I hope this helps.", id="prose-behind"),
            pytest.param(says_scores({"invented": 1, "age": 0.9}), id="invented"),
            pytest.param(says_scores({"race": 85, "age": 0.9}), id="invented-off-scale"),
            pytest.param(says_scores({"sex": "7", "age": 0.9}), id="score-as-text"),
            pytest.param(
                '{"matches": [{"id": "age", "score": 0.1}, {"id": "age", "score": 0.9}]}',
                id="repeated",
            ),
        ],
    )
    async def test_a_sloppy_but_clear_answer_is_used(self, serve, content):
        stage, endpoint = await serve(says(content))

        (cell,) = await stage.run(batch_of(column("pt_age")))

        assert (cell.answer, cell.scores) == ("age", {"age": 0.9})
        assert len(endpoint.requests) == 1
        assert "pt_age" in endpoint.requests[0].user

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            pytest.param("7", "not_json", id="seven"),
            pytest.param("The column is age.", "not_json", id="prose"),
            pytest.param(AGE[:-8], "not_json", id="half-json"),
            pytest.param('{"matches": [{"id": "age", "score": NaN}]}', "not_json", id="nan"),
            pytest.param(says_scores({"age": 85}), "score_off_scale", id="percent"),
            pytest.param(says_scores({"age": "7"}), "entries_unusable", id="only-text"),
            pytest.param(says_scores({"invented": 0.9}), "entries_unusable", id="only-invented"),
            pytest.param('{"match": "age"}', "item_missing", id="omitted"),
            pytest.param(None, "empty", id="null"),
        ],
    )
    async def test_an_invalid_answer_is_repaired_once(self, serve, content, fault):
        stage, endpoint = await serve(says(content), says(AGE))

        (cell,) = await stage.run(batch_of(column("pt_age")))

        assert (cell.answer, cell.usage) == ("age", Usage(2, 20, 10, pytest.approx(40e-6)))
        assert f"(invalid answer: {fault})" in endpoint.requests[1].system

    async def test_a_second_invalid_answer_is_an_error(self, serve):
        stage, endpoint = await serve(says(says_scores({"age": 85})))

        (cell,) = await stage.run(batch_of(column("pt_age")))

        assert isinstance(cell, LmAnswerError)
        assert len(endpoint.requests) == 2

    async def test_an_item_that_a_shared_answer_omits_is_asked_for_once_more(self, serve):
        partly, whole = {"c1": []}, {"c1": [], "c2": [{"id": "sex", "score": 1}]}
        stage, endpoint = await serve(
            says(json.dumps(partly)), says(json.dumps(whole)), items_per_prompt=2
        )

        cells = await stage.run(batch_of(column("a", "secret-1"), column("b", "secret-2")))

        assert answers_of(cells) == [NO_MATCH, "sex"]
        assert "item_missing" in endpoint.requests[1].system
        assert "secret" not in json.dumps(endpoint.requests[0].body)

    async def test_each_prompt_gets_the_answer_to_its_own_items(self, serve):
        stage, endpoint = await serve(names_by_prompt, items_per_prompt=2)
        names = ["age 1", "sex 2", "site 3", "nonsense 4", "site 5"]

        cells = await stage.run(batch_of(*map(column, names)))

        assert answers_of(cells) == ["age", "sex", LmAnswerError, LmAnswerError, "site"]
        assert len(endpoint.requests) == 4  # one was asked for twice

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            pytest.param(fails("401 Unauthorized", body="4711-secret"), LmRefusedError, id="401"),
            pytest.param(fails("500 Oops", body="4711-secret"), LmError, id="500"),
            pytest.param(hangs, DeadlineError, id="hang"),
        ],
    )
    async def test_an_endpoint_that_gives_nothing_is_each_records_error(self, serve, reply, kind):
        stage, _ = await serve(reply, items_per_prompt=2)

        cells = await stage.run(batch_of(column("a"), column("b"), column("c"), seconds=0.3))

        assert [isinstance(cell, kind) for cell in cells] == [True] * 3
        assert "4711" not in " ".join(map(str, cells))


async def names_by_prompt(exchange):
    """Score what a column is named for; say nonsense about a prompt with such a column."""
    schema = exchange.request.body["response_format"]["json_schema"]["schema"]
    shown = [line for line in exchange.request.user.split("\n") if line[-2:-1] == " "]
    columns = [line.split() for line in shown if not line.startswith("[")]
    entries = [[{"id": own, "score": 0.9}] for own, _ in columns]
    content = json.dumps(dict(zip(schema["properties"], entries, strict=True)))
    nonsense = any(own == "nonsense" for own, _ in columns)
    completion = chat_completion("nonsense" if nonsense else content)
    await exchange.send(json.dumps(completion).encode())

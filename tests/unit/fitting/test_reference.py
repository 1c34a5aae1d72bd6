import asyncio
import json

import pytest

from fakes.made_up_logs import CHEAP, CHEAP_KEEP, DECIDE, NGRAMS, make_cascade, record
from fakes.openai_endpoint import FakeEndpoint, decides, fails, says
from fakes.tiny_models import LEVEL
from headgate.domains.rows import LabelledRecord
from headgate.errors import InputError, LmRefusedError
from headgate.fitting.cases import build_case_store
from headgate.fitting.reference import MOST_FAILED_SHARE, Cases, ask_reference, past_cases
from headgate.fitting.vectors import KnownVectors
from headgate.types import Prediction, Record

ENCODER = "slm: {kind: encoder, precision: float32}"
SIMILAR = "{name: similar, kind: retrieve, index: error_cases, top_k: 2}"
SHOWN = DECIDE.replace("}", ", evidence: similar}")
AGREE = "{certificate: {kind: agree, epsilon: 0.1}}"


def live(folder, base_url, more="", *, cases=False):
    """Return a cascade of levels with a large model behind an endpoint."""
    llm = f"llm: {{kind: lm, engine: openai, model: m, base_url: '{base_url}'{more}}}"
    models = (NGRAMS, ENCODER, llm) if cases else (NGRAMS, llm)
    flow = (CHEAP, CHEAP_KEEP, *((SIMILAR, SHOWN) if cases else (DECIDE,)))
    return make_cascade(folder, "level", models=models, flow=flow, deferral=AGREE)


def labelled(*logs, label="error"):
    return [LabelledRecord(Record(log, {"log": log}), label) for log in logs]


def many(count):
    return labelled(*(f"line {number}" for number in range(count)))


def ask(loaded, rows, cases=None, report=lambda *step: None, environment=None):
    shown = past_cases(loaded, rows, cases)
    return ask_reference(loaded, rows, shown, environment or {}, report)


async def ask_live(loaded, rows, cases=None):
    return await asyncio.to_thread(ask, loaded, rows, cases)


def recorded(cascade, answers):
    """Return a cascade whose large model's answers are recorded."""
    loaded = cascade(AGREE)
    record(loaded, answers)
    return loaded


# Answers


def test_there_is_an_answer_a_row_in_their_order(cascade):
    rows = many(100)
    labels = ["info" if number % 3 else "error" for number in range(100)]
    answers = {row.record.id: label for row, label in zip(rows, labels, strict=True)}

    assert ask(recorded(cascade, answers), rows) == labels


def test_the_large_model_does_not_see_the_label(cascade):
    answers = {"a": "info", "b": "error"}

    assert ask(recorded(cascade, answers), labelled("a", "b", label="error")) == ["info", "error"]


def test_rows_without_an_answer_have_none(cascade):
    """One of ten is as many as may fail."""
    rows = many(10)
    loaded = recorded(cascade, {row.record.id: "info" for row in rows[1:]})

    assert ask(loaded, rows) == [None, *["info"] * 9]


def test_an_answer_that_is_no_label_is_none(cascade):
    rows = many(10)
    loaded = recorded(cascade, {row.record.id: "info" for row in rows})
    text = (loaded.base_dir / "answers.jsonl").read_text("utf-8")
    broken = text.replace('\\"label\\": \\"info\\"', '\\"label\\": \\"fine\\"', 1)
    (loaded.base_dir / "answers.jsonl").write_text(broken, "utf-8")

    assert ask(loaded, rows)[0] is None


def test_more_than_a_tenth_without_an_answer_is_refused_with_the_first_problem(cascade):
    rows = many(20)
    loaded = recorded(cascade, {row.record.id: "info" for row in rows[3:]})

    with pytest.raises(InputError) as caught:
        ask(loaded, rows)

    assert MOST_FAILED_SHARE == 0.1
    assert caught.value.args == (
        "large model 'llm'",
        "it gave no answer to 3 of 20 labelled rows (the first: record 'line 0': "
        "no answer was recorded for it. Add a row with this id to the recording)",
        "A certificate needs its answers: correct that, or fit without `certificate`.",
    )


def test_no_rows_are_no_questions(cascade):
    assert ask(recorded(cascade, {}), []) == []


def test_progress_is_told(cascade):
    rows = many(40)
    told = []
    loaded = recorded(cascade, {row.record.id: "info" for row in rows})

    ask(loaded, rows, report=lambda *step: told.append(step))

    assert told == [("ask the large model", 32, 40), ("ask the large model", 40, 40)]


# An endpoint


async def test_each_row_is_asked_about_once_with_the_prompt_and_the_options(tmp_path):
    async with FakeEndpoint(decides(lambda request: request.options[1])) as endpoint:
        found = await ask_live(live(tmp_path, endpoint.base_url), labelled("fan", "disk"))

    assert found == ["error", "error"]
    assert sorted(request.user.splitlines()[1] for request in endpoint.requests) == ["disk", "fan"]
    assert all(request.system.startswith("Decide.") for request in endpoint.requests)
    assert endpoint.requests[0].options == ["info", "error"]


async def test_an_endpoint_that_refuses_is_left_after_the_first_rows(tmp_path):
    """The others would be asked for nothing: of 100 rows two at a time, eleven are too many."""
    async with FakeEndpoint(fails("401 Unauthorized")) as endpoint:
        loaded = live(tmp_path, endpoint.base_url, ", max_concurrency: 2")
        with pytest.raises(InputError, match="it gave no answer to 12 of 100 labelled rows"):
            await ask_live(loaded, many(100))

    assert len(endpoint.requests) == 12


async def test_an_answer_is_repaired_once_as_in_service(tmp_path):
    good = says(json.dumps({"reason": "because", "label": "info"}))
    async with FakeEndpoint(says("I do not know"), good) as endpoint:
        assert await ask_live(live(tmp_path, endpoint.base_url), labelled("fan")) == ["info"]

    assert len(endpoint.requests) == 2


def test_a_key_that_is_not_there_is_said_before_anything_is_sent(tmp_path):
    loaded = live(tmp_path, "http://127.0.0.1:1/v1", ", api_key: {env: MADE_UP_KEY}")

    with pytest.raises(LmRefusedError, match="MADE_UP_KEY"):
        ask(loaded, labelled("fan"))


def test_the_key_is_looked_up_in_the_environment_that_is_given(tmp_path):
    """Nobody listens there: what matters is that the key was found."""
    loaded = live(tmp_path, "http://127.0.0.1:1/v1", ", api_key: {env: MADE_UP_KEY}")

    assert ask(loaded, [], environment={"MADE_UP_KEY": "sk-canary"}) == []


# Past cases


@pytest.fixture
def shelf(words):
    """Return the case store of rows that a small model got wrong; each reason is its log."""

    def stored(*logs):
        rows = [LabelledRecord(Record(log, {"log": log}), "net", f"as of {log}") for log in logs]
        wrong = [Prediction(("disk", "net"), (1.0, 0.0))] * len(rows)
        encoder = KnownVectors(words, lambda *step: None)
        return Cases(build_case_store(LEVEL, rows, wrong, encoder), encoder)

    return stored


async def shown(tmp_path, cases, *logs):
    """Return what the large model is shown beside each log: reasons of past cases."""
    async with FakeEndpoint(decides(lambda request: request.options[0])) as endpoint:
        loaded = live(tmp_path, endpoint.base_url, cases=True)
        await ask_live(loaded, labelled(*logs, label="info"), cases)
    return {
        request.user.splitlines()[1]: [
            line.removeprefix("reason: as of ")
            for line in request.user.splitlines()
            if line.startswith("reason: ")
        ]
        for request in endpoint.requests
    }


async def test_a_row_is_never_shown_its_own_case(tmp_path, shelf):
    """It has the right label in it. The two nearest others are shown, as the file says."""
    found = await shown(tmp_path, shelf("disk a", "disk b", "disk c"), "disk a", "disk new")

    assert found == {"disk a": ["disk b", "disk c"], "disk new": ["disk a", "disk b"]}


async def test_a_row_whose_case_is_the_only_one_is_shown_none(tmp_path, shelf):
    assert await shown(tmp_path, shelf("disk a"), "disk a") == {"disk a": []}


@pytest.mark.parametrize("empty", [True, False])
async def test_without_cases_nothing_is_shown(tmp_path, shelf, empty):
    assert await shown(tmp_path, shelf() if empty else None, "disk a") == {"disk a": []}


async def test_a_flow_that_searches_nothing_is_shown_nothing(tmp_path, shelf):
    async with FakeEndpoint(decides(lambda request: request.options[0])) as endpoint:
        await ask_live(live(tmp_path, endpoint.base_url), labelled("disk a"), shelf("disk b"))

    assert "disk b" not in endpoint.requests[0].user

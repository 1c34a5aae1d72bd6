import gzip
import json
from dataclasses import replace

import pytest

from headgate.errors import InputError, LmAnswerError, ReplayMissError
from headgate.lm.large_model import LargeModel
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.read import ReadAnswer, ReadRequest
from headgate.lm.replay import ReplayEngine
from headgate.types import Candidate, Deadline, Usage

ROW = {"id": "r1", "answer": "Reason: it is full.\nLabel: disk", "latency_ms": 900}


@pytest.fixture
def record(tmp_path):
    def write(*lines):
        path = tmp_path / "answers.jsonl"
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    return write


async def replayed(path, request):
    return await LargeModel(ReplayEngine.load(path)).complete_one(request, Deadline.after(5))


async def test_a_recorded_answer_is_checked_like_any_other(record, ask):
    completion = await replayed(record(ROW), ask())

    assert (completion.value.answer, completion.value.rationale) == ("disk", "it is full.")
    assert completion.usage.estimated


async def test_recorded_tokens_are_used(record, ask):
    row = {**ROW, "answer": '{"reason": "x", "label": "net"}', "input_tokens": 9}

    completion = await replayed(record({**row, "output_tokens": 4}), ask())

    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (9, 4)
    assert not completion.usage.estimated


async def test_a_recorded_log_probability_comes_with_the_answer_and_from_the_cache(record):
    row = {"id": "q1", "answer": '{"answer": "1901", "passages": [1, 3]}', "log_prob": -0.25}
    model = LargeModel(ReplayEngine.load(record(row)))
    request = ReadRequest("q1", "Read.", "When was it lit?")

    first, second = [await model.complete_one(request, Deadline.after(5)) for _ in range(2)]

    assert (first.value, first.log_prob) == (ReadAnswer("1901"), -0.25)
    assert (second.log_prob, second.cached) == (-0.25, True)


@pytest.mark.parametrize("told", [{}, {"log_prob": None}])
async def test_without_one_there_is_none(record, ask, told):
    assert (await replayed(record({**ROW, **told}), ask())).log_prob is None


async def test_a_recording_may_be_gzipped(tmp_path, ask):
    path = tmp_path / "answers.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode()))

    assert (await replayed(path, ask())).value.answer == "disk"


async def test_a_record_without_an_answer_is_a_miss_that_names_only_its_id(record, ask):
    with pytest.raises(ReplayMissError) as caught:
        await replayed(record(ROW), ask("canary", record_id="r2"))

    assert "record 'r2': no answer was recorded" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_a_recorded_answer_out_of_set_is_an_error_and_asked_for_only_once(record, ask):
    model = LargeModel(ReplayEngine.load(record({**ROW, "answer": "Label: other"})))

    with pytest.raises(LmAnswerError, match="label_not_in_set"):
        await model.complete_one(ask(), Deadline.after(5))

    assert model.ledger.total().calls == 1


async def test_equal_records_keep_the_answers_of_their_own_ids(record, ask):
    """Two records with the same text once shared the first one's recorded answer."""
    path = record(ROW, {"id": "r2", "answer": "Label: net"})
    model = LargeModel(ReplayEngine.load(path))

    results = await model.complete(
        [ask("same", "r1"), ask("same", "r2"), ask("same", "r1")], Deadline.after(5)
    )

    assert [result.value.answer for result in results] == ["disk", "net", "disk"]


def ranking(*record_ids):
    candidates = (Candidate("a", "first"), Candidate("b", "second"))
    items = tuple(RankItem(own, {"name": own}, candidates) for own in record_ids)
    return RankRequest("Match.", items)


def scored(record_id, own="a", score=0.5, **tokens):
    answer = json.dumps({"matches": [{"id": own, "score": score}]})
    return {"id": record_id, "answer": answer, **tokens}


class TestSeveralRecords:
    async def test_their_answers_are_joined_and_their_tokens_added_up(self, record):
        counted = {"input_tokens": 10, "output_tokens": 3}
        path = record(scored("r1", **counted), scored("r2", "b", 0.9, **counted))

        completion = await replayed(path, ranking("r2", "r1"))

        assert completion.value == ({"b": 0.9}, {"a": 0.5})
        assert completion.usage == Usage(1, 20, 6)

    async def test_tokens_that_one_row_does_not_count_are_estimated_for_all(self, record):
        path = record(scored("r1", input_tokens=10, output_tokens=3), scored("r2", input_tokens=1))

        usage = (await replayed(path, ranking("r1", "r2"))).usage

        assert (usage.input_tokens, usage.estimated) == (11, True)
        assert usage.output_tokens > 3

    async def test_their_log_probability_is_the_mean(self, record):
        path = record(scored("r1", log_prob=-1), scored("r2", log_prob=-0.5))

        assert (await replayed(path, ranking("r1", "r2"))).log_prob == -0.75

    async def test_there_is_none_when_one_row_has_none(self, record):
        path = record(scored("r1", log_prob=-1), scored("r2"))

        assert (await replayed(path, ranking("r1", "r2"))).log_prob is None

    async def test_a_miss_names_the_one_that_was_not_recorded(self, record):
        with pytest.raises(ReplayMissError, match="record 'r2': no answer was recorded"):
            await replayed(record(scored("r1")), ranking("r1", "r2"))

    async def test_an_invalid_answer_costs_no_tokens(self, record):
        """Whoever asks for each record alone then pays for the good ones once."""
        model = LargeModel(ReplayEngine.load(record(scored("r1"), scored("r2", score=85))))

        with pytest.raises(LmAnswerError, match="score_off_scale"):
            await model.complete_one(ranking("r1", "r2"), Deadline.after(5))

        assert model.ledger.total() == Usage(calls=1)

    async def test_equal_items_keep_the_answers_of_their_own_ids(self, record):
        model = LargeModel(ReplayEngine.load(record(scored("r1"), scored("r2", "b"))))
        alike = [replace(ranking("r1").items[0], record_id=own) for own in ("r1", "r2")]

        found = [
            await model.complete_one(RankRequest("Match.", (item,)), Deadline.after(5))
            for item in alike
        ]

        assert [each.value for each in found] == [({"a": 0.5},), ({"b": 0.5},)]


def test_empty_lines_are_skipped(record):
    ReplayEngine.load(record(ROW, "", "  "))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("canary", "not usable JSON", id="no-json"),
        pytest.param('{"id": "r2"', "not usable JSON", id="cut-off"),
        pytest.param("[" * 100_000, "not usable JSON", id="deep"),
        pytest.param('{"id": "r2", "id": "r3"}', "duplicate_key", id="duplicate-key"),
        pytest.param('["r2", "Label: disk"]', "not a JSON object", id="array"),
        pytest.param({"answer": "x"}, "'id' is missing", id="no-id"),
        pytest.param({"id": "", "answer": "x"}, "'id' is missing", id="empty-id"),
        pytest.param({"id": 7, "answer": "x"}, "'id' is missing", id="number-id"),
        pytest.param({"id": "r2"}, "'answer' is missing", id="no-answer"),
        pytest.param({"id": "r2", "answer": None}, "'answer' is missing", id="null-answer"),
        pytest.param({**ROW, "id": "r2", "input_tokens": -1}, "is no count", id="negative"),
        pytest.param({**ROW, "id": "r2", "output_tokens": 1.5}, "is no count", id="fraction"),
        pytest.param({**ROW, "id": "r2", "output_tokens": True}, "is no count", id="boolean"),
        pytest.param({**ROW, "id": "r2", "log_prob": 0.1}, "log-probability", id="above-zero"),
        pytest.param({**ROW, "id": "r2", "log_prob": False}, "log-probability", id="bool-prob"),
        pytest.param({**ROW, "id": "r2", "log_prob": "-1"}, "log-probability", id="text-prob"),
        pytest.param('{"id": "r2", "answer": "x", "log_prob": -1e999}', "log-prob", id="infinite"),
        pytest.param('{"id": "r2", "answer": "x", "log_prob": NaN}', "not usable JSON", id="nan"),
        pytest.param(ROW, "'r1' is there twice", id="duplicate-id"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(record, line, problem):
    path = record(ROW, line)

    with pytest.raises(InputError) as caught:
        ReplayEngine.load(path)

    assert caught.value.place == f"{path}:2"
    assert problem in caught.value.problem
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.jsonl", None, id="missing"),
        pytest.param("a.jsonl", b"\xff\xfe", id="not-utf-8"),
        pytest.param("a.jsonl.gz", b"plain", id="not-gzip"),
        pytest.param("a.jsonl.gz", gzip.compress(b"{}" * 99)[:-9], id="cut-off-gzip"),
        pytest.param("a.jsonl.gz", gzip.compress(b"")[:10] + b"\xff" * 20, id="broken-gzip"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=name):
        ReplayEngine.load(path)


@pytest.mark.parametrize(
    ("rows", "longest"),
    [
        pytest.param([], 0, id="no-answers"),
        pytest.param([{**ROW, "output_tokens": 7}], 7, id="counted"),
        pytest.param([{"id": "r1", "answer": "Label: disk"}], 11, id="at-most-a-token-a-character"),
        pytest.param(
            [{"id": "r1", "answer": "Label: disk"}, {**ROW, "id": "r2", "output_tokens": 40}],
            40,
            id="the-longest",
        ),
    ],
)
def test_a_recording_knows_the_most_tokens_of_its_answers(record, rows, longest):
    assert ReplayEngine.load(record(*rows)).max_output_tokens == longest

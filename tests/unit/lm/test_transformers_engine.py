"""Local weights behind the engine's seam, with models that are made for the test."""

import asyncio
import json
import math
import threading

import pytest

from fakes.tiny_causal_lm import LOGIT, write_random_lm, write_scripted_lm
from headgate.errors import LmAnswerError, LmError, LmRefusedError, ModelError
from headgate.lm.faults import AnswerFault
from headgate.lm.large_model import LargeModel
from headgate.lm.local_call import LocalCall
from headgate.lm.local_weights import LocalWeights
from headgate.lm.read import ReadRequest
from headgate.lm.seam import TransientLmError
from headgate.lm.token_watch import Stop
from headgate.lm.transformers_engine import LocalModel, TransformersEngine
from headgate.types import Deadline

pytestmark = pytest.mark.slow

DISK = ('{"reason":"seen","label":"', "disk", '"}')
ANSWER = ('{"answer":"', "Ad", "ele", '"}')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def disk(folder):
    return write_scripted_lm(folder / "disk", DISK)


@pytest.fixture(scope="module")
def at_random(folder):
    return write_random_lm(folder / "random")


@pytest.fixture
async def engine_of():
    engines = []

    def build(source, **options):
        engines.append(TransformersEngine("tiny", source, precision="float32", **options))
        return engines[-1]

    yield build
    for engine in engines:
        await engine.close()


def call(most_tokens=16, weighed="", temperature=0.0):
    turns = [{"role": "system", "content": "Sort it."}, {"role": "user", "content": "disk"}]
    return LocalCall(turns, {}, temperature, weighed, most_tokens, 60.0, 60.0)


async def test_an_answer_comes_with_its_tokens_counted(engine_of, disk, ask):
    raw = await engine_of(disk).answer(ask(), Deadline.after(60))

    assert json.loads(raw.text) == {"reason": "seen", "label": "disk"}
    assert raw.output_tokens == 4  # three pieces and the end
    assert raw.input_tokens > 100
    assert (raw.fault, raw.log_prob) == (None, None)


async def test_a_whole_tier_answers_from_local_weights(engine_of, disk, ask):
    model = LargeModel(engine_of(disk))

    completion = await model.complete_one(ask(), Deadline.after(60))

    assert completion.value.answer == "disk"
    assert completion.usage.calls == 1


async def test_what_is_weighed_has_the_mean_log_probability_of_its_tokens(engine_of, folder):
    """Each piece has LOGIT and each of the other tokens 0."""
    source = write_scripted_lm(folder / "answer", ANSWER)
    engine = engine_of(source)

    raw = await engine.answer(ReadRequest("q1", "Answer.", "Who?"), Deadline.after(60))

    others = 256 + len(ANSWER) + 4 - 1  # bytes, pieces and marks of turns, without the piece
    assert json.loads(raw.text) == {"answer": "Adele"}
    assert raw.log_prob == pytest.approx(-math.log(1 + others * math.exp(-LOGIT)), rel=1e-4)


async def test_a_model_that_talks_at_random_gives_an_invalid_answer_and_is_asked_twice(
    engine_of, at_random, ask
):
    model = LargeModel(engine_of(at_random, max_tokens=8))

    with pytest.raises(LmAnswerError, match="truncated"):
        await model.complete_one(ask(), Deadline.after(60))

    assert model.ledger.total().calls == 2


async def test_an_answer_that_reaches_the_limit_is_truncated(engine_of, at_random, ask):
    raw = await engine_of(at_random, max_tokens=5).answer(ask(), Deadline.after(60))

    assert (raw.output_tokens, raw.fault) == (5, AnswerFault.TRUNCATED)


async def test_the_likeliest_tokens_are_the_same_every_time(engine_of, at_random):
    weights = LocalWeights.load(at_random, None, "float32")

    texts = {weights.answer(call(), Stop(60)).answer.text for _ in range(3)}

    assert len(texts) == 1


async def test_tokens_that_are_drawn_freely_differ(at_random):
    weights = LocalWeights.load(at_random, None, "float32")

    texts = {weights.answer(call(temperature=1.0), Stop(60)).answer.text for _ in range(3)}

    assert len(texts) == 3


async def test_weights_can_be_halved(disk):
    weights = LocalWeights.load(disk, None, "bfloat16")

    assert weights.answer(call(), Stop(60)).answer.text == "".join(DISK)


async def test_a_call_without_time_is_not_begun(engine_of, disk, ask):
    with pytest.raises(TransientLmError, match="the time was over"):
        await engine_of(disk).answer(ask(), Deadline.after(-1))


async def test_a_generation_ends_at_the_next_token_when_its_time_is_over(at_random):
    """A stop that is over at its third look: one before the work and one after each token."""

    class ThirdLook(Stop):
        looks = 0

        @property
        def over(self):
            self.looks += 1
            return self.looks >= 3

    stop = ThirdLook(60)
    with pytest.raises(TransientLmError, match="the time was over"):
        LocalWeights.load(at_random, None, "float32").answer(call(most_tokens=500), stop)

    assert stop.looks == 3


class Waiting:
    """Weights that answer when they may; they note how many are at work at once."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.begun = threading.Event()
        self.stops = []

    def answer(self, asked, stop):
        del asked
        self.stops.append(stop)
        self.begun.set()
        assert self.may_answer.wait(30)
        return len(self.stops)


async def test_one_call_is_answered_at_a_time_and_the_others_wait_in_order():
    weights = Waiting()
    model = LocalModel(lambda: weights)
    calls = [asyncio.create_task(model.answer(call())) for _ in range(3)]
    await asyncio.to_thread(weights.begun.wait, 30)

    assert len(weights.stops) == 1
    weights.may_answer.set()
    assert await asyncio.gather(*calls) == [1, 2, 3]
    model.close()


async def test_a_caller_that_goes_away_stops_the_work_and_frees_the_next():
    weights = Waiting()
    model = LocalModel(lambda: weights)
    gone = asyncio.create_task(model.answer(call()))
    await asyncio.to_thread(weights.begun.wait, 30)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    assert weights.stops[0].over
    weights.may_answer.set()
    assert await model.answer(call()) == 2
    model.close()


async def test_a_caller_that_goes_away_before_its_turn_takes_none():
    weights = Waiting()
    model = LocalModel(lambda: weights)
    first = asyncio.create_task(model.answer(call()))
    await asyncio.to_thread(weights.begun.wait, 30)
    gone = asyncio.create_task(model.answer(call()))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    weights.may_answer.set()

    assert await first == 1
    assert await model.answer(call()) == 2
    model.close()


async def test_a_prompt_longer_than_what_the_model_reads_is_refused(engine_of, folder, ask):
    source = write_random_lm(folder / "short", most_tokens=64)

    with pytest.raises(LmRefusedError, match=r"the prompt has \d+ tokens, and the model reads 64"):
        await engine_of(source).answer(ask(), Deadline.after(60))


async def test_an_answer_ends_where_the_model_can_read_no_further(folder):
    source = write_random_lm(folder / "narrow", template=None, most_tokens=40)

    answer = LocalWeights.load(source, None, "float32").answer(call(most_tokens=500), Stop(60))

    assert answer.answer.input_tokens + answer.answer.output_tokens == 40


async def test_a_model_that_breaks_is_one_error_without_the_text(engine_of, disk, ask):
    weights = LocalWeights.load(disk, None, "float32")
    weights._model.lm_head = None

    with pytest.raises(LmError, match=r"the model failed \(TypeError\)") as caught:
        weights.answer(call(), Stop(60))
    assert "disk" not in str(caught.value).replace(disk, "")


BROKEN = [
    pytest.param({}, "no config.json with", id="empty"),
    pytest.param({"config.json": b"{}"}, "no config.json with", id="no-weights"),
    pytest.param({"config.json": b"{}", "pytorch_model.bin": b""}, "no config", id="pickled"),
    pytest.param(
        {"config.json": b"{}", "model.safetensors": b"x"}, "cannot be loaded", id="not-a-model"
    ),
    pytest.param(
        {"config.json": b"\xff", "model.safetensors": b"x"}, "cannot be loaded", id="not-json"
    ),
]


@pytest.mark.parametrize(("files", "says"), BROKEN)
def test_a_directory_that_holds_no_model_is_one_line(tmp_path, files, says):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelError, match=says) as caught:
        LocalWeights.load(str(tmp_path), None, "float32")
    assert "\n" not in str(caught.value)


def test_weights_that_are_cut_off_are_one_line(folder, disk, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / "disk" / name).read_bytes())
    whole = (folder / "disk" / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ModelError, match="cannot be loaded as a language model"):
        LocalWeights.load(str(tmp_path), None, "float32")


def test_a_directory_that_is_not_there_is_said_before_anything_is_loaded():
    with pytest.raises(ModelError, match="there is no such directory"):
        TransformersEngine("tiny", "/nowhere/at/all")


def test_a_hub_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(ModelError, match="the model hub did not give it") as caught:
        TransformersEngine("tiny", "org/name").load()
    assert "\n" not in str(caught.value)


async def test_a_model_that_cannot_be_loaded_is_an_error_of_the_tier(engine_of, tmp_path, ask):
    """The small model's answer stands in for those of a tier."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    engine = engine_of(str(tmp_path))

    with pytest.raises(LmRefusedError, match="cannot be loaded as a language model"):
        await engine.answer(ask(), Deadline.after(60))

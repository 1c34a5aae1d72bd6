import pytest

from fakes.fitted_parts import RECORDED, fit_parts, part_records, write_parts
from headgate.cascade.open import open_engine, open_large_models
from headgate.errors import ArtifactError, InputError, LmRefusedError
from headgate.types import Deadline, Tier

LIVE = "{kind: lm, engine: openai, model: m, api_key: {env: A_KEY}}"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fit_parts(tmp_path_factory.mktemp("fitted"))


async def test_a_fitted_cascade_answers_in_this_process(fitted):
    engine = open_engine(fitted, {})

    results = await engine.run(part_records(), Deadline.after(30))

    assert [result.answer for result in results[:3]] == ["disk", "net", "net"]
    assert [result.tier for result in results[:3]] == [Tier.SMALL, Tier.SMALL, Tier.LARGE]
    assert engine.revision.startswith(f"{fitted.revision}-")


async def test_a_question_that_is_asked_again_costs_again(fitted):
    """A cache would make a measurement look cheaper and faster than the first answer was."""
    engine = open_engine(fitted, {})
    (record,) = [each for each in part_records() if each.id == RECORDED]

    first, second = [(await engine.run([record], Deadline.after(30)))[0] for _ in range(2)]

    assert (first.usage.calls, second.usage.calls) == (1, 1)
    assert (first.cached, second.cached) == (False, False)


def test_a_cascade_that_is_not_fitted_cannot_be_opened(tmp_path):
    with pytest.raises(ArtifactError, match="there is no artifact here"):
        open_engine(write_parts(tmp_path), {})


def test_recordings_that_went_away_are_named(fitted, tmp_path):
    loaded = write_parts(tmp_path, artifact=fitted.artifact)
    (tmp_path / "answers.jsonl").unlink()

    with pytest.raises(InputError, match=r"answers\.jsonl"):
        open_engine(loaded, {})


async def test_the_key_comes_of_the_environment_that_is_given(fitted, tmp_path):
    loaded = write_parts(tmp_path, artifact=fitted.artifact, large_model=LIVE)

    with pytest.raises(LmRefusedError, match="A_KEY"):
        open_large_models(loaded, {})
    models = open_large_models(loaded, {"A_KEY": "canary"})

    assert {name: model.name for name, model in models.items()} == {"llm": "m"}
    for model in models.values():
        await model.close()

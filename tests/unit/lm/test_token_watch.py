"""What is seen of a generation, with tensors in the place of a model."""

import time

import pytest

from headgate.lm.token_watch import Stop, TokenWatch

torch = pytest.importorskip("torch")


def logits(*probabilities):
    return torch.tensor([probabilities]).log()


def drawn(*ids):
    return torch.tensor([ids])


def test_each_token_has_the_probability_that_the_model_gave_it_before_it_was_drawn():
    watch = TokenWatch(Stop(60), weigh=True)

    assert watch.logits(drawn(9), logits(0.5, 0.25, 0.25)) is not None
    watch.logits(drawn(9, 1), logits(0.1, 0.1, 0.8))
    found = watch.log_probs(drawn(9, 1, 2))

    assert found == pytest.approx([-1.3863, -0.2231], abs=1e-4)  # ln .25, ln .8


def test_what_the_model_says_is_handed_on_as_it_is():
    said = logits(0.5, 0.5)

    assert TokenWatch(Stop(60), weigh=True).logits(drawn(9), said) is said


def test_nothing_is_weighed_that_nobody_asks_for():
    watch = TokenWatch(Stop(60), weigh=False)
    watch.logits(drawn(9), logits(0.5, 0.5))

    assert watch.log_probs(drawn(9, 1)) == []


def test_a_certain_token_never_has_more_than_certainty():
    """Rounding in a low precision may make a probability greater than 1."""
    watch = TokenWatch(Stop(60), weigh=True)
    watch.logits(drawn(9), torch.tensor([[80.0, 0.0]]))

    assert watch.log_probs(drawn(9, 0)) == [0.0]


def test_a_generation_goes_on_while_there_is_time():
    watch = TokenWatch(Stop(60), weigh=False)

    assert watch.is_over(drawn(9), None) is False
    assert watch.stopped is False


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_a_generation_ends_when_the_time_is_over(seconds):
    watch = TokenWatch(Stop(seconds), weigh=False)

    assert watch.is_over(drawn(9), None) is True
    assert watch.stopped is True


def test_a_generation_ends_when_nobody_waits():
    stop = Stop(60)
    watch = TokenWatch(stop, weigh=False)
    stop.set()

    assert (stop.over, watch.is_over(drawn(9), None)) == (True, True)


def test_time_is_counted_from_when_the_call_came(monkeypatch):
    stop = Stop(5)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 6)

    assert stop.over


@pytest.mark.parametrize(
    ("left", "limit", "over"),
    [
        pytest.param(60, 0, True, id="the-limit-is-nearer"),
        pytest.param(60, 30, False, id="both-are-far"),
        pytest.param(0, 30, True, id="nothing-is-given-back"),
    ],
)
def test_a_limit_only_takes_time_away(left, limit, over):
    stop = Stop(left)

    stop.limit(limit)

    assert stop.over is over

import numpy as np
import pytest

from headgate.errors import InputError, ModelError
from headgate.fitting.rationale import NewsExample, NewsTraining, train_news
from headgate.fitting.rationale_network import Recipe, hide_some, train_member
from headgate.models.hashed_tokens import HashedTokens
from headgate.models.rationale_inputs import collate, read_items
from headgate.models.rationale_layers import forward
from headgate.types import Advice

VIEWS = ("reliable", "guessing")
TRAINING = NewsTraining(
    VIEWS, HashedTokens(16), None, 2**10, members=2, recipe=Recipe(width=8, epochs=25)
)


def made_up(count, *, seed=0, advised=True):
    """Return news whose words say little, a perspective that is right, and one that guesses."""
    rng = np.random.default_rng(seed)
    return [_example(rng, number, advised) for number in range(count)]


def _example(rng, number, advised):
    sought = bool(number % 2)
    word = ("calm", "shock")[sought if rng.random() < 0.7 else not sought]
    text = f"{word} report {rng.integers(9)} on bridge {rng.integers(9)}"
    guess = bool(rng.random() < 0.5)
    advice = (
        Advice("reliable", 0.85 if sought else 0.15, f"It rests on source {rng.integers(9)}."),
        Advice("guessing", 0.85 if guess else 0.15, f"It sounds {rng.integers(9)} loud."),
    )
    return NewsExample(text, sought, advice if advised else ())


@pytest.fixture(scope="module")
def trained():
    return train_news([*made_up(300), *made_up(100, seed=5, advised=False)], TRAINING)


def weighed(trained, examples):
    texts = [each.text for each in examples]
    logits = trained.student.logits(texts, None)
    advice = [each.advice for each in examples]
    return trained.network.weigh(texts, advice, (logits[:, 1] - logits[:, 0]).tolist())


@pytest.mark.slow
def test_usefulness_says_which_perspective_is_reliable(trained):
    found = weighed(trained, made_up(60, seed=9))

    reliable, guessing = np.mean([each.usefulness for each in found], axis=0)

    assert reliable > 0.8
    assert 0.3 < guessing < 0.7


@pytest.mark.slow
def test_the_network_follows_the_reliable_perspective(trained):
    examples = made_up(60, seed=9)

    found = weighed(trained, examples)

    right = [
        (each.probability >= 0.5) == example.sought
        for each, example in zip(found, examples, strict=True)
    ]
    assert np.mean(right) > 0.95


@pytest.mark.slow
def test_figures_have_a_mean_and_a_spread(trained):
    assert trained.figures["arg_macro_f1"] > 0.95
    assert trained.figures["arg_macro_f1"] > trained.figures["small_macro_f1"]
    assert set(trained.figures) == {
        "small_macro_f1",
        *("arg_macro_f1", "arg_macro_f1_std"),
        *("arg_d_macro_f1", "arg_d_macro_f1_std"),
    }


@pytest.mark.slow
def test_the_student_reads_the_text_and_says_what_words_say(trained):
    calm, shock = trained.student.logits(["calm report", "shock report"], None)

    assert calm[1] - calm[0] < 0 < shock[1] - shock[0]


@pytest.mark.slow
def test_advice_that_is_no_better_than_chance_is_not_followed():
    """With both perspectives guessing, whoever is asked, the answer stays the student's."""
    rng = np.random.default_rng(3)
    lost = [
        NewsExample(
            each.text,
            each.sought,
            tuple(Advice(v, rng.choice([0.2, 0.8]), "Who knows.") for v in VIEWS),
        )
        for each in made_up(300)
    ]
    trained = train_news(lost, TRAINING)
    text = ["shock report 1 on bridge 2"]
    said = [[Advice(v, p, "Who knows.") for v in VIEWS] for p in (0.2, 0.8)]

    against, towards = trained.network.weigh(text * 2, said, [1.0, 1.0])

    assert against.probability > 0.5
    assert towards.probability - against.probability < 0.2


@pytest.mark.slow
def test_the_same_seed_gives_the_same_models():
    examples = made_up(60)
    recipe = Recipe(width=4, epochs=2)
    training = NewsTraining(VIEWS, HashedTokens(8), None, 2**8, members=1, recipe=recipe)

    one, two = train_news(examples, training), train_news(examples, training)

    for name, tensor in one.network.members[0].items():
        np.testing.assert_array_equal(tensor, two.network.members[0][name])
    np.testing.assert_array_equal(one.student.simulators[0].out, two.student.simulators[0].out)
    assert one.figures == two.figures


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [Recipe(width=8), Recipe(width=8, usefulness=0.0, judgement=0.0)], ids=["all", "bare"]
)
def test_numpy_says_what_torch_says(recipe):
    """Trained weights in the numpy network give the torch module's log-odds."""
    import torch

    from headgate.fitting.rationale_module import Adviser

    inputs = collate(items(made_up(9)))
    rng = np.random.default_rng(0)
    adviser = Adviser(np.zeros(16, np.float32), np.ones(16, np.float32), views=2, recipe=recipe)
    with torch.no_grad():
        for each in adviser.parameters():
            each.copy_(torch.from_numpy(np.asarray(rng.normal(size=each.shape), np.float32)))
        inputs = hide_some(inputs, 0.5)
        outcome = adviser.eval()(inputs)

    found = forward(adviser.weights(), inputs)

    np.testing.assert_allclose(found.log_odds, outcome.log_odds.numpy(), atol=1e-5)
    if recipe.usefulness:
        useful = torch.sigmoid(outcome.useful).numpy()
        np.testing.assert_allclose(found.usefulness, useful, atol=1e-5)


def items(examples):
    texts, advice = [each.text for each in examples], [each.advice for each in examples]
    encoder = TRAINING.encoder
    return read_items(texts, advice, [0.0] * len(texts), perspectives=VIEWS, encoder=encoder)


@pytest.mark.slow
def test_training_ends_at_the_weights_of_the_best_epoch_and_no_epoch_may_be_the_best():
    """Labels drawn by a coin teach nothing; then the first weights stay."""
    labels = np.random.default_rng(1).random(60) < 0.5

    first, last = (
        train_member(
            items(made_up(60)),
            labels,
            np.arange(20),
            recipe=Recipe(width=4, epochs=epochs, learning_rate=3.0),
            seed=0,
        )
        for epochs in (0, 3)
    )

    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, last[name])


@pytest.mark.slow
def test_hidden_advice_never_leaves_an_item_without_any():
    inputs = collate(items(made_up(20)))

    hidden = hide_some(inputs, 1.0)

    np.testing.assert_array_equal(hidden.present, inputs.present)


@pytest.mark.parametrize(
    ("examples", "problem"),
    [
        pytest.param([], "0 of 0 have the rarer label", id="none"),
        pytest.param(made_up(40, advised=False), "0 of 0 have the rarer label", id="no-advice"),
        pytest.param(made_up(20), "20 of 20 have any", id="too-little-advice"),
        pytest.param(made_up(60)[::2], "0 of 30 have the rarer label", id="one-label"),
    ],
)
def test_too_little_to_learn_from_is_refused(examples, problem):
    with pytest.raises(InputError, match=problem):
        train_news(examples, TRAINING)


@pytest.mark.slow
def test_advice_of_another_perspective_is_refused():
    odd = NewsExample("calm", sought=False, advice=(Advice("charm", 0.5, ""),))

    with pytest.raises(ModelError, match="unknown perspective"):
        train_news([*made_up(40), odd], TRAINING)

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import ModelError
from headgate.models.question_words import (
    FEWEST_WORDS,
    MARKS,
    MOST_WORDS,
    RULES,
    read_all,
    read_words,
    word_places,
)
from headgate.models.splitter import (
    FACTS_FILE,
    MOST_STEPS,
    WEIGHTS_FILE,
    Kind,
    Splitter,
    cut_chain,
    cut_comparison,
)
from headgate.models.token_encoder import TokenFeatures

WORDS = ["begin", "end", "left_begin", "left_end", "right_begin", "right_end"]
"""Words that our encoder marks; each is a dimension of its own."""


class MarkedWords:
    """An encoder with a token a word, whose vector says which of `WORDS` it is."""

    fingerprint = "marked"
    dim = len(WORDS)

    def __init__(self):
        self.seen = []

    def tokens(self, texts):
        self.seen += texts
        return [self._features(text) for text in texts]

    def _features(self, text):
        places = [(0, 0), *word_places(text), (0, 0)]
        vectors = np.zeros((len(places), self.dim), np.float32)
        for row, (start, end) in enumerate(places[1:-1], 1):
            if text[start:end] in WORDS:
                vectors[row, WORDS.index(text[start:end])] = 1
        return TokenFeatures(vectors, np.array(places, np.int64))


def splitter(**changes):
    """A chain where `begin` is, a comparison where `left_begin` is; spans lie between the marks."""
    kinds = np.zeros((len(WORDS) + MARKS + 1, 3), np.float32)
    kinds[0, Kind.CHAIN] = kinds[2, Kind.COMPARISON] = 1_000
    pointers = np.zeros((3, 4, len(WORDS)), np.float32)
    for pointer in range(3):
        pointers[pointer, 2, 2 * pointer] = pointers[pointer, 3, 2 * pointer + 1] = 100
    made = Splitter(
        mean=np.zeros(len(WORDS), np.float32),
        scale=np.ones(len(WORDS), np.float32),
        kinds=kinds,
        kind_bias=np.array([1, 0, 0], np.float32),
        pointers=pointers,
        rules=np.zeros((3, RULES), np.float32),
        encoder="marked",
    )
    return replace(made, **changes)


def split(*questions):
    return splitter().split(questions, MarkedWords())


def words_of(text):
    return read_words(text, MarkedWords().tokens([text])[0])


def test_a_question_inside_another_one_becomes_the_first_step():
    assert split("When was begin the owner of the mill end born?") == [
        ("the owner of the mill", "When was begin #1 end born?")
    ]


def test_two_things_are_asked_about_one_at_a_time():
    question = "Was left_begin Rook left_end or right_begin Pell right_end older?"

    assert split(question) == [
        (
            "Was left_begin Rook left_end or right_begin right_end older?",
            "Was left_begin left_end or right_begin Pell right_end older?",
        )
    ]


def test_a_question_without_another_one_stays_whole():
    assert split("Who built the mill by the harbour?") == [("Who built the mill by the harbour?",)]


def test_a_first_step_is_split_again_while_it_is_a_chain():
    """Of the two that begin, the first goes with the last end: the outer one is cut first."""
    outer_first = np.zeros((3, RULES), np.float32)
    outer_first[0, 4 * MARKS] = 10  # by length
    question = "When did begin the heir of begin the owner of it end who sold it end die?"

    (steps,) = splitter(rules=outer_first).split([question], MarkedWords())

    assert steps == (
        "the owner of it",
        "the heir of begin #1 end who sold it",
        "When did begin #2 end die?",
    )


def test_no_question_gets_more_steps_than_a_plan_may_have():
    """A question that would be cut for ever."""
    always = splitter(kind_bias=np.array([-9e9, 0, -9e9], np.float32))
    question = " ".join(f"word{number}" for number in range(MOST_WORDS))

    (steps,) = always.split([question], MarkedWords())

    assert 2 <= len(steps) <= MOST_STEPS
    assert [f"#{number}" in step for number, step in enumerate(steps)][1:] == [True] * (
        len(steps) - 1
    )


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("", id="empty"),
        pytest.param(" \n", id="blank"),
        pytest.param("begin it end?", id="too-short"),
        pytest.param("begin " * 10_000 + "end", id="ten-thousand-words"),
        pytest.param("Which begin song was #1 in end May?", id="a-reference-of-its-own"),
        pytest.param("谁在一九〇二年建造了这座海港磨坊", id="a-script-without-blanks"),
        pytest.param("\ud800 \ufffd \x00 \u200b ? ? ? ?", id="what-cannot-be-read"),
        pytest.param("? ! . , ; :", id="signs"),
    ],
)
def test_what_cannot_be_split_stays_as_it_is(question):
    assert split(question) == [(question,)]


def test_only_texts_that_can_be_split_are_encoded():
    encoder = MarkedWords()

    splitter().split(["", "too short", "word " * (MOST_WORDS + 1)], encoder)

    assert encoder.seen == []
    assert FEWEST_WORDS == 5


def test_questions_keep_their_order():
    chain = "When was begin the owner of it end born?"

    assert [len(steps) for steps in split("Why?", chain, "", chain)] == [1, 2, 1, 2]


def test_no_questions_give_no_steps():
    assert split() == []


def test_a_span_never_cuts_a_quotation():
    """The marks are inside and outside of one; the best whole span is another."""
    words = words_of('Who wrote "the begin mill" for the end owner?')
    allowed = words.allowed()
    quotes = [at for at, word in enumerate(words.texts) if word == '"']

    assert not allowed[quotes[0], quotes[0]]
    assert allowed[quotes[0], quotes[1]]
    assert not allowed[quotes[0] + 1, quotes[1] + 2]


def test_a_span_leaves_something_and_holds_something():
    words = words_of("Who is it , really ?")
    allowed = words.allowed()

    assert not allowed[0, 5]
    assert not allowed[0, 4]
    assert not allowed[5, 5]
    assert not allowed[2, 1]
    assert allowed[0, 3]


def test_words_have_the_features_of_their_first_and_last_tokens():
    """`Harbour` is of the tokens 1 and 2, `mill` of 3; the special tokens stand around them."""
    vectors = np.arange(5, dtype=np.float32)[:, np.newaxis]
    features = TokenFeatures(vectors, np.array([(0, 0), (0, 3), (3, 7), (8, 12), (0, 0)]))

    words = read_words("Harbour mill", features)

    start, end, before, behind = (edge[:, 0].tolist() for edge in words.edges)
    assert (start, end, before, behind) == ([1, 3], [2, 3], [0, 2], [3, 4])
    assert words.mean == pytest.approx([2.0])


def test_words_that_the_encoder_cut_off_have_the_features_of_the_last_token():
    features = TokenFeatures(np.zeros((3, 1), np.float32), np.array([(0, 0), (0, 3), (0, 0)]))

    assert len(read_words("Who built it then ?", features).texts) == 5


def test_rules_are_between_zero_and_one():
    rules = words_of('Which of "Rook" and Ada Pell is it, really?').rules()

    assert rules.shape == (13, 13, RULES)
    upper = rules[np.triu_indices(13)]
    assert upper.min() == 0
    assert upper.max() == 1


@pytest.mark.parametrize(
    ("text", "span", "parts"),
    [
        pytest.param(
            "Where is the mill ?", (2, 3), ("the mill", "Where is #1?"), id="blank-before"
        ),
        pytest.param("The mill, is where?", (0, 2), ("The mill", "#1 is where?"), id="comma"),
        pytest.param("is, it", (0, 2), ("is, it",), id="nothing-left"),
    ],
)
def test_a_chain_is_cut_at_the_span(text, span, parts):
    assert cut_chain(text, word_places(text), span) == parts


@pytest.mark.parametrize(
    ("text", "first", "second", "parts"),
    [
        pytest.param(
            "Are both Rook and Pell mills?",
            (2, 2),
            (4, 4),
            ("Are Rook mills?", "Are Pell mills?"),
            id="both",
        ),
        pytest.param(
            "Did Rook die before Pell?",
            (1, 1),
            (4, 4),
            ("Did Rook die before?", "Did die before Pell?"),
            id="apart",
        ),
        pytest.param(
            "Which is older, the Rook Bridge or the Pell Bridge?",
            (5, 5),
            (9, 9),
            ("Which is older, the Rook Bridge?", "Which is older, the Pell Bridge?"),
            id="names-that-share-a-word",
        ),
        pytest.param(
            "Are Rook mill owners and Pell mill keepers kin?",
            (1, 1),
            (5, 5),
            ("Are Rook mill owners and keepers kin?", "Are owners and Pell mill keepers kin?"),
            id="as-far-as-they-are-the-same",
        ),
    ],
)
def test_a_comparison_leaves_one_thing_out_in_each_part(text, first, second, parts):
    assert cut_comparison(text, word_places(text), first, second) == parts


def test_a_splitter_comes_back_bit_for_bit(tmp_path):
    made = splitter(kind_bias=np.array([0.1, -2, 3], np.float32))

    made.save(tmp_path)
    again = Splitter.load(tmp_path)

    assert again.encoder == "marked"
    for name in ("mean", "scale", "kinds", "kind_bias", "pointers", "rules"):
        assert np.array_equal(getattr(again, name), getattr(made, name))


@pytest.mark.parametrize("name", [WEIGHTS_FILE, FACTS_FILE])
@pytest.mark.parametrize(
    "damage", [None, b"", b"{}", b"[1]"], ids=["gone", "empty", "bare", "list"]
)
def test_damaged_files_are_refused(name, damage, tmp_path):
    splitter().save(tmp_path)
    (tmp_path / name).unlink()
    if damage is not None:
        (tmp_path / name).write_bytes(damage)

    with pytest.raises(ModelError, match="splitter cannot be loaded"):
        Splitter.load(tmp_path)


def test_a_splitter_reads_no_other_encoder():
    with pytest.raises(ModelError, match="another token encoder"):
        splitter(encoder="other").split(["Who built it?"], MarkedWords())


TEXTS = st.lists(
    st.sampled_from([*WORDS, "who", "Rook", '"', "?", "and", "\u4eac", " "]), max_size=30
)


@given(st.lists(TEXTS.map(" ".join), max_size=4))
def test_any_text_becomes_some_steps(questions):
    for question, steps in zip(questions, split(*questions), strict=True):
        assert 1 <= len(steps) <= MOST_STEPS
        assert len(steps) > 1 or steps == (question,)


def test_texts_without_any_token_are_left_out():
    class Nothing(MarkedWords):
        def tokens(self, texts):
            none = TokenFeatures(np.zeros((2, self.dim), np.float32), np.zeros((2, 2), np.int64))
            return [none for _ in texts]

    assert read_all(["one two three four five"], Nothing()) == [None]


def test_weights_over_other_features_are_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    splitter().save(tmp_path)
    weights = load_file(tmp_path / WEIGHTS_FILE)
    save_file({**weights, "rules": weights["rules"][:, :-1].copy()}, tmp_path / WEIGHTS_FILE)

    with pytest.raises(ModelError, match="splitter cannot be loaded"):
        Splitter.load(tmp_path)


@pytest.mark.parametrize("mark", ["begin", "left_begin"])
def test_a_question_in_which_nothing_can_be_pointed_at_stays_whole(mark):
    """One word and signs: a span would leave nothing."""
    question = f"{mark} ? ? ? ? ?"

    assert split(question) == [(question,)]

import pytest

from headgate.domains.log_templates.kinds import MOST_KINDS, MOST_STATES, MOST_WORDS, kinds_of


def kinds(*texts):
    found = kinds_of([tuple(text.split(" ")) for text in texts])
    return [[" ".join(line) for line in kind] for kind in found]


def test_opposites_are_kinds_of_their_own():
    assert kinds("vm 0 was paused", "vm 0 was started") == [
        ["vm 0 was paused"],
        ["vm 0 was started"],
    ]


def test_more_words_than_that_are_values():
    words = [f"service {'abcdefghi'[n] * 3} ended" for n in range(MOST_WORDS + 1)]

    assert len(kinds(*words[:MOST_WORDS])) == MOST_WORDS
    assert kinds(*words) == [words]


def test_there_may_be_more_states_in_capitals():
    states = [f"link is {'ABCDEFGHIJ'[n] * 3}." for n in range(MOST_STATES + 1)]

    assert len(kinds(*states[:MOST_STATES])) == MOST_STATES
    assert kinds(*states) == [states]


def test_the_place_with_the_fewest_words_is_looked_at_first():
    """`in` and `out` split; then each part has few enough names to split again, or does not."""
    texts = ["ann went in", "bob went in", "cat went in", "dan went in", "ann went out"]

    assert kinds(*texts) == [texts[:4], texts[4:]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("job 0 on node2 done", "job 0 on node3 done", id="digits"),
        pytest.param("x 0 done", "x alpha done", id="a-value-among-them"),
        pytest.param("login of user ann ok", "login of user bob ok", id="behind-a-noun"),
        pytest.param("login for User: ann", "login for User: bob", id="noun-with-colon"),
        pytest.param("ok user=ann tty", "ok user=bob tty", id="behind-an-equals-sign"),
        pytest.param("ok user=rob tty", "ok user=root tty", id="behind-a-common-start"),
        pytest.param("run 'alpha' now", "run 'beta' now", id="in-quotes"),
    ],
)
def test_places_that_say_they_hold_a_value_do_not_tell_kinds_apart(one, other):
    assert kinds(one, other) == [[one, other]]


def test_a_noun_that_differs_itself_names_nothing():
    assert len(kinds("the user left", "the host came")) == 2


def test_places_that_would_make_too_many_kinds_hold_values():
    """Seven switches have 128 settings."""
    bits = [f"{number:07b}" for number in range(2 * MOST_KINDS)]
    texts = [" ".join("on" if bit == "1" else "off" for bit in setting) for setting in bits]

    assert kinds(*texts) == [texts]
    assert len(kinds(*texts[:MOST_KINDS])) == MOST_KINDS


def test_a_single_line_is_a_kind():
    assert kinds("all is well") == [["all is well"]]

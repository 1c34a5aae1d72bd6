from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.log_templates import mining
from headgate.domains.log_templates.mining import coarsest, patterns_of
from headgate.domains.log_templates.tokens import covers

TOKENS = st.sampled_from(["0", "a", "b", "up", "down", "eth1", "x=0", "x=y", "(z)", "NEW"])
LINES = st.lists(st.lists(TOKENS, min_size=1, max_size=5).map(tuple), max_size=25)


def lines(*texts):
    return [tuple(text.split(" ")) for text in texts]


def test_names_become_values_and_opposites_stay():
    """Four names are too many to tell kinds apart; `opened` and `closed` are two."""
    names = ("ann", "bob", "cat", "dan")
    seen = [f"session {done} by {name}" for done in ("opened", "closed") for name in names]

    assert patterns_of(lines(*seen)) == lines("session closed by 0", "session opened by 0")


@given(LINES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_patterns_depend_on_the_set_of_lines_only(seen, random):
    shuffled = [*seen, *seen[:3]]
    random.shuffle(shuffled)

    assert patterns_of(shuffled) == patterns_of(seen)


@given(LINES)
@settings(deadline=None, max_examples=40)
def test_every_line_is_a_case_of_a_pattern(seen):
    patterns = patterns_of(seen)

    for line in seen:
        assert any(len(own) == len(line) and covers(own, line) for own in patterns)


@given(LINES)
@settings(deadline=None, max_examples=40)
def test_mining_patterns_again_changes_nothing(seen):
    patterns = patterns_of(seen)

    assert patterns_of(patterns) == patterns


def test_more_lines_than_are_grouped_at_once_are_mined_in_parts(monkeypatch):
    seen = lines(*(f"task of {name} done" for name in ("ann", "bob", "cat", "dan", "eve", "fay")))
    monkeypatch.setattr(mining, "AT_ONCE", 4)

    assert patterns_of(seen) == lines("task of 0 done")


def test_the_coarsest_patterns_are_one_a_length():
    found = coarsest(lines("a b", "a c", "x", "y"))

    assert found == lines("a 0", "0")

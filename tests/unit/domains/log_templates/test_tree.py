import numpy as np
import pytest

from headgate.domains.log_templates import tree
from headgate.domains.log_templates.tree import branches_of, group_lines, similarities


def lines(*texts):
    return [tuple(text.split(" ")) for text in texts]


def groups(*texts):
    return [[" ".join(line) for line in group] for group in group_lines(lines(*texts))]


def test_lines_go_down_by_length_then_first_token_then_similarity():
    """Worked by hand: 3 of 4 tokens make a group, 1 of 4 does not."""
    found = groups(
        "disk full on root",  # opens a group of 4 tokens behind `disk`
        "disk full on home",  # 3 of 4 equal: joins
        "disk was put offline",  # 1 of 4: a group of its own in the same leaf
        "disk full",  # another length
        "link full on root",  # another first token
    )

    assert found == [
        ["disk full on root", "disk full on home"],
        ["disk was put offline"],
        ["disk full"],
        ["link full on root"],
    ]


def test_half_of_the_tokens_are_enough_and_fewer_are_not():
    assert len(groups("a b c d", "a b x y")) == 1
    assert len(groups("a b c d e", "a b x y z")) == 2


def test_a_widened_pattern_is_what_later_lines_are_compared_with():
    """After `a b x` and `a b y` the third token is a value, equal to none but a value."""
    assert len(groups("a b x q", "a b y q", "a c y r")) == 2
    assert len(groups("a b y q", "a c y r")) == 1


def test_values_in_both_speak_neither_for_nor_against():
    """Of `sent 0 0 0 x` and `sent 0 0 0 y` half is equal, not four fifths; then less than half."""
    assert len(groups("sent 0 0 0 x", "sent 0 0 0 y")) == 1
    assert len(groups("sent 0 0 0 x q", "sent 0 0 0 y r")) == 2


def test_similarities_are_shares_of_the_tokens_that_are_compared():
    patterns = np.array([[1, 2, 0], [1, 3, 0], [0, 3, 0]], np.int32)

    found = similarities(patterns, np.array([1, 2, 0], np.int32))

    assert found.tolist() == [1.0, 0.5, 0.0]


def test_lines_of_values_only_are_alike():
    assert similarities(np.zeros((1, 2), np.int32), np.zeros(2, np.int32)).tolist() == [1.0]


def test_first_tokens_with_digits_share_a_branch():
    assert groups("[0] task done", "eth1 task done") == [["[0] task done", "eth1 task done"]]


def test_the_rarest_first_tokens_share_a_branch_where_there_are_too_many(monkeypatch):
    """Otherwise a name at the start would make a template for everybody."""
    monkeypatch.setattr(tree, "MOST_CHILDREN", 1)
    own = lines("disk is full", "disk is gone", "ann is in", "bob is in")

    assert set(branches_of(own)) == {(3, "disk")}
    assert group_lines(own) == [own[:2], own[2:]]


def test_a_line_joins_the_most_similar_group_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(tree, "MOST_GROUPS", 2)

    found = groups("a b c d", "a e f g", "a h i g")

    assert found == [["a b c d"], ["a e f g", "a h i g"]]


def test_the_more_similar_group_is_joined_and_the_earlier_one_of_equals():
    assert groups("a b q r", "a c s t", "a c q t")[1] == ["a c s t", "a c q t"]
    assert groups("a b q r", "a c s t", "a b s u")[0] == ["a b q r", "a b s u"]


@pytest.mark.parametrize("texts", [[], [""], ["a"]])
def test_few_and_empty_lines_are_groups_of_their_own(texts):
    assert groups(*texts) == [[text] for text in texts]

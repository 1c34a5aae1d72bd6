import pytest

from headgate.domains.rows import LabelledRecord, template_of
from headgate.fitting.split import split_rows, without_seen
from headgate.types import Candidate, Record


def row(log, label="match", **fields):
    return LabelledRecord(Record(log, {"log": log, **fields}), label)


def ranked(*causes):
    candidates = tuple(Candidate(str(place), cause) for place, cause in enumerate(causes))
    return LabelledRecord(Record("r", {"log": "link down"}, candidates), "0")


def rows_of(groups, size):
    """Return rows whose template is a letter, `size` of each."""
    letters = [chr(ord("a") + number) for number in range(groups)]
    return [row(f"{letter} {number}") for letter in letters for number in range(size)]


def logs(rows):
    return sorted(each.record.id for each in rows)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("groups", "size"), [(26, 1), (20, 5), (8, 25)])
def test_every_row_is_in_one_part_and_a_quarter_is_for_development(groups, size, seed):
    rows = rows_of(groups, size)

    train, development = split_rows(rows, seed)

    assert logs([*train, *development]) == logs(rows)
    assert abs(len(development) - len(rows) / 4) <= size / 2


@pytest.mark.parametrize("seed", range(10))
def test_rows_that_differ_in_numbers_only_stay_together(seed):
    """However the sizes of the groups fall out."""
    rows = [row(f"port {n} of switch 0x{n:x} is down {n}.{n} ms") for n in range(7)]
    rows += [row(f"{word} {n}") for word in ("fan", "disk", "link") for n in range(11)]

    train, development = split_rows(rows, seed)

    templates = {template_of(each) for each in train} & {template_of(each) for each in development}
    assert (templates, len(train) + len(development)) == (set(), 40)


def test_rows_of_one_log_stay_together_whatever_else_they_say():
    """A description is no part of the template: the log would be seen in both parts."""
    rows = [row(f"link {letter}", description=text) for letter in "abcdefgh" for text in "xyz"]

    train, development = split_rows(rows, 0)

    assert len(development) == 6
    assert not {each.record.id for each in train} & {each.record.id for each in development}


def test_the_same_seed_gives_the_same_parts_whatever_the_order_of_the_groups():
    rows = rows_of(20, 2)
    other_order = [*rows[20:], *rows[:20]]

    assert logs(split_rows(rows, 7)[1]) == logs(split_rows(other_order, 7)[1])
    assert split_rows(rows, 7) == split_rows(rows, 7)


def test_another_seed_gives_other_parts():
    rows = rows_of(26, 1)

    assert logs(split_rows(rows, 0)[1]) != logs(split_rows(rows, 1)[1])


@pytest.mark.parametrize("seed", range(6))
def test_one_large_group_is_for_training(seed):
    """Drawn first it would otherwise leave next to nothing to learn from."""
    rows = [row(f"heartbeat {n}") for n in range(90)] + rows_of(10, 1)

    train, development = split_rows(rows, seed)

    assert (len(train), len(development)) == (90, 10)


def test_three_equal_groups_are_two_for_training_and_one_for_development():
    train, development = split_rows(rows_of(3, 10), 0)

    assert (len(train), len(development)) == (20, 10)


def test_rows_of_a_single_template_are_all_for_training():
    train, development = split_rows(rows_of(1, 40), 0)

    assert (len(train), development) == (40, [])


@pytest.mark.parametrize(("count", "development"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1)])
def test_tiny_inputs_are_split_too(count, development):
    found = split_rows(rows_of(count, 1), 0)

    assert [len(part) for part in found] == [count - development, development]


def test_a_log_that_ends_in_nul_is_not_lost():
    """Fixed-width arrays of text drop trailing NULs."""
    rows = [row(f"{letter}\x00") for letter in "abcdefgh"]

    train, development = split_rows(rows, 0)

    assert logs([*train, *development]) == logs(rows)


@pytest.mark.parametrize(
    ("log", "template"),
    [
        ("port 17 down", "port # down"),
        ("at 0xFF12 by 10.0.3.4", "at # by #.#.#.#"),
        ("sda1 sdb", "sda# sdb"),
        ("", ""),
    ],
)
def test_a_template_is_the_log_without_its_numbers(log, template):
    assert template_of(row(log, description="7")) == template


def test_development_rows_that_are_training_rows_too_are_left_out():
    train = [row("a", description="x"), row("b", description="y")]
    development = [
        row("a", "mismatch", description="x"),  # the label makes no difference
        row("a", description="y"),
        row("b", description="x"),
        row("b ", description="y"),
    ]

    assert without_seen(development, train) == development[1:]


def test_candidates_in_another_order_are_the_same_row():
    train = [ranked("cut", "dust")]

    assert without_seen([ranked("dust", "cut"), ranked("cut", "wear")], train) == [
        ranked("cut", "wear")
    ]


def test_nothing_is_left_out_without_training_rows():
    assert without_seen([row("a"), row("a")], []) == [row("a"), row("a")]

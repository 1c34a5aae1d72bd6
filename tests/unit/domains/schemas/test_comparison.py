import pytest

from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.comparison import COMPARED, TargetColumns


def column_of(name, *values):
    return Column(name, values, (1,) * len(values))


def test_names_and_values_of_each_pair_are_compared():
    target = Table("t", (column_of("eye_color", "blue", "green"), column_of("weight", "90 kg")))

    features = TargetColumns(target).compare([column_of("Eye Color"), column_of("w", "Blue")])

    assert features.shape == (2, 2, len(COMPARED))
    assert features[0, 0].tolist() == [1, 0]
    assert features[1, 0, 1] == 1
    assert features[:, 1, 1].tolist() == [0, 0]


@pytest.mark.parametrize(("sources", "targets"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_compared_with_something_has_no_features(sources, targets):
    columns = [column_of(f"c{number}", "a") for number in range(2)]
    target = TargetColumns(Table("t", tuple(columns[:targets])))

    assert target.compare(columns[:sources]).shape == (sources, targets, 2)


def test_columns_without_names_and_values_are_like_no_other():
    empty = column_of("")

    assert not TargetColumns(Table("t", (empty,))).compare([empty, column_of("a", "b")]).any()

from dataclasses import dataclass
from enum import StrEnum

import pytest

from headgate.pages.plain import plain_fields


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    values: tuple[float, ...]


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour
    inner: Inner
    counts: dict[str, int]
    nothing: None = None


def test_values_become_the_types_of_json():
    found = plain_fields(Outer("a", Colour.RED, Inner((1.5, 2.0)), {"x": 1}))

    assert found == {
        "name": "a",
        "colour": "red",
        "inner": {"values": [1.5, 2.0]},
        "counts": {"x": 1},
        "nothing": None,
    }
    assert type(found["colour"]) is str


def test_what_json_cannot_say_is_a_bug():
    with pytest.raises(TypeError, match="This is a bug"):
        plain_fields(object())

"""Values of ours as JSON's own types.

frozen dataclass  ->  numbers, texts, lists, objects
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeAlias

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"


def plain_fields(value: object) -> dict[str, JSON]:
    """Return the fields of a dataclass as JSON's own types.

    Raises:
        TypeError: It is none, or a field has a part that JSON cannot say.
    """
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no value for JSON. This is a bug.")
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> JSON:
    match value:
        case str():
            return str(value)  # the state of a certificate is an enumeration
        case None | int() | float():
            return value
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case Sequence():
            return [_plain(each) for each in value]
    return plain_fields(value)

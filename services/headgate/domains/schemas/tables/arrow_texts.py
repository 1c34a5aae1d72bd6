"""The cells of Arrow's columns as texts, each counted before it is made.

array (rows,) of any type that is read  ->  str | None (rows,)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from headgate.domains.schemas.tables.json_table import cell_text
from headgate.domains.schemas.tables.limits import MAX_DECODED_BYTES
from headgate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowTexts:
    """Makes the texts of one table's columns; they may be so long together and no longer."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._left_bytes = MAX_DECODED_BYTES
        self.lossy = False
        """Whether bytes of binary columns that are not UTF-8 were replaced by U+FFFD."""

    def of(self, number: int, array: pa.Array) -> Iterable[str | None]:
        """Return the cells of an array that is valid.

        Args:
            number: Position of the column, from 0, for errors.
            array: Some of its rows.

        Raises:
            InputError: The type is not read, or the texts are too long together.
        """
        import pyarrow as pa

        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            return self.of(number, array.storage)
        if pa.types.is_dictionary(kind):
            return self._decoded(number, array)
        if _is_text(kind):
            return self._strings(array)
        if pa.types.is_nested(kind):
            self._spend(self._weight(number, array))
            return map(_nested_text, array)
        return self._plain(number, array)

    def _decoded(self, number: int, array: pa.Array) -> Iterator[str | None]:
        """Yield what the codes stand for; a text that several cells share is made once."""
        used = array.indices.unique().drop_null()
        codes, values = used.to_pylist(), array.dictionary
        if _is_text(values.type):
            texts = self._strings(values[code] for code in codes)  # Arrow cannot take from views
        else:
            texts = iter(self.of(number, values.take(used)))
        by_code = dict(zip(codes, texts, strict=True))
        return map(by_code.get, array.indices.to_pylist())

    def _strings(self, scalars: Iterable[pa.Scalar]) -> Iterator[str | None]:
        for scalar in scalars:
            value = scalar.as_py()
            if value is not None:
                self._spend(len(value))
            yield self._text(value) if isinstance(value, bytes) else value

    def _text(self, value: bytes) -> str:
        text = value.decode("utf-8", "replace")
        self.lossy = self.lossy or text.encode() != value
        return text

    def _plain(self, number: int, array: pa.Array) -> list[str | None]:
        """Return numbers, times and the like as Arrow writes them."""
        import pyarrow as pa

        kind = array.type
        if pa.types.is_null(kind):
            return [None] * len(array)
        if pa.types.is_interval(kind):
            return [value and str(value) for value in array.to_pylist()]
        if not _is_plain(kind):
            raise self._unread(number, kind)
        if pa.types.is_timestamp(kind) and kind.tz:
            array = array.cast(pa.timestamp(kind.unit))  # UTC, whatever the zone's name is
        return list(array.cast(pa.string()).to_pylist())

    def _weight(self, number: int, array: pa.Array) -> int:
        """Return how many values a nested array has, and bytes of texts that cells may share.

        Raises:
            InputError: A type in it is not read.
        """
        from pyarrow import types

        kind, children = array.type, _children(array)
        if children is not None:
            return len(array) + sum(self._weight(number, child) for child in children)
        if types.is_dictionary(kind) and _is_text(kind.value_type):
            sizes = _sizes(array.dictionary)
            return sum(sizes[code] for code in array.indices.drop_null().to_pylist())
        if _is_view(kind):
            return sum(_sizes(array))
        if not (_is_plain(kind) or _is_text(kind) or types.is_null(kind)):
            raise self._unread(number, kind)
        return len(array)

    def _spend(self, size_bytes: int) -> None:
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            problem = f"its texts are longer than {MAX_DECODED_BYTES} bytes together"
            raise InputError(self._place, problem, "Give some of its rows.")

    def _unread(self, number: int, kind: pa.DataType) -> InputError:
        name = str(kind).partition("<")[0]
        problem = f"column {number + 1} has a type that is not read ({name})"
        return InputError(self._place, problem, "Leave it out, or cast it to text.")


def _children(array: pa.Array) -> list[pa.Array] | None:
    """Return the arrays that a nested array is made of; None for one that is not nested."""
    import pyarrow as pa
    from pyarrow import types

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return [array.storage]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [array.values]
    if types.is_map(kind):
        return [array.keys, array.items]
    if types.is_struct(kind):
        return [array.field(index) for index in range(kind.num_fields)]
    return None


def _sizes(array: pa.Array) -> list[int]:
    """Return the bytes of each text."""
    return [1 + (scalar.as_buffer().size if scalar.is_valid else 0) for scalar in array]


def _nested_text(scalar: pa.Scalar) -> str | None:
    try:
        return cell_text(scalar.as_py())
    except (ValueError, OverflowError):
        return None  # such as a time that Python has no value for


def _is_view(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string_view(kind) or types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    whole = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return _is_view(kind) or any(is_it(kind) for is_it in (*whole, types.is_fixed_size_binary))


def _is_plain(kind: pa.DataType) -> bool:
    from pyarrow import types

    numbers = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)
    times = (types.is_date, types.is_time, types.is_timestamp, types.is_duration)
    return any(is_it(kind) for is_it in (*numbers, *times))

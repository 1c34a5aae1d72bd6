"""Text that comes from files, carried as bytes because files are often not UTF-8.

client: str (bad bytes as surrogate escapes) -> the file's own bytes
server: bytes -> str (bad bytes as U+FFFD), lossy
"""

from __future__ import annotations

from headgate.errors import InputError


def text_to_wire(text: str) -> bytes:
    """Return the bytes `text` was decoded from.

    Text read with `errors="surrogateescape"` gives back the file's own bytes, UTF-8 or not. A
    surrogate that stands for no byte becomes bytes that are not UTF-8, so that the server marks
    the record as lossy instead of the whole batch failing here.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def text_from_wire(data: bytes) -> tuple[str, bool]:
    """Return the text, and whether bytes that are not UTF-8 were replaced by U+FFFD."""
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), True


def prose_to_wire(text: str) -> str:
    """Return `text` with `?` for lone surrogates, which no message can hold.

    For what models and documents say: one odd character must not cost the answer it is beside.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def name_to_wire(place: str, name: str) -> str:
    """Return `name`, which has to arrive exactly as it is.

    Raises:
        InputError: `name` holds a lone surrogate, which no message can hold.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            place,
            f"the name {name!r} is not valid Unicode",
            "Put text that is not UTF-8 into a field, not into an id or a field's name.",
        ) from None
    return name

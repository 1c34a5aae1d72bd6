"""Which words of a text are values: one pass over its bytes, without a step for each word.

text (bytes,)  ->  classes (bytes,)  ->  value words  ->  text with `0` for each of them

A word is a run of letters, digits, `$ * + - _`, bytes above 127, and of dots between those; any
other byte ends it. A word with a digit is a value, except for names such as `ssh2`: one digit
behind a letter, no hyphen, and a letter that no hexadecimal number has.

Sets of bytes are held as integers of one bit a byte, so that a sum's carries run through a word
from where they start to its end.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Order = Literal["little", "big"]

VALUE = b"0"
"""What stands for a value: one itself, so that a line may as well have been masked before."""

_VALUE_BYTE = np.uint8(VALUE[0])
_BREAK, _DOT, _SIGN, _HYPHEN, _HEX_LETTER, _LETTER, _DIGIT = range(7)


def _byte_classes() -> Bytes:
    classes = np.full(256, _BREAK, np.uint8)
    classes[128:] = _LETTER
    for members, number in (
        (b".", _DOT),
        (b"$*+_", _SIGN),
        (b"-", _HYPHEN),
        (b"ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", _LETTER),
        (b"abcdefABCDEF", _HEX_LETTER),
        (b"0123456789", _DIGIT),
    ):
        classes[list(members)] = number
    return classes


_CLASSES = _byte_classes()
_PAIRS = _CLASSES[np.arange(1 << 16, dtype=np.uint16).view(np.uint8)].view(np.uint16)
"""Classes of each two bytes: half the look-ups."""


def mask_values(text: Bytes) -> Bytes:
    """Return a text with each value word replaced by `0`; all other bytes stay.

    Args:
        text: Shape (bytes,). It is fastest while its temporaries fit a core's cache.

    Returns:
        Shape (bytes that are left,).
    """
    values = _value_bytes(_classes_of(text))
    all_bits: Bytes = np.negative(_as_flags(values, len(text)).view(np.uint8), dtype=np.uint8)
    marked = text ^ ((text ^ _VALUE_BYTE) & all_bits)
    left = _everything(len(text)) ^ (values & (values << 1))
    # Arrow's bits are in the order of ours, and it copies runs of bytes, not byte by byte.
    bits = pa.py_buffer(_to_bytes(left, len(text), "little"))
    chosen = pa.Array.from_buffers(pa.bool_(), len(text), [None, bits])
    kept: Bytes = pa.array(marked).filter(chosen).to_numpy()
    return kept


def _classes_of(text: Bytes) -> Bytes:
    classes = np.empty(len(text), np.uint8)
    even = len(text) & ~1
    _PAIRS.take(text[:even].view(np.uint16), mode="wrap", out=classes[:even].view(np.uint16))
    classes[even:] = _CLASSES[text[even:]]
    return classes


def _value_bytes(classes: Bytes) -> int:
    """Return the bytes of value words, as a set in `little` order."""
    digit = classes == _DIGIT
    letter = (classes == _HEX_LETTER) | (classes == _LETTER)
    word = (classes >= _SIGN) | _inner_dots(classes, letter, digit)
    # What is known of bytes is carried to the starts of their words, for words to be judged there.
    words, digits = _as_set(word, "big"), _as_set(digit, "big")
    followed = _carried((digits << 1) & words, words) & digits
    unnamed = followed | _as_set((digit & ~_after(letter)) | (classes == _HYPHEN), "big")
    named = _carried(_as_set(classes == _LETTER, "big"), words) & ~_carried(unnamed, words)
    starts = words & ~(words >> 1) & _carried(digits, words) & ~named
    # And back, through the whole word.
    value_starts = _as_set(_as_flags(starts, len(classes), "big"), "little")
    return _carried(value_starts, _as_set(word, "little"))


def _inner_dots(classes: Bytes, letter: Flags, digit: Flags) -> Flags:
    """Return the dots between parts of one word, as in `1.5` or `a.b`; `core.17` is two words."""
    inside = letter | digit
    between: Flags = (classes == _DOT) & _after(inside) & _before(inside)
    between &= ~(_after(letter) & _before(digit))
    return between


def _after(flags: Flags) -> Flags:
    """Return where the byte before is in the set."""
    moved = np.zeros_like(flags)
    moved[1:] = flags[:-1]
    return moved


def _before(flags: Flags) -> Flags:
    """Return where the byte behind is in the set."""
    moved = np.zeros_like(flags)
    moved[:-1] = flags[1:]
    return moved


def _carried(marks: int, words: int) -> int:
    """Return the bytes of words from their lowest mark to their highest bit."""
    # Adding a mark to the ones of a word clears them up to the word's end; marks on the way stay.
    return (((words + marks) ^ words) | marks) & words


def _as_set(flags: Flags, order: Order) -> int:
    """Return flags as an integer; its lowest bit is the first one in `little` order."""
    return int.from_bytes(np.packbits(flags, bitorder=order).tobytes(), order)


def _as_flags(members: int, length: int, order: Order = "little") -> Flags:
    """Return what `_as_set` took."""
    packed = np.frombuffer(_to_bytes(members, length, order), np.uint8)
    return np.unpackbits(packed, count=length, bitorder=order).view(np.bool_)


def _to_bytes(members: int, length: int, order: Order) -> bytes:
    return members.to_bytes(-(-length // 8), order)


def _everything(length: int) -> int:
    """Return the set of all bytes of a text."""
    return (1 << length) - 1

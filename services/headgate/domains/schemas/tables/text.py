"""The text of a file, decoded as it is read.

bytes -> encoding (by the byte order mark), lossy -> lines, or InputError for what is no text
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from typing import Final, TextIO

from headgate.domains.schemas.tables.sniff import HEAD_BYTES, UTF16_MARKS
from headgate.errors import InputError

_CHUNK_BYTES: Final = 1024 * 1024
_MOST_ODD: Final = 0.3
"""Share of the first characters that may be no text. An older encoding of a Latin script has some
5 %; what is above has lost what a model could read, or is something else."""
_ODD: Final = re.compile("[\ufffd\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Text:
    """A file of text and how it is decoded."""

    content: bytes
    encoding: str
    lossy: bool
    """Whether bytes of it have to be replaced by U+FFFD."""

    def head(self) -> str:
        """Return the first 64 KiB as text."""
        return self.content[:HEAD_BYTES].decode(self.encoding, "replace")

    def open(self) -> TextIO:
        """Return the text as a stream, which keeps line ends and never fails to decode."""
        stream = io.BytesIO(self.content)
        return io.TextIOWrapper(stream, self.encoding, errors="replace", newline="")


def text_of(content: bytes, place: str) -> Text:
    """Return a file as text: UTF-8, or UTF-16 where it begins with that byte order mark.

    Bytes that are not that are replaced, as in records and lines; a file that is mostly such bytes
    is refused.

    Raises:
        InputError: It is no text, or text in another encoding.
    """
    utf16 = content.startswith(UTF16_MARKS)
    if not utf16 and b"\0" in content:
        problem = "it is no text: there are NUL bytes in it"
        raise InputError(place, problem, "Give CSV, Arrow IPC or JSON.")
    encoding = "utf-16" if utf16 else "utf-8-sig"
    text = Text(content, encoding, not _decodes(content, encoding))
    head = text.head()
    if len(_ODD.findall(head)) > _MOST_ODD * len(head):
        problem = "it is no text, or text in an encoding other than UTF-8"
        raise InputError(place, problem, "Convert it to UTF-8.")
    return text


def _decodes(content: bytes, encoding: str) -> bool:
    """Return whether all bytes are text, without making the whole of it."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(content), _CHUNK_BYTES):
            decoder.decode(content[start : start + _CHUNK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True

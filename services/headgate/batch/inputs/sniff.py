"""What the first bytes of a file say: its format, its compression, whether it is the same.

head (up to 64 KiB), name -> format, compression
head, size, time or tag -> fingerprint
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Final, cast

import zstandard

from headgate.batch.inputs.options import reads_lines
from headgate.batch.inputs.storage import About, Source, Store
from headgate.batch.types import Compression, FileFormat, InputSpec
from headgate.errors import InputError

HEAD_BYTES: Final = 64 * 1024
_MAGIC: Final[dict[Compression, tuple[bytes, ...]]] = {
    "gz": (b"\x1f\x8b",),
    # A file of zstd may begin with a frame to be skipped, of sixteen kinds.
    "zst": (b"\x28\xb5\x2f\xfd", *(bytes((kind,)) + b"\x2a\x4d\x18" for kind in range(80, 96))),
}
_ENDINGS: Final[dict[str, FileFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_head(store: Store, path: str, place: str) -> bytes:
    """Return the first bytes of a file.

    Raises:
        InputError: It cannot be read.
    """
    with Source(store, path, place) as source:
        return source.read(HEAD_BYTES)


def fingerprint_of(about: About, head: bytes) -> str:
    """Return 16 hex digits that differ when the file was written to."""
    facts = f"{about.size_bytes} {about.mark} ".encode()
    return hashlib.sha256(facts + head).hexdigest()[:16]


def sniff(place: str, head: bytes, spec: InputSpec) -> tuple[FileFormat, Compression | None]:
    """Return the format, by the spec or the file's name, and the compression, by its bytes.

    Raises:
        InputError: It is not what its name says, or is no text, and the spec does not insist.
    """
    compression = next((kind for kind, magic in _MAGIC.items() if head.startswith(magic)), None)
    for ending in _MAGIC:
        if place.endswith(f".{ending}") and head and compression != ending:
            problem = f"its name ends in .{ending}, but its content is something else"
            raise InputError(place, problem, "Rename it, or leave it out.")
    file_format = _format_of(place.removesuffix(f".{compression}"), spec)
    if file_format == "parquet" and compression:
        problem = "a compressed file of Parquet cannot be read in parts"
        raise InputError(place, problem, "Decompress it: Parquet compresses its columns itself.")
    if file_format != "parquet" and spec.format != "text":
        _refuse_binary(place, _plain(head, compression))
    return file_format, compression


def _format_of(name: str, spec: InputSpec) -> FileFormat:
    if spec.format != "auto":
        return cast(FileFormat, spec.format)  # check_spec has compared it
    if reads_lines(spec):
        return "text"
    return next((kind for end, kind in _ENDINGS.items() if name.lower().endswith(end)), "text")


def _plain(head: bytes, compression: Compression | None) -> bytes:
    """Return the decompressed head; nothing when it is damaged, which reading it will tell."""
    try:
        match compression:
            case "gz":
                return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES)
            case "zst":
                return zstandard.ZstdDecompressor().stream_reader(head).read(HEAD_BYTES)
    except (zlib.error, zstandard.ZstdError):
        return b""
    return head


def _refuse_binary(place: str, head: bytes) -> None:
    if b"\0" not in head:
        return
    if head.startswith(_UTF16):
        raise InputError(place, "it is text in UTF-16", "Convert it to UTF-8.")
    remedy = "Leave it out, or say that the format is text."
    raise InputError(place, "it is no text: there are NUL bytes in it", remedy)

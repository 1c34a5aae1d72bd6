import gzip

import pytest
import zstandard

from headgate.batch.inputs.sniff import sniff
from headgate.batch.types import InputSpec
from headgate.errors import InputError

AUTO = InputSpec(("x",))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.log", "text"),
        ("app", "text"),
        ("messages.1", "text"),
        ("rows.jsonl", "jsonl"),
        ("rows.ndjson", "jsonl"),
        ("rows.JSON", "jsonl"),
        ("rows.csv", "csv"),
        ("rows.csv.log", "text"),
    ],
)
def test_the_format_is_that_of_the_name(name, expected):
    assert sniff(name, b"x\n", AUTO) == (expected, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("app.log", "text"), ("app.jsonl.gz", "jsonl"), ("rows.csv", "csv"), ("rows.csv.gz", "csv")],
)
def test_the_compression_is_that_of_the_content(name, expected):
    assert sniff(name, gzip.compress(b"x\n"), AUTO) == (expected, "gz")


def test_zstd_is_seen_behind_frames_to_be_skipped():
    skipped = b"\x5f\x2a\x4d\x18" + bytes(4)

    assert sniff("a.csv.zst", zstandard.compress(b"x"), AUTO) == ("csv", "zst")
    assert sniff("a.csv.zst", skipped + zstandard.compress(b"x"), AUTO) == ("csv", "zst")


def test_the_format_of_the_spec_goes_before_the_name():
    assert sniff("a.csv", b"x", InputSpec(("x",), format="jsonl")) == ("jsonl", None)


def test_a_line_format_makes_text_of_json_lines():
    assert sniff("a.json", b"{}", InputSpec(("x",), line_format="json")) == ("text", None)


@pytest.mark.parametrize("name", ["app.log", "rows.jsonl", "rows.csv"])
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x7fELF\0\0", id="plain"),
        pytest.param(gzip.compress(b"tar\0\0"), id="gz"),
        pytest.param(zstandard.compress(b"tar\0\0"), id="zst"),
    ],
)
def test_a_binary_file_is_refused(name, head):
    with pytest.raises(InputError) as caught:
        sniff(name, head, AUTO)

    assert caught.value.args == (
        name,
        "it is no text: there are NUL bytes in it",
        "Leave it out, or say that the format is text.",
    )


def test_a_binary_file_is_read_when_the_format_is_said_to_be_text():
    assert sniff("a.bin", b"a\0b", InputSpec(("x",), format="text")) == ("text", None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_utf16_is_refused(encoding):
    head = "line".encode(encoding)

    with pytest.raises(InputError, match=r"a.log: it is (text in UTF-16|no text)"):
        sniff("a.log", head, AUTO)


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_name_that_promises_a_compression_is_held_to_it(ending):
    with pytest.raises(InputError, match=rf"its name ends in .{ending}, but its content is"):
        sniff(f"a.log.{ending}", b"plain", AUTO)


def test_an_empty_file_may_be_called_anything():
    assert sniff("a.log.gz", b"", AUTO) == ("text", None)


def test_compressed_parquet_is_refused():
    with pytest.raises(InputError, match="cannot be read in parts"):
        sniff("a.parquet.gz", gzip.compress(b"PAR1"), AUTO)


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_a_damaged_beginning_is_left_to_the_reader(magic):
    assert sniff("a.log", magic + b"\xff" * 50, AUTO)[0] == "text"


def test_a_head_that_would_become_huge_is_looked_at_in_part():
    """A gigabyte of blanks is 64 KiB of zstd or less."""
    head = zstandard.compress(b" " * 100_000_000)[: 64 * 1024]

    assert sniff("a.log", head, AUTO) == ("text", "zst")

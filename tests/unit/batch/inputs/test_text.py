import codecs
import gzip
import io
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fakes.read_inputs import Letters, read_files, read_text
from headgate.batch.inputs import find_inputs, plan_units, read_lines
from headgate.batch.types import DeadLetter, InputSpec, Reason
from headgate.errors import InputError

# Few bytes, so that newlines, returns and byte order marks meet each other often.
TEXTS = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bc", b"\xff", codecs.BOM_UTF8, b"\xc3\xa9"]),
    max_size=40,
).map(b"".join)


def lines_of(content):
    """What `split` says, but for line ends, a byte order mark and what is behind the last one."""
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    last = lines.pop()
    return [line.removesuffix(b"\r") for line in lines] + ([last] if last else [])


def compressed(content, kind):
    return gzip.compress(content) if kind == "gz" else zstandard.compress(content)


# Lines and cuts


@pytest.mark.slow
@given(TEXTS.filter(bool), st.integers(1, 60), st.integers(1, 60))
def test_units_together_have_the_lines_of_the_file_wherever_it_is_cut(
    content, target_bytes, block_bytes
):
    read = read_text(content, target_bytes=target_bytes, block_bytes=block_bytes, format="text")

    expected = lines_of(content)
    # A mark and nothing else is a line of the file, though there is nothing in it.
    if content == codecs.BOM_UTF8:
        expected = [b""]
    assert read.values == expected
    assert read.numbers == list(range(1, len(expected) + 1))
    assert read.line_count == len(expected)


@pytest.mark.slow
@given(TEXTS.filter(bool), st.integers(1, 60))
def test_offsets_are_where_the_lines_start_in_the_file(content, target_bytes):
    read = read_text(content, target_bytes=target_bytes, format="text")

    starts = [0, *(at + 1 for at, byte in enumerate(content) if byte == ord("\n"))]
    assert read.column("offsets") == [start for start in starts if start < len(content)]


@pytest.mark.slow
@given(TEXTS.filter(bool), st.sampled_from(["gz", "zst"]), st.integers(1, 60))
def test_compressed_files_have_the_same_lines(content, kind, block_bytes):
    name = f"app.log.{kind}"
    read = read_text(compressed(content, kind), name=name, block_bytes=block_bytes, format="text")

    assert len(read.units) == 1
    assert read.values == (lines_of(content) or [b""])


def test_a_unit_needs_no_line_that_starts_in_it():
    """The second of three parts lies within the one long line."""
    read = read_text(b"a" * 80 + b"\nb\n", target_bytes=28)

    assert [(unit.start, unit.end) for unit in read.units] == [(0, 27), (27, 55), (55, 83)]
    assert read.values == [b"a" * 80, b"b"]


def test_numbers_begin_anew_in_each_unit_and_the_lines_before_add_up(tmp_path):
    path = tmp_path / "app.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    spec = InputSpec((str(path),))

    first, second = plan_units(find_inputs(spec), spec, 7)
    (before,) = read_lines(first, spec, Letters())
    (block,) = read_lines(second, spec, Letters())

    assert (before.numbers.to_pylist(), before.line_count) == ([1, 2], 2)
    assert block.numbers.to_pylist() == [1]


def test_nul_bytes_and_lone_returns_behind_the_beginning_are_content():
    content = b"a\n" * 40_000 + b"x\0y\rz\n"

    assert read_text(content).values[-1] == b"x\0y\rz"


def test_bytes_that_are_not_utf8_stay_and_their_lines_are_marked():
    read = read_text("caf\u00e9\n".encode() + b"caf\xe9\nplain\n")

    assert read.values == ["caf\u00e9".encode(), b"caf\xe9", b"plain"]
    assert read.column("lossy") == [False, True, False]


def test_no_line_is_marked_where_all_are_utf8():
    (block,) = read_text("caf\u00e9\n".encode()).blocks

    assert block.lossy is None


# Long lines


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([b"", b"ab", b"c" * 9, b"d" * 10, b"e" * 11, b"f" * 50]), max_size=12),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_lines_are_either_read_or_dead_letters_when_they_are_too_long(
    lines, target_bytes, block_bytes
):
    content = b"\n".join([*lines, b"end"])
    read = read_text(content, max_line_bytes=10, target_bytes=target_bytes, block_bytes=block_bytes)

    all_lines = [*lines, b"end"]
    starts = [sum(len(line) + 1 for line in all_lines[:at]) for at in range(len(all_lines))]
    long_starts = [start for start, line in zip(starts, lines, strict=False) if len(line) > 10]
    assert read.values == [line for line in all_lines if len(line) <= 10]
    assert read.line_count == len(all_lines)
    assert [letter.offset for letter in read.dead.all] == long_starts


def test_a_line_that_is_too_long_is_a_dead_letter_without_its_text():
    read = read_text(b"short\n" + b"x" * 2000 + b"\nlast\n", max_line_bytes=1000)

    (letter,) = read.dead.all
    assert read.values == [b"short", b"last"]
    assert (letter.number, letter.reason, letter.offset) == (2, Reason.LINE_TOO_LONG, 6)
    assert letter.detail == "it is longer than 1000 bytes"
    assert letter.place.endswith("app.log")


@pytest.mark.slow
def test_a_line_of_100_mb_takes_no_memory_and_the_lines_behind_it_survive(tmp_path):
    path = tmp_path / "app.log.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"before\n")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\nbehind\n")

    tracemalloc.start()
    read = read_files([path])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read.values == [b"before", b"behind"]
    assert read.dead.reasons == [Reason.LINE_TOO_LONG]
    assert read.column("offsets") == [0, 100_000_008]
    assert peak < 30_000_000


# Files that break off


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_truncated_file_gives_the_lines_before_and_one_dead_letter(kind, tmp_path):
    lines = [f"{number} {number * 7919 % 10007}".encode() for number in range(100_000)]
    whole = compressed(b"\n".join(lines), kind)
    path = tmp_path / f"app.log.{kind}"
    path.write_bytes(whole[: len(whole) // 2])

    read = read_files([path], block_bytes=10_000)

    assert 1000 < len(read.values) < 99_000
    assert read.values == lines[: len(read.values)]
    (letter,) = read.dead.all
    assert letter.number == len(read.values) + 1
    assert letter == DeadLetter(
        0, str(path), letter.number, Reason.TRUNCATED, "the compressed file ends too early"
    )


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_file_that_is_cut_anywhere_gives_whole_lines_and_one_dead_letter(kind, tmp_path):
    whole = compressed(b"one\ntwo\n", kind) + compressed(b"three\nfour", kind)
    first_part = len(compressed(b"one\ntwo\n", kind))
    path = tmp_path / f"app.log.{kind}"

    for size in range(4, len(whole)):
        path.write_bytes(whole[:size])
        read = read_files([path])

        assert read.values == [b"one", b"two", b"three"][: len(read.values)]
        assert read.dead.reasons == ([] if size == first_part else [Reason.TRUNCATED])


def test_a_damaged_file_gives_the_lines_before_and_one_dead_letter(tmp_path):
    path = tmp_path / "app.log.gz"
    whole = bytearray(gzip.compress(b"one\ntwo\nthree"))
    whole[-8] ^= 1  # the checksum
    path.write_bytes(whole)

    read = read_files([path])

    assert read.values == [b"one", b"two"]
    assert (read.dead.reasons, read.dead.numbers) == ([Reason.DAMAGED], [3])


def test_a_file_that_became_shorter_ends_the_unit(tmp_path):
    path = tmp_path / "app.log"
    path.write_bytes(b"one\ntwo\n")
    spec = InputSpec((str(path),))
    (unit,) = plan_units(find_inputs(spec), spec)
    path.write_bytes(b"one\n")

    with pytest.raises(InputError, match="it ends at byte 4, and was longer"):
        list(read_lines(unit, spec, Letters()))


def test_what_is_written_behind_the_end_is_not_read(tmp_path):
    path = tmp_path / "app.log"
    path.write_bytes(b"one\ntw")
    spec = InputSpec((str(path),))
    (unit,) = plan_units(find_inputs(spec), spec)
    path.write_bytes(b"one\ntwo\nthree\n")

    (block,) = read_lines(unit, spec, Letters())

    assert block.content.to_pylist() == [b"one", b"tw"]


def test_a_reader_that_is_left_early_closes_its_file(tmp_path):
    """The thread that decompresses ahead ends too: a warning would fail the test."""
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"line\n" * 100_000))
    spec = InputSpec((str(path),))
    (unit,) = plan_units(find_inputs(spec), spec)

    blocks = read_lines(unit, spec, Letters(), block_bytes=1000)
    first = next(blocks)
    blocks.close()

    assert first.content[0].as_py() == b"line"


def test_dead_letters_may_end_the_unit(tmp_path):
    """Such as when there are more than the user allows."""

    class Full:
        def add(self, letter):
            raise InputError(letter.place, "too many dead letters", "Look at them.")

    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 20)
    spec = InputSpec((str(path),), max_line_bytes=10)
    (unit,) = plan_units(find_inputs(spec), spec)

    with pytest.raises(InputError, match="too many"):
        list(read_lines(unit, spec, Full()))


# Headers


def test_lines_that_do_not_fit_are_dead_letters_and_the_columns_stay_in_step():
    content = b"INFO a\nstack trace\n\nWARN caf\xe9\n"
    read = read_text(content, header_pattern=r"(?P<level>[A-Z]+) (?P<content>.*)")

    (block,) = read.blocks
    assert read.values == [b"a", b"caf\xe9"]
    assert (read.numbers, read.column("offsets")) == ([1, 4], [0, 20])
    assert (read.column("levels"), read.column("lossy")) == (["INFO", "WARN"], [False, True])
    assert (block.timestamps, block.components) == (None, None)
    assert block.line_count == 4
    assert read.dead.all[0].detail == "the line does not begin as its format says"
    assert [(each.number, each.offset, each.reason) for each in read.dead.all] == [
        (2, 7, Reason.HEADER_MISMATCH),
        (3, 19, Reason.HEADER_MISMATCH),
    ]


def test_a_block_of_nothing_but_wrong_lines_still_counts_them():
    read = read_text(b"x\ny\n", line_format="bgl")

    assert (read.values, read.line_count, read.dead.numbers) == ([], 2, [1, 2])


def test_members_of_a_file_of_gzip_follow_each_other(tmp_path):
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\n") + b"\0" * 512)

    assert read_files([path]).values == [b"one", b"two"]


def test_frames_of_a_file_of_zstd_follow_each_other(tmp_path):
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"
    frames = io.BytesIO()
    for part in (skipped, zstandard.compress(b"one\ntw"), zstandard.compress(b"o\n")):
        frames.write(part)
    path = tmp_path / "app.log.zst"
    path.write_bytes(frames.getvalue())

    assert read_files([path]).values == [b"one", b"two"]

import pytest

from headgate.serving.cluster.doctor.finding import Level
from headgate.serving.cluster.doctor.processor import eight_bit_support


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("flags\t\t: fpu avx2 avx512_vnni amx_int8", "AMX, AVX-512 VNNI"),
        ("flags\t\t: fpu avx_vnni", "AVX VNNI"),
        ("Features\t: fp asimd asimddp", "dot products"),
    ],
)
def test_instructions_for_int8_are_named(tmp_path, line, words):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\n{line}\n")

    (finding,) = eight_bit_support(file)

    assert finding.level is Level.OK
    assert finding.what.endswith(words)


@pytest.mark.parametrize("text", ["flags : fpu avx2\n", "", "bugs : avx512_vnni\n", "\xff\n"])
def test_a_processor_without_them_is_a_note(tmp_path, text):
    file = tmp_path / "cpuinfo"
    file.write_text(text)

    (finding,) = eight_bit_support(file)

    assert (finding.level, "no instructions" in finding.what) == (Level.NOTE, True)


def test_a_system_that_does_not_say_is_a_note(tmp_path):
    (finding,) = eight_bit_support(tmp_path / "absent")

    assert finding.level is Level.NOTE

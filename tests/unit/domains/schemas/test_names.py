import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domains.schemas.names import LONGEST_NAME, clean, words

ANY_TEXT = st.text(st.characters(), max_size=40) | st.text("aB1_ s%'", max_size=20)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("shoe_size", "shoe size", id="underscore"),
        pytest.param(" Shoe-Size.(cm)/day ", "shoe size cm day", id="any-separators"),
        pytest.param("shoeSizeInCm", "shoe size in cm", id="camel-case"),
        pytest.param("parcelStageUPU", "parcel stage upu", id="initials-at-the-end"),
        pytest.param("HTTPServerName", "http server name", id="initials-at-the-start"),
        pytest.param("OrderIDs", "order ids", id="plural-of-initials"),
        pytest.param("SHOE_SIZE", "shoe size", id="all-capitals"),
        pytest.param("pH", "ph", id="small-letter-of-a-measure"),
        pytest.param("mRNALevel", "mrna level", id="small-letter-of-a-molecule"),
        pytest.param("xPosition", "x position", id="small-letter-of-its-own"),
        pytest.param("p53Status", "p53 status", id="short-name-with-its-number"),
        pytest.param("P53STATUS", "p53 status", id="the-same-in-capitals"),
        pytest.param("address2", "address 2", id="word-and-its-number"),
        pytest.param("ADDRESS2Line", "address 2 line", id="number-between-words"),
        pytest.param("1stVisit", "1st visit", id="ending-of-a-number"),
        pytest.param("depth_30x", "depth 30x", id="number-and-its-unit"),
        pytest.param("2024", "2024", id="number"),
        pytest.param("% fat", "percent fat", id="percent"),
        pytest.param("# of visits", "number of visits", id="number-sign"),
        pytest.param("Patient's name", "patients name", id="apostrophe"),
        pytest.param("Höhe_über_Null", "höhe über null", id="umlauts"),
        pytest.param("GRÖSSE", "grösse", id="no-case-beyond-ascii"),
        pytest.param("Größe", "grösse", id="sharp-s"),
        pytest.param("ДатаРождения", "дата рождения", id="cyrillic-camel-case"),
        pytest.param("患者年龄", "患者年龄", id="letters-without-case"),
        pytest.param("उम्र वर्ष", "उम्र वर्ष", id="vowels-that-are-marks"),
        pytest.param("e\u0301tat", "état", id="accent-as-a-mark"),
        pytest.param("ﬁle size", "file size", id="ligature"),
        pytest.param("  ", "", id="blank"),
        pytest.param("***", "", id="no-letters"),
        pytest.param("", "", id="empty"),
    ],
)
def test_names_are_cleaned(name, expected):
    assert clean(name) == expected


def test_a_name_of_100000_characters_is_cut():
    assert words("ab_" * 100_000) == ("ab",) * (LONGEST_NAME // 3)


@given(ANY_TEXT)
@settings(deadline=None, max_examples=40)
def test_words_are_not_empty_and_have_no_blanks_and_no_case(name):
    for word in words(name):
        assert word
        assert word.split() == [word]
        assert word == word.casefold()


@given(ANY_TEXT)
@settings(deadline=None, max_examples=40)
def test_the_cleaned_name_is_the_words(name):
    assert tuple(clean(name).split()) == words(name)


@given(st.lists(st.sampled_from(["stage", "of", "the", "trial"]), min_size=1))
@settings(deadline=None, max_examples=40)
def test_ways_to_write_a_name_come_to_the_same(parts):
    snake, camel = "_".join(parts), "".join(part.title() for part in parts)

    assert words(snake) == words(camel) == words(snake.upper()) == tuple(parts)

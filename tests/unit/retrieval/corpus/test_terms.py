import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.retrieval.corpus.terms import MAX_TERM_CHARS, hash_of, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        pytest.param("The Nile, the_river!", ["the", "nile", "the", "river"], id="ascii"),
        pytest.param("Daigorō", ["daigoro"], id="accent"),
        pytest.param("Daigoro\u0304", ["daigoro"], id="accent-of-its-own"),
        pytest.param("Straße", ["strasse"], id="folded"),
        pytest.param("Ångström №5", ["angstrom", "no5"], id="compatible"),
        pytest.param("हिन्दी", ["हिन्दी"], id="vowel-signs-stay"),
        pytest.param("한국어", ["한국어"], id="hangul"),
        pytest.param("東京都", ["東京", "京都"], id="pairs-of-han"),
        pytest.param("ver2東京x", ["ver2", "東京", "x"], id="han-among-letters"),
        pytest.param("川", ["川"], id="one-han"),
        pytest.param(" -- ", [], id="no-word"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_words_are_those_of_the_script(text, terms):
    assert terms_of(text) == terms


def test_a_blob_without_blanks_is_one_short_term():
    assert terms_of("a" * 10_000) == ["a" * MAX_TERM_CHARS]


@given(st.text())
def test_terms_of_terms_are_the_terms(text):
    terms = terms_of(text)

    assert all(0 < len(term) <= MAX_TERM_CHARS for term in terms)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_case_does_not_count(text):
    assert terms_of(text.upper()) == terms_of(text.lower())


def test_a_hash_is_the_same_on_every_machine():
    assert hash_of("nile") == int.from_bytes(bytes.fromhex("5758c2e81ffb15ab"), "little")


def test_half_a_surrogate_pair_has_a_hash():
    assert hash_of("\ud800") == hash_of("?")

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from headgate.errors import LmAnswerError
from headgate.lm.decide import Decided, LmRequest, parse_decision
from headgate.lm.faults import AnswerFault
from headgate.lm.schema import MAX_ANSWER_CHARS

OPTIONS = ("disk fault", "Network", "no. 1")
DEEP = "[" * 100_000


def fault_of(text, options=OPTIONS):
    with pytest.raises(LmAnswerError) as caught:
        parse_decision(text, options)
    return caught.value.problem.removeprefix("invalid answer: ")


def test_the_response_format_is_strict_and_allows_only_the_options():
    wanted = LmRequest("r", "Sort.", {"log": "x"}, OPTIONS).response_format()

    schema = wanted["json_schema"]["schema"]
    validator = Draft202012Validator(schema)
    assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)
    assert list(schema["properties"]) == ["reason", "label"]
    assert validator.is_valid({"reason": "x", "label": "Network"})
    assert not validator.is_valid({"reason": "x", "label": "other"})
    assert not validator.is_valid({"reason": "x", "label": "Network", "more": 1})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"reason": "smart", "label": "disk fault"}', id="plain"),
        pytest.param('  \n{"label": "disk fault", "reason": "smart"}\n', id="blanks-around"),
        pytest.param('```json\n{"reason": "smart", "label": "disk fault"}\n```', id="fence"),
        pytest.param('```\n{"reason": "smart", "label": "disk fault"}```', id="bare-fence"),
        pytest.param('{"reason": "smart", "label": "disk fault"} Hope it helps!', id="prose"),
        pytest.param('{"reason":"smart","label":"disk fault","confidence":7}', id="extra-key"),
        pytest.param(
            '{"reason":"smart","label":"x","label":"x"}'.replace("x", "disk fault"),
            id="twice-the-same",
        ),
        pytest.param("Reason: smart\nLabel: disk fault", id="two-lines"),
        pytest.param("Reason: smart Label: disk fault", id="one-line"),
        pytest.param("smart\nlabel:disk fault\nThank you.", id="prose-behind"),
        pytest.param("Reason: smart\n**Label:** disk fault", id="bold-mark"),
        pytest.param("**Reason:** smart\n**Label**: `disk fault`", id="bold-word"),
        pytest.param("Label: disk fault\nsmart", id="label-first"),
        pytest.param("smart\r\nLabel: disk fault\r\n", id="windows-lines"),
    ],
)
def test_both_forms_of_an_answer_are_read(text):
    assert parse_decision(text, OPTIONS) == Decided("disk fault", "smart")


@pytest.mark.parametrize(
    ("label", "option"),
    [
        pytest.param("Network", "Network", id="exact"),
        pytest.param("NETWORK", "Network", id="case"),
        pytest.param(" network. ", "Network", id="period"),
        pytest.param("'Network'", "Network", id="quotes"),
        pytest.param("“Network.”", "Network", id="typographic-quotes"),
        pytest.param("no. 1", "no. 1", id="period-inside"),
    ],
)
def test_small_differences_of_a_label_are_forgiven(label, option):
    assert parse_decision(json.dumps({"label": label}), OPTIONS).answer == option


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param(" \n\t", "empty", id="blank"),
        pytest.param("the disk fault, I think", "not_json", id="neither-form"),
        pytest.param("<html><body>502</body></html>", "not_json", id="html"),
        pytest.param('{"reason": "x", "label": "Netw', "not_json", id="truncated"),
        pytest.param("{'label': 'Network'}", "not_json", id="python-literal"),
        pytest.param('["Network"]', "not_json", id="array"),
        pytest.param('"Network"', "not_json", id="string"),
        pytest.param('{"label": "Network", "confidence": NaN}', "not_json", id="nan"),
        pytest.param('{"label": "Network", "n": ' + "9" * 5_000 + "}", "not_json", id="huge-int"),
        pytest.param('{"label": "Network", "label": "no. 1"}', "duplicate_key", id="duplicate"),
        pytest.param('{"label":"Network"} {"label":"no. 1"}', "several_objects", id="two-objects"),
        pytest.param('{"answer": "Network"}', "label_missing", id="wrong-schema"),
        pytest.param("{}", "label_missing", id="empty-object"),
        pytest.param('{"label": ["Network"]}', "label_not_text", id="label-list"),
        pytest.param('{"label": null}', "label_not_text", id="label-null"),
        pytest.param('{"label": "Network", "reason": 7}', "reason_not_text", id="reason-number"),
        pytest.param('{"label": "other"}', "label_not_in_set", id="out-of-set"),
        pytest.param('{"label": ""}', "label_not_in_set", id="empty-label"),
        pytest.param('{"label": "Network and no. 1"}', "label_not_in_set", id="two-labels"),
        pytest.param('{"label": "Netw\\u043ark"}', "label_not_in_set", id="homoglyph"),
        pytest.param("Label: Network\nLabel: other", "label_not_in_set", id="the-last-line-counts"),
        pytest.param("Label:", "label_not_in_set", id="nothing-behind-the-mark"),
        pytest.param('{"label": ' + DEEP, "too_deep", id="deep-array"),
        pytest.param('{"label":' * 100_000, "too_deep", id="deep-object"),
        pytest.param(DEEP, "not_json", id="deep-without-object"),
        pytest.param("x" * (MAX_ANSWER_CHARS + 1), "too_large", id="too-large"),
    ],
)
def test_everything_else_is_an_error_that_names_its_kind(text, fault):
    assert fault_of(text) == fault


def test_a_label_that_could_be_two_options_is_refused_unless_it_is_exact():
    assert parse_decision('{"label": "a"}', ("a", "A")).answer == "a"
    assert fault_of('{"label": "a."}', ("a", "A")) == "label_not_in_set"


def test_without_options_nothing_is_an_answer():
    assert fault_of('{"label": ""}', ()) == "label_not_in_set"


def test_quotes_alone_do_not_match_an_option_of_quotes():
    assert fault_of('{"label": ""}', ('"',)) == "label_not_in_set"


def test_the_rationale_is_one_inert_line():
    reason = "a\x1b]0;evil\x07\nlevel: \u202eb\u200b\U000e0041"

    answer = parse_decision(json.dumps({"reason": reason, "label": "Network"}), OPTIONS)

    assert answer.rationale == "a]0;evil level: b"


def test_the_rationale_is_capped():
    answer = parse_decision(json.dumps({"reason": "x" * 5_000, "label": "Network"}), OPTIONS)

    assert answer.rationale == "x" * 2_000


def test_the_error_holds_nothing_of_the_answer():
    with pytest.raises(LmAnswerError) as caught:
        parse_decision('{"label": "canary"}', OPTIONS)

    assert "canary" not in str(caught.value)


PIECES = st.sampled_from(
    [
        "{",
        "}",
        '"label"',
        ":",
        '"Network"',
        "Network",
        "other",
        "Label:",
        "\n",
        "```",
        ",",
        " ",
        ".",
    ]
)
TEXTS = st.one_of(
    st.text(),
    st.lists(PIECES, max_size=12).map("".join),
    st.dictionaries(st.sampled_from(["label", "reason", "x"]), st.text() | st.integers()).map(
        json.dumps
    ),
    st.text().map(lambda label: f"Reason: x\nLabel: {label}"),
)


def label_or_fault(text):
    try:
        return parse_decision(text, OPTIONS).answer, None
    except LmAnswerError as error:
        return None, error.problem.removeprefix("invalid answer: ")


@given(TEXTS)
def test_nothing_outside_the_options_ever_comes_out(text):
    label, fault = label_or_fault(text)

    assert label in OPTIONS or fault in set(AnswerFault)


@given(st.text())
def test_no_rationale_acts_on_a_terminal(reason):
    rationale = parse_decision(
        json.dumps({"reason": reason, "label": "Network"}), OPTIONS
    ).rationale

    assert not [char for char in rationale if unicodedata.category(char) in ("Cc", "Cf", "Cs")]

"""The ways in which a large model's answer can be unusable, a closed set for messages and metrics.

what is wrong with the answer  ->  AnswerFault  ->  LmAnswerError
"""

from __future__ import annotations

from enum import StrEnum

from headgate.errors import LmAnswerError


class AnswerFault(StrEnum):
    """Why an answer cannot be used."""

    EMPTY = "empty"
    """There is no text in it."""
    NOT_JSON = "not_json"
    """It is neither one JSON object nor text of the other form that is read."""
    TOO_LARGE = "too_large"
    """It is longer than the limit and was cut off."""
    TOO_DEEP = "too_deep"
    """Its JSON is nested deeper than the reader goes."""
    ENCODED = "encoded"
    """The body is compressed although we asked for plain bytes."""
    DUPLICATE_KEY = "duplicate_key"
    """One JSON key has two different values."""
    SEVERAL_OBJECTS = "several_objects"
    """A second JSON object may follow the first."""
    NO_CHOICES = "no_choices"
    """The endpoint's reply holds no choice with a message."""
    LABEL_MISSING = "label_missing"
    """The object has no `label`."""
    LABEL_NOT_TEXT = "label_not_text"
    """The `label` is a number, a list or the like."""
    REASON_NOT_TEXT = "reason_not_text"
    """The `reason` is a number, a list or the like."""
    LABEL_NOT_IN_SET = "label_not_in_set"
    """The label is not one, and only one, of the options."""
    ITEM_MISSING = "item_missing"
    """There is no list for one of the items that were to be ranked."""
    ENTRIES_UNUSABLE = "entries_unusable"
    """An item's list is not empty, but no entry of it gives a candidate a score."""
    SCORE_OFF_SCALE = "score_off_scale"
    """A score is a number outside 0 to 1."""
    ANSWER_MISSING = "answer_missing"
    """The object has no `answer`, or nothing stands behind `Answer:`."""
    ANSWER_NOT_TEXT = "answer_not_text"
    """The `answer` is neither a text nor a list of texts."""
    PASSAGES_NOT_NUMBERS = "passages_not_numbers"
    """The `passages` are no list of whole numbers."""
    PLAN_UNUSABLE = "plan_unusable"
    """The steps cannot be carried out: none, too many, of another form, or in a wrong order."""
    SUPPORT_MISSING = "support_missing"
    """The object has no `supported`."""
    SUPPORT_NOT_BOOL = "support_not_bool"
    """The `supported` is neither true nor false; in free text, neither yes nor no."""
    PROBABILITY_MISSING = "probability_missing"
    """The object has no `probability`."""
    PROBABILITY_NOT_NUMBER = "probability_not_number"
    """The `probability` is a text, true, null or the like; in free text, no number by itself."""
    PROBABILITY_OFF_SCALE = "probability_off_scale"
    """The `probability` is a number outside 0 to 1, or a percentage."""
    RATIONALE_NOT_TEXT = "rationale_not_text"
    """The `rationale` is a number, a list or the like."""
    TRUNCATED = "truncated"
    """The model ran into the limit on its output."""
    CONTENT_FILTER = "content_filter"
    """The endpoint withheld the answer."""
    REFUSAL = "refusal"
    """The model declined to answer."""


def invalid_answer(fault: AnswerFault) -> LmAnswerError:
    """Return the error for `fault`; it says which fault and nothing of the answer itself."""
    return LmAnswerError(
        "large model",
        f"invalid answer: {fault.value}",
        "Use a model that follows the response schema, or shorten the options.",
    )

import json

import pytest

from headgate.cli.output import dollars, emit, emit_json, note, percent, plain, table
from headgate.errors import RemoteError
from headgate.types import Decision, Result, Step, Tier


def test_a_table_keeps_whole_cells_where_there_is_no_terminal():
    """A pipe has no width, so that nothing is folded or cut for `grep`."""
    long = "x" * 500

    drawn = table(["id", "n"], [[long, "7"], ["b", "12"]], numbers=1)

    assert [line.split() for line in drawn.splitlines()] == [["id", "n"], [long, "7"], ["b", "12"]]


def test_cells_are_text_and_no_markup():
    drawn = table(["id"], [["[red]a[/red]"], ["b\x1b[31m"]])

    assert drawn.splitlines()[1:] == ["[red]a[/red]", "b[31m"]


def test_a_result_becomes_plain_json():
    step = Step("keep", "gate", Decision.KEPT, 1.5, score=0.9)
    error = RemoteError("INTERNAL", "RECORD_FAILED", "no")

    value = plain(Result("a", "disk", 0.9, Tier.SMALL, path=(step,), error=error))

    assert value == {
        "record_id": "a",
        "answer": "disk",
        "confidence": 0.9,
        "tier": "small",
        "path": [
            {
                "stage": "keep",
                "kind": "gate",
                "decision": "kept",
                "elapsed_ms": 1.5,
                "score": 0.9,
                "detail": "",
            }
        ],
        "evidence": [],
        "rationale": "",
        "usage": {
            "calls": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_usd": 0.0,
            "estimated": False,
        },
        "certificate_id": "",
        "guarantee": "uncertified",
        "degraded": "",
        "lossy_input": False,
        "cached": False,
        "error": {
            "status": "INTERNAL",
            "reason": "RECORD_FAILED",
            "message": "INTERNAL (RECORD_FAILED): no",
        },
        "parts": [],
        "ranking": [],
        "plan": [],
        "asked": "",
        "cited": [],
        "advice": [],
    }


def test_what_json_cannot_say_is_a_bug():
    with pytest.raises(TypeError, match="This is a bug"):
        plain({"a": object()})


def test_json_holds_no_character_that_a_terminal_would_obey(capsys):
    text = "\x1b]0;owned\x07 \x9b2J \u202e \ud800"

    emit_json({"rationale": text})

    written = capsys.readouterr().out
    assert written.isascii()
    assert written.rstrip("\n").isprintable()
    assert json.loads(written) == {"rationale": text}


def test_data_and_notes_go_to_their_own_streams(capsys):
    emit("data")
    note("a note\nof two lines")

    assert capsys.readouterr() == ("data\n", "a note of two lines\n")


def test_what_is_not_known_is_a_dash():
    assert [percent(0.125), percent(None), dollars(0.00125), dollars(None)] == [
        "12.5%",
        "-",
        "0.001250",
        "-",
    ]

"""The text that a local model goes on from: its chat template filled in, or plain paragraphs.

messages, response schema, tokenizer  ->  one text, special tokens included
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from headgate.lm.prompt import Message


def chat_text(
    tokenizer: Any,  # noqa: ANN401 - the library has no types
    messages: Sequence[Message],
    response_format: Mapping[str, object],
) -> str:
    """Return the prompt as one text.

    Nothing holds a local model to the response schema, so the system turn describes it. A special
    token that stands in a message is broken up: a record cannot end its own turn.

    Args:
        tokenizer: The model's.
        messages: The turns.
        response_format: What an endpoint would be asked for.
    """
    special = set(tokenizer.get_added_vocab()) | set(tokenizer.all_special_tokens)
    turns = [
        {"role": turn["role"], "content": _broken_up(turn["content"], special)}
        for turn in with_schema(messages, response_format)
    ]
    if not tokenizer.chat_template:
        return _paragraphs(turns)
    try:
        return _filled_in(tokenizer, turns)
    except Exception:  # noqa: BLE001 - templates raise what they like where they know no system turn
        return _filled_in(tokenizer, [{"role": "user", "content": _contents(turns)}])


def with_schema(
    messages: Sequence[Message], response_format: Mapping[str, object]
) -> list[Message]:
    """Return the turns with the response schema in words at the end of the system turn.

    No instruction follows the user turn, which is untrusted.
    """
    named = response_format.get("json_schema")
    schema = named.get("schema") if isinstance(named, Mapping) else None
    if schema is None:
        return list(messages)
    words = f"Answer with one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
    return [
        {**turn, "content": f"{turn['content']}\n\n{words}"} if turn["role"] == "system" else turn
        for turn in messages
    ]


def _broken_up(text: str, special: Collection[str]) -> str:
    """Return the text with a blank after the first character of what would be a special token."""
    for token in special:
        if len(token) > 1:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _filled_in(tokenizer: Any, turns: Sequence[Mapping[str, str]]) -> str:  # noqa: ANN401
    text: str = tokenizer.apply_chat_template(
        list(turns), tokenize=False, add_generation_prompt=True
    )
    return text


def _paragraphs(turns: Sequence[Mapping[str, str]]) -> str:
    return f"{_contents(turns)}\n\nAnswer:\n"


def _contents(turns: Sequence[Mapping[str, str]]) -> str:
    return "\n\n".join(turn["content"] for turn in turns)

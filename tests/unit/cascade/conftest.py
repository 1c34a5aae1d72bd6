"""A folder as a user has it: a prompt and recordings beside the cascade file."""

import pytest

from headgate.cascade.load import load_cascade
from headgate.errors import SpecFileError

MARK = "¦"
"""Stands in a text directly before the place where a mistake is expected."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "decide.md").write_text("Does it fit?\n", encoding="utf-8")
    (tmp_path / "answers.jsonl").write_text("{}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def load(folder):
    """Write a text as the folder's cascade file and load it."""

    def write_and_load(text):
        path = folder / "cascade.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        return load_cascade(path)

    return write_and_load


@pytest.fixture
def refuse(load):
    """Return what is said of a text with marks, and the marked `line:column` places."""

    def load_marked(text):
        with pytest.raises(SpecFileError) as caught:
            load(text.replace(MARK, ""))
        return caught.value.errors, marked_places(text)

    return load_marked


def marked_places(text):
    places = []
    for number, line in enumerate(text.split("\n"), start=1):
        parts = line.split(MARK)[:-1]
        columns = [len("".join(parts[: end + 1])) + 1 for end in range(len(parts))]
        places.extend(f"{number}:{column}" for column in columns)
    return places

import pytest
import typer

from headgate import errors
from headgate.cli.exits import exit_code, messages
from headgate.errors import HeadgateError, RemoteError, SpecError, SpecFileError


def _raised(kind):
    if kind is SpecFileError:
        return SpecFileError([SpecError("f.yaml:1:1", "wrong", "Correct it.")])
    return kind("place", "problem", "Remedy.")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SpecError", 2),
        ("SpecFileError", 2),
        ("InputError", 2),
        ("NotFoundError", 2),
        ("ArtifactError", 2),
        ("ModelError", 2),
        ("LmRefusedError", 2),
        ("ReplayMissError", 2),
        ("FeedbackError", 2),
        ("UnavailableError", 69),
        ("JobLockedError", 75),
        ("LimitError", 75),
        ("BudgetError", 75),
        ("DeadlineError", 75),
        ("LmError", 75),
        ("LmAnswerError", 75),
        ("StageError", 70),
        ("HeadgateError", 70),
    ],
)
def test_each_error_of_ours_has_its_exit_code(name, code):
    assert exit_code(_raised(getattr(errors, name))) == code


def test_no_error_of_ours_is_forgotten_above():
    named = {each for each in vars(errors).values() if isinstance(each, type)}
    ours = {each.__name__ for each in named if issubclass(each, HeadgateError)}

    marks = test_each_error_of_ours_has_its_exit_code.pytestmark
    assert ours == {name for name, _ in marks[0].args[1]} | {"RemoteError"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("INVALID_ARGUMENT", 2),
        ("NOT_FOUND", 2),
        ("FAILED_PRECONDITION", 2),
        ("UNIMPLEMENTED", 2),
        ("UNAUTHENTICATED", 2),
        ("UNAVAILABLE", 69),
        ("CANCELLED", 69),
        ("RESOURCE_EXHAUSTED", 75),
        ("DEADLINE_EXCEEDED", 75),
        ("INTERNAL", 70),
        ("A_STATUS_OF_TOMORROW", 70),
    ],
)
def test_a_servers_error_counts_by_its_status(status, code):
    assert exit_code(RemoteError(status, "REASON", "message")) == code


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="ctrl-c"),
        pytest.param(
            FileNotFoundError(2, "No such file", "a.jsonl"), 74, "a.jsonl: No such file.", id="file"
        ),
        pytest.param(OSError(28, "Disk full"), 74, "input or output: Disk full.", id="no-name"),
        pytest.param(
            ModuleNotFoundError("no", name="ray"),
            2,
            "ray is not installed. Run: pip install 'headgate[server]'",
            id="extra-not-installed",
        ),
        pytest.param(
            typer.BadParameter("too small"),
            2,
            "Invalid value: too small. Try: headgate --help",
            id="usage",
        ),
    ],
)
def test_errors_of_the_process_have_a_code_and_a_line(error, code, message):
    assert (exit_code(error), messages(error)) == (code, [message])


def test_a_bug_is_named_without_quoting_its_text():
    """An exception's text may hold a record or a key."""
    error = ValueError("sk-very-secret in line 'password=x'")

    (message,) = messages(error)
    assert exit_code(error) == 70
    assert message.startswith("an unexpected error, ValueError. This is a bug.")
    assert "secret" not in message


def test_every_mistake_of_a_file_has_a_line():
    mistakes = [SpecError(f"f.yaml:{n}:1", "wrong", "Correct it.") for n in (1, 2)]

    assert messages(SpecFileError(mistakes)) == [
        "f.yaml:1:1: wrong. Correct it.",
        "f.yaml:2:1: wrong. Correct it.",
    ]


def test_what_a_server_says_stays_on_one_line():
    error = RemoteError("INTERNAL", "R", "first\nheadgate: forged \x1b[31mline")

    assert messages(error) == ["INTERNAL (R): first headgate: forged [31mline"]

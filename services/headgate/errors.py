"""Every error Headgate raises, each with the gRPC status a caller sees.

HeadgateError                 INTERNAL             something we did not foresee
├── SpecError                 INVALID_ARGUMENT     one mistake in a cascade file, with its place
├── SpecFileError             INVALID_ARGUMENT     all mistakes of one cascade file
├── InputError                INVALID_ARGUMENT     a request, a record or a label file is wrong
├── NotFoundError             NOT_FOUND            no cascade, stage or index of that name
├── ArtifactError             FAILED_PRECONDITION  a fitted directory is missing or altered
├── ModelError                FAILED_PRECONDITION  a model cannot be loaded
├── LimitError                RESOURCE_EXHAUSTED   more was asked than a limit allows
│   └── BudgetError           RESOURCE_EXHAUSTED   the large model's budget is spent
├── FeedbackError             NOT_FOUND            feedback on a record of which nothing is known
├── DeadlineError             DEADLINE_EXCEEDED    the caller's time was over
├── UnavailableError          UNAVAILABLE          nothing there to answer; safe to try again
├── JobLockedError            ABORTED              another run is at work in a job's directory
├── StageError                INTERNAL             a model failed on one record
├── RemoteError               as the server said   what a client raises for a server's error
└── LmError                   UNAVAILABLE          the large model gave no usable answer
    ├── LmRefusedError        FAILED_PRECONDITION  the endpoint refuses our key, model or request
    ├── LmAnswerError         UNAVAILABLE          an answer came, but outside the response schema
    └── ReplayMissError       FAILED_PRECONDITION  no answer was recorded for this record

A message reads `<place>: <problem>. <remedy>`. It never holds a payload, a prompt or a key.
"""

from __future__ import annotations

from collections.abc import Sequence


class HeadgateError(Exception):
    """Something went wrong that Headgate knows how to name."""

    status = "INTERNAL"
    """The gRPC status code, by name, with which a server answers."""

    reason = "HEADGATE"
    """The stable, machine-readable cause (`google.rpc.ErrorInfo.reason`)."""

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        # All arguments go to super().__init__: unpickling calls __init__ with them again.
        super().__init__(place, problem, remedy)
        self.place, self.problem, self.remedy = place, problem, remedy

    def __str__(self) -> str:
        """Return `place: problem. remedy`."""
        return f"{self.place}: {self.problem}. {self.remedy}"


class SpecError(HeadgateError):
    """One mistake in a cascade file. Raised before anything is deployed."""

    status = "INVALID_ARGUMENT"
    reason = "CASCADE_FILE_INVALID"


class SpecFileError(HeadgateError):
    """All mistakes of one cascade file, in the order of their lines."""

    status = "INVALID_ARGUMENT"
    reason = "CASCADE_FILE_INVALID"

    def __init__(self, errors: Sequence[SpecError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.place, first.problem, first.remedy)
        self.args = (self.errors,)  # what unpickling hands to __init__

    def __str__(self) -> str:
        """Return one line for each mistake."""
        return "\n".join(str(error) for error in self.errors)


class InputError(HeadgateError):
    """What the caller sent, or a file the user named, is wrong."""

    status = "INVALID_ARGUMENT"
    reason = "INPUT_INVALID"


class NotFoundError(HeadgateError):
    """There is no cascade, stage or index of that name here."""

    status = "NOT_FOUND"
    reason = "NOT_FOUND"


class ArtifactError(HeadgateError):
    """The fitted directory is missing, incomplete, altered or made for something else."""

    status = "FAILED_PRECONDITION"
    reason = "ARTIFACT_UNUSABLE"


class ModelError(HeadgateError):
    """A model cannot be loaded: wrong hash, wrong format, not there."""

    status = "FAILED_PRECONDITION"
    reason = "MODEL_UNUSABLE"


class FeedbackError(HeadgateError):
    """Feedback that fits no decision: an unknown record, or a label it could not have had."""

    status = "NOT_FOUND"
    reason = "FEEDBACK_NOT_TAKEN"


class LimitError(HeadgateError):
    """A size, count or rate limit was passed."""

    status = "RESOURCE_EXHAUSTED"
    reason = "LIMIT_EXCEEDED"


class BudgetError(LimitError):
    """The budget of the large model is spent, and the cascade does not answer without it."""

    reason = "BUDGET_EXHAUSTED"


class DeadlineError(HeadgateError):
    """The caller's deadline passed before an answer was there."""

    status = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_EXCEEDED"


class UnavailableError(HeadgateError):
    """No replica or endpoint can answer now. Trying again is safe."""

    status = "UNAVAILABLE"
    reason = "UNAVAILABLE"


class JobLockedError(HeadgateError):
    """Another run holds the directory of a batch job. It may be tried when that one has ended."""

    status = "ABORTED"
    reason = "JOB_LOCKED"


class StageError(HeadgateError):
    """A model failed on one record; the other records of the batch are not touched."""

    status = "INTERNAL"
    reason = "RECORD_FAILED"


class RemoteError(HeadgateError):
    """A server answered with an error; its status and reason are the server's."""

    def __init__(self, status: str, reason: str, message: str) -> None:
        super().__init__(status, reason, message)
        self.status, self.reason, self.message = status, reason, message

    def __str__(self) -> str:
        """Return `STATUS (REASON): message`."""
        return f"{self.status} ({self.reason}): {self.message}"


class LmError(HeadgateError):
    """The large model gave no usable answer in time."""

    status = "UNAVAILABLE"
    reason = "LARGE_MODEL_FAILED"


class LmRefusedError(LmError):
    """The endpoint refuses our key, model name or request; trying again will not help."""

    status = "FAILED_PRECONDITION"
    reason = "LARGE_MODEL_REFUSED"


class LmAnswerError(LmError):
    """The large model answered, but not within the response schema."""

    reason = "LARGE_MODEL_ANSWER_INVALID"


class ReplayMissError(LmError):
    """No answer was recorded for this record; one is never made up."""

    status = "FAILED_PRECONDITION"
    reason = "REPLAY_MISS"

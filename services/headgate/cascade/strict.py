"""The strictness that every part of a cascade file shares, and the values that come up everywhere.

plain value  ->  Name, Label, Filled, SecretSpec: checked; anything unknown is refused
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
FILLED_PATTERN = r"\S"
ENV_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
ABSOLUTE_PATTERN = r"^/"
SOURCE_PATTERN = r"^(embedded|\.{0,2}/.*|[\w.-]+/[\w.-]+)$"

PATTERN_MEANINGS = {
    NAME_PATTERN: "a name (a-z, 0-9 and _, a letter first, at most 63 characters)",
    FILLED_PATTERN: "text that is not blank",
    ENV_PATTERN: "the name of an environment variable",
    ABSOLUTE_PATTERN: "an absolute path",
    SOURCE_PATTERN: "'embedded', a directory that starts with '/', './' or '../', or 'org/name'",
}
"""How each pattern is said to a person."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Filled = Annotated[str, Field(pattern=FILLED_PATTERN)]
Label = Annotated[str, Field(pattern=FILLED_PATTERN, max_length=100)]


def custom_error(problem: str, remedy: str) -> PydanticCustomError:
    """Return what a validator raises to say a mistake in our own words."""
    # Braces are placeholders in pydantic's templates, so both texts travel in the context.
    return PydanticCustomError("house", "{problem}", {"problem": problem, "remedy": remedy})


class Model(BaseModel):
    """The strictness that every part of the file shares."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class SecretSpec(Model):
    """Where a secret is read from: exactly one of the two. The secret itself is never here."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str | None = Field(default=None, pattern=ENV_PATTERN)
    """Name of the environment variable that holds it."""

    file: str | None = Field(default=None, pattern=ABSOLUTE_PATTERN)
    """Absolute path of the file that holds it, on the machine that calls the endpoint."""

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretSpec:
        if (self.env is None) == (self.file is None):
            raise custom_error(
                "it needs one of 'env' and 'file'", "Write {env: NAME} or {file: PATH}."
            )
        return self

"""Runs checks, each by itself: one that fails is a finding, and the others go on.

[Check] -> [Found]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headgate.errors import HeadgateError, SpecFileError
from headgate.serving.cluster.doctor.finding import Check, Finding, Found, Level


def examine(checks: Iterable[Check]) -> list[Found]:
    """Return what the checks found, in their order."""
    return [Found(check.name, each) for check in checks for each in _findings(check)]


def is_well(found: Iterable[Found]) -> bool:
    """Return whether nothing is an error."""
    return all(each.finding.level is not Level.ERROR for each in found)


def _findings(check: Check) -> Sequence[Finding]:
    try:
        return check.find()
    except SpecFileError as error:
        return [of_error(each) for each in error.errors]
    except HeadgateError as error:
        return [of_error(error)]
    except Exception as error:  # noqa: BLE001 - one check must not take the others along
        what = f"it could not be looked at ({type(error).__name__})"
        return [Finding(Level.ERROR, what, "This is a bug. Please report it.")]


def of_error(error: HeadgateError) -> Finding:
    """Return an error of ours as a finding; what it says to do mends it."""
    return Finding(Level.ERROR, f"{error.place}: {error.problem}", error.remedy)

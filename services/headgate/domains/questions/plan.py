"""A question as steps, each a question of its own, in which `#1` stands for the answer of step 1.

question  ->  Plan of Steps  ->  waves of steps that can be answered together
text of a step, answers so far  ->  text that can be retrieved and read for

A plan may come from a large model: `validated` refuses what could not be carried out, and the
question as it stands, `undecomposed`, takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.errors import InputError
from headgate.types import PlanStep

MOST_STEPS = 8
"""Steps of a plan; recorded plans of questions over two passages have two, seldom three or four."""
LONGEST_STEP = 2_000
"""Characters of a step's text."""
MOST_ANSWERS = 5
"""Answers of one step that take the place of `#1`; a list of 40 would drown the question."""

# `#1's` refers to step 1; `#10`, `C#1`, `&#39;` and the colour `#1a2b3c` do not.
_REFERENCE = re.compile(r"(?<![\w#&])#([1-9][0-9]?)(?![A-Za-z0-9_])")
_SPOKEN_REFERENCE = re.compile(r"\b(?:sub-?)?question ([1-9][0-9]?)\b", re.I)
# Repeats are bounded: a line of 10,000 blanks is refused in no time.
_LINE = re.compile(
    r"[#*\s]{0,9}(?:Q|question|step)?\s{0,9}([0-9]{1,3})\s{0,9}[:.)](.*)", re.I | re.S
)
_FLAG = re.compile(r"[#\s]{0,9}need context\?[#:\s]{0,9}(yes|no)[.\s]{0,9}", re.I)


@dataclass(frozen=True, slots=True)
class Plan:
    """At least one step; a step refers to earlier ones only."""

    steps: tuple[PlanStep, ...]

    @property
    def decomposed(self) -> bool:
        """Return whether there is more than the question as it was asked."""
        return len(self.steps) > 1

    def waves(self) -> tuple[tuple[PlanStep, ...], ...]:
        """Return the steps in groups: all that a group refers to is in the groups before it."""
        depths: dict[int, int] = {}
        for step in self.steps:
            depths[step.id] = 1 + max((depths[each] for each in step.refers_to), default=-1)
        deepest = max(depths.values())
        return tuple(
            tuple(step for step in self.steps if depths[step.id] == depth)
            for depth in range(deepest + 1)
        )


def undecomposed(question: str) -> Plan:
    """Return the plan of one step, the question as it stands; a `#1` in it is only text."""
    return Plan((PlanStep(1, question),))


def references(text: str) -> tuple[int, ...]:
    """Return the steps whose answers a text stands open for, ascending, each once."""
    return tuple(sorted({int(number) for number in _REFERENCE.findall(text)}))


def validated(steps: Sequence[PlanStep], *, most_steps: int = MOST_STEPS) -> Plan:
    """Return the plan that the steps make.

    Blanks around a text go. What a text refers to is added to `refers_to`, so that steps can be
    written without it.

    Args:
        steps: In the order of their numbers.
        most_steps: 1 to 99.

    Raises:
        InputError: There are no steps or too many; a number is out of sequence; a text is empty,
            too long, or names an earlier step in words (`question 1`) that nothing would replace;
            a step refers to itself, to a later one, or to one that is not there.
    """
    if not 1 <= len(steps) <= most_steps:
        raise _wrong("plan", f"it has {len(steps)} steps", f"Give 1 to {most_steps}.")
    return Plan(tuple(_checked(step, number) for number, step in enumerate(steps, 1)))


def parse_plan(text: str, *, most_steps: int = MOST_STEPS) -> Plan:
    """Return the plan that a text holds, one step a line: `### Q1: ... ## Need Context? ## Yes`.

    Read are `Q1:`, `1.` and `1)` too, with or without the flag, which is yes where it is missing.
    Blank lines do not count.

    Raises:
        InputError: A line is no step, or the steps make no plan.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > most_steps:
        raise _wrong("plan", f"it has {len(lines)} lines", f"Give 1 to {most_steps} steps.")
    return validated([_read(line, at) for at, line in enumerate(lines, 1)], most_steps=most_steps)


def format_plan(plan: Plan) -> str:
    """Return the text from which `parse_plan` makes the plan; inner line breaks become blanks.

    What a step refers to without a `#1` in its text is not written.
    """
    return "\n".join(
        f"### Q{step.id}: {' '.join(step.text.split())} "
        f"## Need Context? ## {'Yes' if step.needs_context else 'No'}"
        for step in plan.steps
    )


def substitute(text: str, answers: Mapping[int, Sequence[str]]) -> str:
    """Return the text with each `#1` replaced by the answers of step 1.

    Several answers are joined by commas, `MOST_ANSWERS` at most, each once. A `#1` whose step has
    no answer stays. A `#2` inside an answer is text and is not replaced in turn.

    Args:
        text: Of a step.
        answers: By the number of the step.
    """

    def answered(found: re.Match[str]) -> str:
        given = [" ".join(each.split()) for each in answers.get(int(found[1]), ())]
        kept = [each for each in dict.fromkeys(given) if each][:MOST_ANSWERS]
        return ", ".join(kept) or found[0]

    return _REFERENCE.sub(answered, text)


def _checked(step: PlanStep, number: int) -> PlanStep:
    """Return the step, tidied, or refuse it."""
    place, text = f"plan.steps[{number - 1}]", step.text.strip()
    if step.id != number:
        raise _wrong(f"{place}.id", f"{step.id} where {number} was due", "Number steps from 1.")
    if not 0 < len(text) <= LONGEST_STEP:
        remedy = f"Give a question of 1 to {LONGEST_STEP} characters."
        raise _wrong(f"{place}.text", f"it has {len(text)} characters", remedy)
    refers_to = sorted({*step.refers_to, *references(text)})
    if refers_to and not 1 <= refers_to[0] <= refers_to[-1] < number:
        problem = f"step {number} refers to {', '.join(map(str, refers_to))}"
        raise _wrong(f"{place}.refers_to", problem, "Refer to earlier steps only.")
    if any(int(said) < number for said in _SPOKEN_REFERENCE.findall(text)):
        problem = "it names an earlier step in words, which no answer would replace"
        raise _wrong(f"{place}.text", problem, "Write `#1` for the answer of step 1.")
    return PlanStep(number, text, step.needs_context, tuple(refers_to))


def _read(line: str, number: int) -> PlanStep:
    """Return the step on a line of a plan's text."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise _wrong(f"plan, line {number}", "it is no step", "Write `### Q1: the question`.")
    text = found[2]
    flags = list(_FLAG.finditer(text))
    if not flags or flags[-1].end() < len(text):
        return PlanStep(int(found[1]), text.strip("* "))
    return PlanStep(
        int(found[1]), text[: flags[-1].start()].strip("* "), flags[-1][1].lower() == "yes"
    )


def _wrong(place: str, problem: str, remedy: str) -> InputError:
    return InputError(place, problem, remedy)

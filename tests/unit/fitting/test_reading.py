import asyncio
import json

import pytest

from headgate.domains.questions.answers import NO_ANSWER
from headgate.domains.questions.task import LabelledQuestion
from headgate.errors import StageError
from headgate.fitting.reading import fit_reading_trust
from headgate.lm.large_model import LargeModel
from headgate.lm.replay import ReplayEngine
from headgate.lm.seam import RawAnswer
from headgate.models.trust import FEWEST_READINGS, Signs, Trust
from headgate.stages.contract import Batch
from headgate.stages.read import Read
from headgate.types import Deadline, Hit, Prediction, Reading, Record

FAILED = StageError("stage 'direct'", "the model failed", "Report it.")
SILENT = Reading(Prediction((NO_ANSWER,), (0.0,)), (), 0.0)
SEEN, UNSEEN = (Hit("a", 0.9, "Ada Pell"),), (Hit("b", 0.1, "A black bird."),)


def stage(engine=None, **inputs):
    large_model = LargeModel(engine or ReplayEngine({}))
    return Read(
        "direct", "slm", large_model=large_model, instruction="", trust=Trust.default(), **inputs
    )


def labelled(number, label="ada pell"):
    return LabelledQuestion(Record(f"q{number}", {"question": "Who?"}), label, also=("A. Pell",))


def read(answer, log_prob=-0.1):
    return Reading(Prediction((answer,), (0.9,)), (), log_prob)


def covered_or_not(count):
    """Readings of which every other one is right, and stands in its passages."""
    cells = [read("The Ada Pell") if place % 2 else read("Ada Rush") for place in range(count)]
    found = [SEEN if place % 2 else UNSEEN for place in range(count)]
    return cells, found, [labelled(place) for place in range(count)]


def test_what_tells_right_answers_from_wrong_ones_is_learnt():
    cells, found, rows = covered_or_not(100)

    trust = fit_reading_trust(stage(evidence="found"), cells, columns={"found": found}, rows=rows)

    assert trust.probability(Signs(-0.1, 2, 1.0)) > 0.9
    assert trust.probability(Signs(-0.1, 2, 0.0)) < 0.1


def test_a_stage_without_inputs_needs_no_columns():
    cells = [read("a. pell", -0.1)] * 30 + [read("Ada", -2.0)] * 30

    trust = fit_reading_trust(stage(), cells, columns={}, rows=list(map(labelled, range(60))))

    assert trust.probability(Signs(-0.1, 2)) > 0.9
    assert trust.probability(Signs(-2.0, 1)) < 0.1


def test_readings_that_failed_or_have_no_answer_teach_nothing():
    cells, found, rows = covered_or_not(60)
    silent = [SILENT, FAILED] * 20

    alone = fit_reading_trust(stage(evidence="found"), cells, columns={"found": found}, rows=rows)
    among = fit_reading_trust(
        stage(evidence="found"),
        [*silent, *cells],
        columns={"found": [SEEN] * 40 + found},
        rows=[*map(labelled, range(100, 140)), *rows],
    )

    assert among == alone


@pytest.mark.parametrize(
    ("count", "label"),
    [
        pytest.param(FEWEST_READINGS - 2, "Ada Pell", id="too-few"),
        pytest.param(100, "nobody", id="none-right"),
        pytest.param(0, "", id="no-rows"),
    ],
)
def test_labels_that_teach_nothing_leave_the_default(count, label):
    cells, _, _ = covered_or_not(count)
    rows = [labelled(place, label) for place in range(count)]

    assert fit_reading_trust(stage(), cells, columns={}, rows=rows) == Trust.default()


def test_in_service_an_answer_has_the_signs_it_was_fitted_with():
    """The stage's own probability is that of the trust for the signs that the fit reads."""
    rows = [labelled(place, "x" if place % 2 else "Ada Pell") for place in range(40)]
    raws = {row.record.id: RawAnswer(json.dumps({"answer": row.label})) for row in rows}
    batch = Batch([row.record for row in rows], Deadline.after(5), {"found": [SEEN] * 40})
    answering = stage(ReplayEngine(raws), evidence="found")
    cells = asyncio.run(answering.run(batch))
    labels = [labelled(place) for place in range(40)]

    trust = fit_reading_trust(answering, cells, columns=batch.columns, rows=labels)

    fitted = Read(
        "direct",
        "slm",
        large_model=LargeModel(ReplayEngine(raws)),
        instruction="",
        trust=trust,
        evidence="found",
    )
    again = asyncio.run(fitted.run(batch))
    assert [cell.prediction.confidence > 0.5 for cell in again] == [
        row.label == "Ada Pell" for row in rows
    ]

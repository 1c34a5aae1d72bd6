import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.tiny_models import TinyEncoder, log
from headgate.domains.schemas.columns import Column, Table
from headgate.domains.schemas.match_record import NO_MATCH, ColumnRecord
from headgate.errors import InputError, ModelError, StageError
from headgate.models.matcher import Matcher
from headgate.models.quantized import QuantizedEncoder
from headgate.retrieval.targets import TargetIndexes
from headgate.stages.candidates import FEATURES, Candidates
from headgate.stages.contract import Batch
from headgate.stages.inline import InlineEncoder
from headgate.stages.microbatch import Batching
from headgate.types import Deadline


def column_of(name, *values, description=""):
    return Column(name, values, (1,) * len(values), description)


MACHINES = Table(
    "machines",
    (
        column_of("disk_state", "healthy", "worn", description="What a disk is like."),
        column_of("net_speed", description="Of the net, in megabits."),
        column_of("owner", "Ada", "Grace"),
    ),
)
EMPTY = Table("empty", ())


def record(column, target=MACHINES):
    return ColumnRecord(id=f"r/{column.name}", fields={}, column=column, target=target)


def stage_of(encoder=None, *, matcher=None, top_k=2, indexes=None):
    return Candidates(
        "candidates",
        "slm",
        encoder=encoder or TinyEncoder(),
        matcher=matcher or Matcher.default(len(FEATURES)),
        top_k=top_k,
        indexes=TargetIndexes() if indexes is None else indexes,
        batching=Batching(max_wait_ms=0),
    )


def batch_of(*records, seconds=5.0):
    return Batch(records, Deadline.after(seconds), {})


async def cells_of(stage, *records):
    return await stage.run(batch_of(*records))


async def test_a_column_gets_the_most_similar_ones_of_its_target_and_that_none_fits():
    (found,) = await cells_of(stage_of(), record(column_of("disk", "worn")))

    assert found.prediction.options[0] == "disk_state"
    assert found.prediction.options[-1] == NO_MATCH
    assert len(found.prediction.options) == 3
    assert found.prediction.answer == "disk_state"
    assert sum(found.prediction.probabilities) == pytest.approx(1)


async def test_that_none_fits_is_the_answer_for_a_column_like_no_other():
    (found,) = await cells_of(stage_of(), record(column_of("likely", "4711")))

    assert found.prediction.answer == NO_MATCH


async def test_log_odds_can_be_read_off_a_prediction():
    """They are those of the matcher, on one scale over all columns."""
    column = column_of("disk", "worn")
    stage = stage_of()
    features = await stage.features([column], MACHINES)

    (found,) = await cells_of(stage, record(column))

    none = found.prediction.probabilities[-1]
    log_odds = np.sort(Matcher.default(4).log_odds(features, np.zeros(1))[0])[::-1]
    assert np.log(np.array(found.prediction.probabilities[:-1]) / none) == pytest.approx(
        log_odds[:2]
    )


async def test_a_candidate_comes_with_what_speaks_for_it():
    """Its name is half of the target's, its one value is one of two, and a cosine is 1."""
    (found,) = await cells_of(stage_of(), record(column_of("disk state", "worn", "new")))

    hit = found.hits[0]
    assert [each.id for each in found.hits] == list(found.prediction.options[:-1])
    assert hit.similarity == pytest.approx(1)
    assert hit.text == "disk_state: What a disk is like"
    assert hit.metadata["name_similarity"] == "1.0000"
    assert hit.metadata["value_overlap"] == "0.5000"
    assert set(hit.metadata) == set(FEATURES)


async def test_fewer_candidates_than_asked_for_are_all_there_are():
    (found,) = await cells_of(stage_of(top_k=9), record(column_of("disk")))

    assert len(found.prediction.options) == 4


async def test_for_a_target_without_columns_it_is_certain_that_none_fits():
    encoder = TinyEncoder()

    (found,) = await cells_of(stage_of(encoder), record(column_of("disk"), EMPTY))

    assert found.prediction.options == (NO_MATCH,)
    assert found.prediction.probabilities == (1.0,)
    assert found.hits == ()
    assert encoder.calls == []


async def test_of_equal_columns_the_first_of_the_target_comes_first():
    twins = Table("twins", (column_of("disk"), column_of("disk"), column_of("disk")))

    (found,) = await cells_of(stage_of(top_k=3), record(column_of("disk"), twins))

    assert found.prediction.options[:-1] == ("disk", "disk#2", "disk#3")


async def test_records_of_several_targets_keep_their_places():
    other = Table("other", (column_of("net"), column_of("likely")))
    disk, net = column_of("disk"), column_of("net")

    found = await cells_of(
        stage_of(top_k=1), record(disk), record(net, other), record(net), record(disk, EMPTY)
    )

    best = [cell.prediction.options[0] for cell in found]
    assert best == ["disk_state", "net", "net_speed", NO_MATCH]


async def test_a_target_is_embedded_once_for_all_records_and_calls():
    encoder = TinyEncoder()
    stage = stage_of(encoder)

    await cells_of(stage, record(column_of("disk")), record(column_of("net")))
    await cells_of(stage, record(column_of("disk"), Table("same", MACHINES.columns)))

    texts = [text for call in encoder.calls for text in call]
    assert sum(text.startswith("owner") for text in texts) == 2  # one a template


async def test_two_calls_at_once_embed_a_target_once():
    encoder = TinyEncoder(may_answer=asyncio.Event())
    indexes = TargetIndexes()
    waiting = [
        asyncio.create_task(cells_of(stage_of(encoder, indexes=indexes), record(column_of("disk"))))
        for _ in range(2)
    ]
    while not encoder.calls:
        await asyncio.sleep(0)
    encoder.may_answer.set()
    await asyncio.gather(*waiting)

    texts = [text for call in encoder.calls for text in call]
    assert sum(text.startswith("owner") for text in texts) == 2


async def test_another_encoder_makes_its_own_index():
    """A fingerprint is part of what an index is kept under."""
    indexes = TargetIndexes()
    first, second = TinyEncoder(), TinyEncoder(fingerprint="tiny-2")

    await cells_of(stage_of(first, indexes=indexes), record(column_of("disk")))
    await cells_of(stage_of(second, indexes=indexes), record(column_of("disk")))

    assert len(first.calls) == len(second.calls) == 2


async def test_one_column_that_breaks_the_encoder_leaves_the_others_their_candidates():
    found = await cells_of(
        stage_of(),
        record(column_of("disk")),
        record(column_of("poison 4711")),
        record(column_of("net")),
    )

    assert isinstance(found[1], StageError)
    assert "4711" not in str(found[1])
    assert found[0].prediction.options[0] == "disk_state"
    assert found[2].prediction.options[0] == "net_speed"


async def test_a_target_that_breaks_the_encoder_leaves_other_targets_their_candidates():
    broken = Table("broken", (column_of("disk"), column_of("poison")))
    encoder = TinyEncoder()

    found = await cells_of(
        stage_of(encoder),
        record(column_of("disk"), broken),
        record(column_of("disk")),
        record(column_of("net"), broken),
    )

    assert [isinstance(cell, StageError) for cell in found] == [True, False, True]
    assert len([call for call in encoder.calls if any("poison" in text for text in call)]) == 1


async def test_an_encoder_that_is_gone_is_every_records_error():
    class Gone(TinyEncoder):
        async def encode(self, texts):
            raise ModelError("models.slm", "it is gone", "Start it.")

    found = await cells_of(stage_of(Gone()), record(column_of("disk")), record(column_of("net")))

    assert [type(cell) for cell in found] == [ModelError, ModelError]


async def test_a_vector_that_is_not_a_number_is_its_own_records_error():
    class Dividing(TinyEncoder):
        async def encode(self, texts):
            vectors = await super().encode(texts)
            vectors[[text == "net" for text in texts]] = np.nan
            return vectors

    found = await cells_of(
        stage_of(Dividing()), record(column_of("disk")), record(column_of("net"))
    )

    assert found[0].prediction.options[0] == "disk_state"
    assert isinstance(found[1], InputError | StageError)


async def test_a_record_that_is_no_column_is_its_own_error():
    found = await cells_of(stage_of(), log("disk"), record(column_of("disk")))

    assert isinstance(found[0], InputError | StageError)
    assert found[1].prediction.options[0] == "disk_state"


async def test_a_column_without_a_name_is_matched_by_its_values():
    names = Table("people", (column_of("owner", "Ada", "Grace"), column_of("net")))

    (found,) = await cells_of(stage_of(), record(column_of("", "Ada", "Grace"), names))

    assert found.prediction.options[0] == "owner"


async def test_columns_that_say_nothing_are_like_no_other():
    """Not even like each other, although an encoder gives them one vector."""
    blank = Table("blank", (column_of(""), column_of("  ")))

    (found,) = await cells_of(stage_of(), record(column_of(""), blank))

    assert found.prediction.answer == NO_MATCH
    assert found.hits[0].similarity == 0


async def test_a_deadline_ends_the_wait():
    stage = stage_of(TinyEncoder(may_answer=asyncio.Event()))

    with pytest.raises(TimeoutError):
        await stage.run(batch_of(record(column_of("disk")), seconds=0.02))


async def test_an_empty_batch_has_no_shortlists():
    assert await cells_of(stage_of()) == []


async def test_warming_up_asks_the_encoder():
    encoder = TinyEncoder()

    await stage_of(encoder).warm_up()

    assert encoder.calls


def test_a_matcher_of_other_features_is_refused():
    with pytest.raises(ValueError, match="bug"):
        stage_of(matcher=Matcher.default(len(FEATURES) + 1))


async def test_weights_decide_what_counts():
    """The one column has the name, the other the values."""
    target = Table("t", (column_of("net", "a", "b"), column_of("other", "disk", "worn")))
    source = record(column_of("net", "disk", "worn"), target)

    by_name, by_values = (
        stage_of(matcher=Matcher(weights, 0.0, 0.0), top_k=1)
        for weights in ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    )

    assert (await cells_of(by_name, source))[0].prediction.options[0] == "net"
    assert (await cells_of(by_values, source))[0].prediction.options[0] == "other"


NAMES = st.lists(st.sampled_from(["disk", "net", "likely", "unsure", "owner"]), max_size=4)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(NAMES, NAMES)
def test_every_record_gets_a_prediction_that_sums_to_one(sources, targets):
    target = Table("t", tuple(column_of(name) for name in targets))
    records = [record(column_of(name), target) for name in sources]

    found = asyncio.run(cells_of(stage_of(), *records))

    assert len(found) == len(sources)
    for cell in found:
        assert cell.prediction.options[-1] == NO_MATCH
        assert len(set(cell.prediction.options)) == min(2, len(targets)) + 1
        assert sum(cell.prediction.probabilities) == pytest.approx(1)


PATIENTS = Table(
    "patients",
    (
        column_of("birth_date", "1961-03-02", description="The day on which a person was born."),
        column_of("sex", "male", "female", description="Whether a person is male or female."),
        column_of("body_height", "181 cm", description="How tall a person is."),
        column_of("postal_code", description="The code of the place where a person lives."),
        column_of("blood_pressure", description="Systolic and diastolic pressure."),
    ),
)


@pytest.fixture(scope="module")
def meaning(embedded_int8):
    """The packaged encoder."""
    return InlineEncoder(QuantizedEncoder(embedded_int8, 128))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        pytest.param(column_of("Gender", "Male", "Female"), "sex", id="values-and-meaning"),
        pytest.param(column_of("DateOfBirth", "12.05.1970"), "birth_date", id="other-words"),
        pytest.param(column_of("size_cm", "170", "182"), "body_height", id="by-description"),
        pytest.param(column_of("ZIP", "10115"), "postal_code", id="abbreviation"),
    ],
)
async def test_the_packaged_encoder_finds_columns_by_what_they_mean(meaning, column, wanted):
    (found,) = await stage_of(meaning, top_k=5).run(batch_of(record(column, PATIENTS), seconds=60))

    assert found.prediction.options[0] == wanted


@pytest.mark.slow
async def test_columns_without_a_counterpart_are_told_from_those_with_one(meaning):
    """Belief that none fits is higher for the three that the target does not have."""
    own = [column_of("Gender", "Male", "Female"), column_of("birthDate"), column_of("Postal Code")]
    foreign = [column_of("warp_core"), column_of("tonnage", "12 t"), column_of("license_plate")]
    records = [record(column, PATIENTS) for column in (*own, *foreign)]

    found = await stage_of(meaning, top_k=5).run(batch_of(*records, seconds=60))

    none = [cell.prediction.probabilities[-1] for cell in found]
    assert max(none[:3]) < 0.5 < min(none[3:])

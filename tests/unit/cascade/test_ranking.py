"""Rankings on one scale: columns that the large model judged beside those that it did not."""

import math

import pytest

from fakes.scripted_lm import ScriptedLm
from fakes.tiny_engine import cascade, soon
from fakes.tiny_models import log
from fakes.tiny_tables import matching, tables
from headgate.cascade.ranking import LARGE_SCORE
from headgate.domains.schemas.match_record import NO_MATCH
from headgate.errors import LmRefusedError
from headgate.types import Tier


def scores(**by_id):
    """Return a large model that gives these scores to every column."""
    return ScriptedLm(rank=lambda item: by_id)


def refuses(item):
    raise LmRefusedError("llm", "no key", "Set it.")


async def parts_of(lm, *names):
    (result,) = await matching(lm).run([tables(*names)], soon())
    return result.parts


def large_scores(part):
    return {hit.id: hit.metadata.get(LARGE_SCORE) for hit in part.evidence}


async def test_a_column_that_was_not_asked_about_keeps_the_small_models_beliefs():
    (sure,) = await parts_of(scores(), "disk_a")

    (best, belief), (second, doubt), *rest = sure.ranking
    assert (best, second) == ("disk_x", NO_MATCH)
    assert (belief, doubt) == (pytest.approx(0.9, abs=0.001), pytest.approx(0.1, abs=0.001))
    assert sum(score for _, score in sure.ranking) == pytest.approx(1)
    assert set(large_scores(sure).values()) == {None}
    assert len(rest) == 5


async def test_the_large_models_scores_order_what_it_judged():
    """0.9 is worth 3.2 log-odds and a little less for the small model's doubt; 0.2 is far off."""
    (judged,) = await parts_of(scores(pump_y=0.9, pump_x=0.2), "pump_c")

    beliefs = dict(judged.ranking)
    assert [option for option, _ in judged.ranking[:3]] == ["pump_y", "pump_x", NO_MATCH]
    small = math.log(0.4459265 / (1 - 0.4459265))
    assert beliefs["pump_y"] == pytest.approx(1 / (1 + math.exp(-8 * 0.4 - 0.1 * small)), abs=1e-5)
    assert beliefs[NO_MATCH] == pytest.approx(1 - beliefs["pump_y"])


async def test_the_evidence_bears_the_large_models_score_of_each_candidate_it_judged():
    (judged,) = await parts_of(scores(pump_y=0.9, pump_x=0.25), "pump_c")

    found = large_scores(judged)
    assert {name: found[name] for name in ("pump_y", "pump_x")} == {
        "pump_y": "0.9000",
        "pump_x": "0.2500",
    }
    assert {score for name, score in found.items() if not name.startswith("pump")} == {None}
    assert all("defined" in hit.metadata for hit in judged.evidence)


async def test_when_the_large_model_finds_nothing_that_none_fits_comes_first():
    (judged,) = await parts_of(scores(), "pump_c")

    assert (judged.answer, judged.tier) == (NO_MATCH, Tier.LARGE)
    assert judged.ranking[0][0] == NO_MATCH
    assert max(score for option, score in judged.ranking if option != NO_MATCH) < 0.45
    assert set(large_scores(judged).values()) == {None}


async def test_both_tiers_are_compared_on_one_scale():
    """A score of 1 is surer than the small model's 0.9, one of 0.6 is not."""
    sure, strong = await parts_of(scores(pump_x=1.0), "disk_a", "pump_c")
    _, weak = await parts_of(scores(pump_x=0.6), "disk_a", "pump_c")

    assert strong.ranking[0][1] > sure.ranking[0][1] > weak.ranking[0][1] > 0.5


async def test_a_large_model_that_failed_changes_no_ranking():
    (judged,) = await parts_of(ScriptedLm(rank=refuses), "pump_c")

    assert judged.degraded == "LARGE_MODEL_REFUSED"
    assert judged.ranking[0] == ("pump_x", pytest.approx(0.446, abs=0.001))
    assert judged.ranking[1] == ("pump_y", judged.ranking[0][1])
    assert set(large_scores(judged).values()) == {None}


async def test_a_column_without_a_prediction_has_no_ranking():
    (failed,) = await parts_of(scores(), "poison_f")

    assert (failed.ranking, failed.evidence) == ((), ())


async def test_every_option_is_ranked_once():
    for part in await parts_of(scores(pump_y=0.4), "pump_c", "disk_a", "owner_e"):
        options = [option for option, _ in part.ranking]
        assert len(set(options)) == len(options) == 7
        beliefs = [score for _, score in part.ranking]
        assert beliefs == sorted(beliefs, reverse=True)


async def test_cascades_of_labels_have_no_rankings():
    results = await cascade().run([log("disk"), log("unsure")], soon())

    assert [each.ranking for each in results] == [(), ()]

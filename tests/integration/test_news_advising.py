"""The news advising sample, fitted and served on a real Ray of this machine."""

import os
import socket

import pytest

from fakes.sample_news import fit_news, sample_rows
from headgate.client import Client
from headgate.errors import RemoteError
from headgate.news import GivenItem
from headgate.serving.app import deploy
from headgate.serving.cluster.settings import GatewaySettings
from headgate.serving.flags import SERVE_FLAGS
from headgate.types import GuaranteeState, Record, Tier

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def client(embedded_int8, tmp_path_factory):
    """A client of one gateway that serves the fitted sample."""
    del embedded_int8  # made before the cluster is there
    loaded = fit_news(tmp_path_factory.mktemp("news"))
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory
    os.environ.update(SERVE_FLAGS)
    import ray
    from ray import serve

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled", http_options={"host": "127.0.0.1"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    deploy([loaded], GatewaySettings(address, str(tmp_path_factory.mktemp("state"))))
    with Client(address, timeout_s=60) as found:
        found.wait_until_ready(60)
        yield found
    ray.shutdown()


@pytest.fixture(scope="module")
def rows():
    """The labelled test rows."""
    return sample_rows("test")


@pytest.fixture(scope="module")
def advice(client, rows):
    """What is said of the test rows."""
    return client.advise_news([item_of(row.record) for row in rows])


def item_of(record):
    return GivenItem(record.id, record.fields["text"], record.fields.get("context", ""))


def test_most_verdicts_are_right_and_some_items_stay_with_the_student(advice, rows):
    right = [each.verdict == row.label for each, row in zip(advice, rows, strict=True)]

    assert sum(right) >= 0.7 * len(right)
    assert {each.tier for each in advice} == {Tier.SMALL, Tier.LARGE}


def test_an_item_that_was_sent_on_has_a_view_a_perspective_with_its_usefulness(advice):
    asked = [each for each in advice if each.tier is Tier.LARGE]

    for each in asked:
        names = {view.perspective for view in each.views}
        assert names == {"textual_description", "commonsense"}
        assert all(0 <= view.usefulness <= 1 and view.rationale for view in each.views)
        assert each.rationale
    assert all(not each.views for each in advice if each.tier is Tier.SMALL)


def test_the_probability_is_of_the_label_that_is_looked_for(advice):
    for each in advice:
        assert (each.probability >= 0.5) == (each.verdict == "fake")


def test_answers_fall_under_the_certificate(client, advice):
    (summary,) = client.list_cascades()

    assert summary.certificate is not None
    assert summary.certificate.certified
    claims = {(each.guarantee, each.certificate_id) for each in advice if not each.degraded}
    assert claims == {(GuaranteeState.CERTIFIED, summary.certificate.id)}


def test_an_item_nobody_recorded_has_the_students_verdict_degraded(client):
    (said,) = client.advise_news([GivenItem("new", "A pear was seen.")])

    assert said.error is None
    assert said.verdict in ("real", "fake")
    assert said.tier is Tier.SMALL


def test_bad_items_have_errors_in_their_own_places(client, rows):
    good = item_of(rows[0].record)
    bad = [GivenItem("blank", " "), GivenItem("long", "x" * 100_001)]

    first, second, third = client.advise_news([bad[0], good, bad[1]])

    assert second.error is None
    assert (first.error.status, third.error.status) == ("INVALID_ARGUMENT",) * 2


def test_another_language_and_a_hundred_thousand_characters_are_answered(client):
    items = [
        GivenItem("zh", "据说港口昨晚关闭了,没有人知道原因。"),
        GivenItem("long", "The ferry was late again. " * 3_800),
    ]

    said = client.advise_news(items)

    assert [each.error for each in said] == [None, None]


def test_records_of_questions_are_no_news(client):
    (result,) = client.run_cascade([Record("1", {"question": "Who?"})])
    with pytest.raises(RemoteError):
        client.answer_questions([])

    assert result.error is not None

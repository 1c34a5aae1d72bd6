"""A model with replicas of its own that is not there when a gateway starts."""

import pytest

from fakes.tiny_models import TinyEncoder
from headgate.cascade.load import inline
from headgate.errors import UnavailableError
from headgate.serving.host import Host


class LateEncoder(TinyEncoder):
    """Has no replica for the first calls."""

    def __init__(self, missing):
        super().__init__()
        self.missing = missing

    async def encode(self, texts):
        """Return vectors, once it is there."""
        if self.missing > 0:
            self.missing -= 1
            raise UnavailableError("application 'headgate-encoder-1'", "no replica", "Try again.")
        return await super().encode(texts)


async def hosted(loaded, encoder, warm_up_s):
    host = Host(lambda loaded, artifact, name: encoder, warm_up_s=warm_up_s)
    await host.configure([inline(loaded)])
    return host


@pytest.mark.slow
async def test_a_cascade_waits_for_an_encoder_that_starts_more_slowly(write_sorting):
    encoder = LateEncoder(missing=2)

    host = await hosted(write_sorting(), encoder, warm_up_s=2)

    assert encoder.missing == 0
    assert host.hosted[0].summary.ready


async def test_an_encoder_that_stays_away_keeps_no_gateway_from_serving(write_sorting, caplog):
    """Its calls say so themselves, until it is back."""
    host = await hosted(write_sorting(), LateEncoder(missing=10_000), warm_up_s=0.05)

    assert host.hosted[0].summary.ready
    assert "not_warmed_up" in caplog.text

from contextlib import AsyncExitStack

import pytest

from fakes.openai_endpoint import FakeEndpoint
from headgate.lm.decide import LmRequest
from headgate.lm.large_model import LargeModel
from headgate.lm.openai_engine import OpenAiEngine


@pytest.fixture
def ask():
    """Build a request; a text makes it unlike the others."""

    def build(text="disk full", record_id="r1"):
        return LmRequest(record_id, "Sort the line.", {"message": text}, ("disk", "net"))

    return build


@pytest.fixture
async def serve():
    """Start an endpoint that plays a script, and a model in front of it that does not wait."""
    async with AsyncExitStack() as stack:

        async def start(*script, **options):
            endpoint = await stack.enter_async_context(FakeEndpoint(*script))
            engine = OpenAiEngine("fake", base_url=endpoint.base_url, api_key="sk-canary")
            model = LargeModel(engine, **{"backoff_s": (0.0, 0.0), **options})
            stack.push_async_callback(model.close)
            return model, endpoint

        yield start

import threading

import numpy as np

from fakes.tiny_models import vector_of
from headgate.stages.inline import InlineEncoder


class BlockingEncoder:
    """Remembers the thread that it ran on."""

    fingerprint = "tiny-1"
    dim = 8
    thread = None

    def encode(self, texts):
        self.thread = threading.current_thread()
        return np.stack([vector_of(text) for text in texts])


async def test_a_blocking_encoder_runs_beside_the_event_loop():
    blocking = BlockingEncoder()
    encoder = InlineEncoder(blocking)

    vectors = await encoder.encode(["net", "disk"])

    assert vectors.tolist() == [vector_of("net").tolist(), vector_of("disk").tolist()]
    assert blocking.thread is not threading.main_thread()
    assert encoder.fingerprint == "tiny-1"

import pytest

from fakes.tiny_models import TinyEncoder, vector_of
from headgate.stages.distinct import encode_distinct


async def test_equal_texts_are_encoded_once_and_each_place_gets_its_vector():
    encoder = TinyEncoder()
    texts = ["net", "disk", "net", "likely", "disk"]

    vectors = await encode_distinct(encoder, texts)

    assert encoder.calls == [["net", "disk", "likely"]]
    assert vectors.tolist() == [vector_of(text).tolist() for text in texts]


@pytest.mark.parametrize("kept", [slice(1), slice(0)])
async def test_an_encoder_that_drops_a_text_is_refused(kept):
    class Dropping(TinyEncoder):
        async def encode(self, texts):
            return (await super().encode(texts))[kept]

    with pytest.raises(ValueError, match="vectors for 2 texts"):
        await encode_distinct(Dropping(), ["disk", "net", "disk"])

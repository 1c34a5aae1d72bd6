import shutil

import pytest


@pytest.fixture(scope="session")
def tiny(embedded, tmp_path_factory):
    """A random BERT of two narrow layers with the embedded encoder's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    from headgate.models.source import resolve_source

    directory = tmp_path_factory.mktemp("tiny")
    shape = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        # Weights wider than usual, so that texts differ although nothing was learnt.
        config = BertConfig(**shape, intermediate_size=64, initializer_range=0.2)
        BertModel(config).save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(embedded.directory / name, directory)
    return resolve_source(str(directory))


@pytest.fixture(scope="session")
def tiny_int8(tiny, tmp_path_factory):
    """The tiny encoder's int8 files."""
    from headgate.models.quantize import write_int8

    directory = tmp_path_factory.mktemp("tiny-int8")
    write_int8(tiny, directory)
    return directory

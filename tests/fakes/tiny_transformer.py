"""A random transformer over a few words, small enough to be trained within a second.

words (n)  ->  a word-level tokenizer, BERT of two narrow layers  ->  encoder files
"""

from collections.abc import Sequence
from pathlib import Path

from headgate.models.source import EncoderSource, check_directory

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_tiny_transformer(directory: Path, words: Sequence[str]) -> EncoderSource:
    """Write an encoder that knows these words and nothing of their meaning."""
    import torch
    from transformers import BertConfig, BertModel

    vocabulary = (*_SPECIAL, *dict.fromkeys(words))
    _tokenizer(vocabulary).save_pretrained(directory)
    shape = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        # Weights wider than usual, so that texts differ although nothing was learnt.
        config = BertConfig(
            **shape, vocab_size=len(vocabulary), intermediate_size=64, initializer_range=0.2
        )
        BertModel(config).save_pretrained(directory)
    return check_directory(str(directory), directory)


def _tokenizer(vocabulary: Sequence[str]):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    places = {word: place for place, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(places, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )

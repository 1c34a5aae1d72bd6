"""Language models small enough for a test: one that writes at random, one that writes a script.

pieces of an answer  ->  a model in which each piece follows the one before  ->  a directory
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

CHAT = (
    "{% for turn in messages %}<|{{ turn.role }}|>{{ turn.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""A chat template; the last token of its prompt is `<|assistant|>`."""
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHAT
"""The same, of a model that knows no system turn."""
LOGIT = 10.0
"""What a scripted model says of the piece that follows; of every other token it says 0."""

_SPECIAL = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")


def write_random_lm(
    directory: Path, *, template: str | None = CHAT, most_tokens: int = 4096
) -> str:
    """Write a model that has learnt nothing; return its directory."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer((), template)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=most_tokens,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
        return _write(directory, LlamaForCausalLM(config), tokenizer)


def write_scripted_lm(directory: Path, pieces: Sequence[str]) -> str:
    """Write a model that answers every chat with these pieces, then ends; return its directory.

    Each piece is one token: what follows depends on the last token alone.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(pieces)
    size = len(tokenizer) + len(tokenizer) % 2
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        rms_norm_eps=0.0,
    )
    model = LlamaForCausalLM(config)
    chain = tokenizer.convert_tokens_to_ids(["<|assistant|>", *pieces, "<|end|>"])
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight.copy_(torch.eye(len(tokenizer), size))
        # The norm makes a one-hot vector sqrt(size) long.
        for before, after in pairwise(chain):
            model.lm_head.weight[after, before] = LOGIT / size**0.5
    return _write(directory, model, tokenizer)


def _write(directory: Path, model, tokenizer) -> str:
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return str(directory)


def tiny_tokenizer(pieces: Sequence[str] = (), template: str | None = CHAT):
    """Return a tokenizer of single bytes, of the pieces and of the marks of turns."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate((*alphabet, *pieces))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
    fast.chat_template = template
    return fast

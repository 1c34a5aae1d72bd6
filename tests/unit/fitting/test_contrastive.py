import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from fakes.tiny_transformer import write_tiny_transformer
from headgate.domains.schemas.augment import NO_WORDINGS, Wording, Wordings
from headgate.domains.schemas.columns import Column, Table
from headgate.errors import InputError, ModelError
from headgate.fitting.contrastive import Tuning, tune_encoder
from headgate.models.encoder import ReferenceEncoder
from headgate.models.quantize import write_int8
from headgate.models.quantized import QuantizedEncoder
from headgate.models.source import check_directory, resolve_source

pytestmark = pytest.mark.slow

NAMES = (
    *("color", "weight", "origin", "price", "owner", "size"),
    *("shape", "age", "brand", "status", "city", "note"),
)
TABLE = Table("goods", tuple(Column(name) for name in NAMES))
# No other name shares a word with the column's own: only training can bring them together.
OTHER = Wordings(
    {name: Wording((f"{name}a {name}b", f"{name}b {name}c", f"{name}c {name}a")) for name in NAMES}
)
LESSONS = Tuning(OTHER, epochs=100, learning_rate=0.01, temperature=0.1, frozen_layers=0, threads=1)
BRIEF = replace(LESSONS, epochs=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    words = [*NAMES, *(f"{name}{letter}" for name in NAMES for letter in "abc")]
    return write_tiny_transformer(tmp_path_factory.mktemp("tiny"), words)


@pytest.fixture(scope="module")
def tuned(source, tmp_path_factory):
    return tune_encoder(source, TABLE, tmp_path_factory.mktemp("tuned"), tuning=LESSONS)


def test_held_out_names_are_found_better_after_training(tuned):
    """Every word of a held-out name was learnt in another name of the same column."""
    assert tuned.metrics["held_out_mrr_before"] < 0.3
    assert tuned.metrics["held_out_mrr_after"] > 0.6
    assert tuned.metrics["share"] > 0
    assert tuned.metrics["questions"] == 4


def test_the_written_files_are_those_of_a_flat_safetensors_encoder(tuned):
    names = {path.name for path in tuned.source.directory.iterdir()}

    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert check_directory("tuned", tuned.source.directory).sha256 == tuned.source.sha256


def test_the_reference_encoder_reads_what_was_written(source, tuned):
    assert found_first(source) < 0.4
    assert found_first(tuned.source) > 0.7


def found_first(source):
    """Return the share of other names whose nearest name is their column's."""
    encoder = ReferenceEncoder(source, 64, "cpu")
    cosines = encoder.encode([f"{name}a {name}b" for name in NAMES]) @ encoder.encode(NAMES).T
    return (cosines.argmax(axis=1) == range(len(NAMES))).mean()


def test_the_int8_conversion_takes_what_was_written(tuned, tmp_path):
    write_int8(tuned.source, tmp_path)

    reference = ReferenceEncoder(tuned.source, 64, "cpu").encode(NAMES)
    quantized = QuantizedEncoder(tmp_path, 64).encode(NAMES)
    assert (reference * quantized).sum(axis=1).min() > 0.95


def test_equal_seeds_give_equal_files_and_others_do_not(source, tuned, tmp_path):
    again = tune_encoder(source, TABLE, tmp_path / "again", tuning=LESSONS)
    other = tune_encoder(
        source, TABLE, tmp_path / "other", tuning=replace(LESSONS, epochs=1, seed=1)
    )

    assert again == type(tuned)(again.source, tuned.metrics)
    assert again.source.sha256 == tuned.source.sha256
    assert other.source.sha256 != tuned.source.sha256


def test_the_number_of_threads_is_given_back(source, tmp_path):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        tune_encoder(source, TABLE, tmp_path, tuning=BRIEF)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("learning_rate", [10.0, 1e30], ids=["too-far", "no-numbers"])
def test_first_weights_are_kept_when_training_makes_it_worse(source, tmp_path, learning_rate):
    """Names that repeat the column's own are found already; steps far too long spoil that."""
    same = Wordings({name: Wording((name, f"{name} {name}")) for name in NAMES})
    spoilt = replace(BRIEF, wordings=same, epochs=5, learning_rate=learning_rate)

    kept = tune_encoder(source, TABLE, tmp_path, tuning=spoilt)

    assert kept.metrics["share"] == 0
    assert kept.metrics["held_out_mrr_after"] == kept.metrics["held_out_mrr_before"] > 0.9
    first = ReferenceEncoder(source, 64, "cpu").encode(NAMES)
    assert np.array_equal(ReferenceEncoder(kept.source, 64, "cpu").encode(NAMES), first)


def test_progress_counts_every_step(source, tmp_path):
    """12 columns, 5 a step, make 3 steps in each of 2 rounds."""
    told = []
    tuning = replace(BRIEF, epochs=2, batch_size=5)

    tune_encoder(source, TABLE, tmp_path, tuning=tuning, report=lambda *each: told.append(each))

    assert told == [("tune encoder", done, 6) for done in range(7)]


def test_a_table_without_other_names_is_refused_before_anything_is_written(source, tmp_path):
    with pytest.raises(InputError, match="table 'goods': 0 of its columns have two other names"):
        tune_encoder(source, TABLE, tmp_path / "out", tuning=Tuning(NO_WORDINGS))
    assert not (tmp_path / "out").exists()


def test_an_encoder_that_takes_its_first_token_is_refused(source, tmp_path):
    shutil.copytree(source.directory, tmp_path, dirs_exist_ok=True)
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": 0, "name": kind, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for path, kind in kinds.items()
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
    pooling |= {"pooling_mode_mean_tokens": False}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))

    with pytest.raises(ModelError, match="not the mean over its tokens"):
        tune_encoder(resolve_source(str(tmp_path)), TABLE, tmp_path / "out", tuning=BRIEF)


def test_files_that_make_no_transformer_are_a_model_error(source, tmp_path):
    shutil.copytree(source.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text('{"model_type": "no such thing"}')

    with pytest.raises(ModelError, match="transformers cannot load it"):
        tune_encoder(resolve_source(str(tmp_path)), TABLE, tmp_path / "out", tuning=BRIEF)

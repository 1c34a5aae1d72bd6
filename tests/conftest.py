import os

import pytest

# The hub's library reads it when it is first imported: no test reaches the network.
os.environ["HF_HUB_OFFLINE"] = "1"
# As the package sets it, for tests that import grpc before the package.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


@pytest.fixture(scope="session")
def embedded():
    """The packaged encoder's checked files."""
    from headgate.models.source import resolve_source

    return resolve_source("embedded")


@pytest.fixture(scope="session")
def embedded_int8(embedded):
    """The packaged encoder's int8 files; made once, in about a minute, then kept in the cache."""
    from headgate.models.quantize import int8_directory

    return int8_directory(embedded)


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """The fitted cascade "parts": n-grams, a gate, recorded answers; it sorts records of level."""
    from fakes.fitted_parts import fit_parts

    return fit_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """The fitted cascade "pairs": n-grams say whether a description fits a line."""
    from fakes.fitted_parts import fit_pairs

    return fit_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    """The fitted cascade "made_up": n-grams, a gate with a certificate, audits."""
    from fakes.watched_cascade import fit_watched

    return fit_watched(tmp_path_factory.mktemp("watched"))


@pytest.fixture(scope="session")
def sample(embedded_int8, tmp_path_factory):
    """The sample cascade, fitted on a few of its rows with the packaged encoder."""
    from fakes.sample_cascade import fit_sample

    return fit_sample(tmp_path_factory.mktemp("sample"))

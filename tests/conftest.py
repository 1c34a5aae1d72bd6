import os

import pytest

# The hub's library reads it when it is first imported: no test reaches the network.
os.environ["HF_HUB_OFFLINE"] = "1"


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

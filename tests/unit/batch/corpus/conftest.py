import pytest

from fakes.made_up_corpus import RIVERS, Library


@pytest.fixture
def library(tmp_path):
    """An empty directory of files, and the place of their index; segments of two passages."""
    return Library(tmp_path, segment_rows=2)


@pytest.fixture
def rivers(library):
    """The four rivers, indexed."""
    library.write("rivers.jsonl", *RIVERS)
    library.build()
    return library

import pytest


@pytest.fixture(scope="session")
def matching_tables(tmp_path_factory):
    """The fitted cascade "tables": a tiny encoder, a gate, recorded answers; it matches columns."""
    from fakes.fitted_tables import fit_tables

    return fit_tables(tmp_path_factory.mktemp("tables"))

import pytest

from fakes.batch_jobs import endpoint, live


@pytest.fixture
def asked(parts, tmp_path):
    """The cascade "live", whose large model costs, and its endpoint, which notes every call."""
    with endpoint() as found:
        yield live(tmp_path / "live", parts, found.base_url), found

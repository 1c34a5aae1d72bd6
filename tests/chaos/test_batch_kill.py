import pytest

from chaos.batch_kill import kill_and_resume


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "rows"])
def test_a_job_that_is_killed_again_and_again_writes_what_a_whole_one_does(tmp_path, kind):
    """What `make chaos-batch` does 20 times."""
    found = kill_and_resume(tmp_path, kind, kills=3, seed=11)

    assert found.kills == 3
    assert found.killed == found.whole
    assert found.killed_letters == found.whole_letters

from importlib.metadata import PackageNotFoundError

import pytest

from headgate.serving.cluster.doctor.finding import Level
from headgate.serving.cluster.doctor.versions import cluster_version, in_range, local_versions


def absent(package):
    raise PackageNotFoundError(package)


@pytest.mark.parametrize(
    ("ray", "fits"),
    [
        ("2.59.1", False),
        ("2.60.0", True),
        ("2.61.0rc1", True),
        ("2.101.3", True),
        ("3.0.0", False),
        ("nightly", False),
    ],
)
def test_ray_is_taken_from_2_60_on_and_below_3(ray, fits):
    (finding,) = local_versions("3.11.7", lambda package: ray)

    assert in_range(ray) is fits
    assert finding.level is (Level.OK if fits else Level.ERROR)
    assert fits or finding.mend == "pip install 'ray[serve]>=2.60,<3'"


def test_an_old_python_is_an_error():
    (finding,) = local_versions("3.10.14", lambda package: "2.60.0")

    assert (finding.level, finding.what) == (
        Level.ERROR,
        "Python 3.10.14, and Headgate needs 3.11 or later",
    )


def test_a_machine_without_ray_is_told_how_to_get_it():
    (finding,) = local_versions("3.12.1", absent)

    assert (finding.level, finding.mend) == (Level.NOTE, "pip install 'headgate[server]'")


def test_another_version_than_the_cluster_s_is_a_warning_with_the_one_to_install():
    (finding,) = cluster_version("2.61.0", "2.60.0")

    assert finding.level is Level.WARNING
    assert finding.mend == "pip install 'ray[serve]==2.61.0'"


@pytest.mark.parametrize("local", ["2.60.0", None])
def test_the_cluster_s_version_or_none_is_fine(local):
    (finding,) = cluster_version("2.60.0", local)

    assert finding.level is Level.OK

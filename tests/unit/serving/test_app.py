import shutil
import socket
from dataclasses import replace

import pytest

from headgate.errors import ArtifactError, InputError, UnavailableError
from headgate.serving.app import check_fitted, check_port_free


def test_fitted_cascades_pass(parts, pairs):
    check_fitted([parts, pairs])


def test_a_cascade_that_is_not_fitted_is_found_before_a_cluster_starts(parts, pairs, tmp_path):
    unfitted = replace(pairs, artifact=str(tmp_path / "gone"))

    with pytest.raises(ArtifactError, match="gone"):
        check_fitted([parts, unfitted])


def test_an_altered_artifact_is_found_before_a_cluster_starts(parts, tmp_path):
    altered = replace(parts, artifact=str(shutil.copytree(parts.artifact, tmp_path / "fitted")))
    with next((tmp_path / "fitted").glob("*.safetensors")).open("ab") as weights:
        weights.write(b"x")

    with pytest.raises(ArtifactError):
        check_fitted([altered])


def test_two_cascades_of_one_name_are_found_before_a_cluster_starts(parts):
    with pytest.raises(InputError, match="'parts'"):
        check_fitted([parts, parts])


def test_a_free_port_passes_and_stays_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    check_port_free(f"127.0.0.1:{port}")
    check_port_free(f"127.0.0.1:{port}")


@pytest.mark.parametrize("reuse", [False, True], ids=["alone", "shared"])
def test_a_port_on_which_somebody_listens_is_refused(reuse):
    """With SO_REUSEPORT too: the kernel would give that process part of the calls."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=reuse) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(UnavailableError) as caught:
            check_port_free(address)
    assert caught.value.place == address
    assert caught.value.problem == "something listens there already"


def test_an_ipv6_address_is_checked_too():
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match="something listens there"):
            check_port_free(f"[::1]:{port}")

    check_port_free(f"[::1]:{port}")


def test_an_address_that_is_not_of_this_machine_is_said_to_be():
    with pytest.raises(UnavailableError) as caught:
        check_port_free("203.0.113.7:9090")

    assert "something listens" not in str(caught.value)

import os
import socket

import pytest

from headgate.serving.cluster.doctor.sockets import Listening, listening

EVERY = "0.0.0.0"  # noqa: S104 - listens for a moment in a test
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid inode\n"


def line(address, state, inode):
    counts = "00000000:00000000 00:00000000 00000000 0 0"
    return f"   0: {address} 00000000:0000 {state} {counts} {inode} 1\n"


@pytest.fixture
def proc(tmp_path):
    """A directory like /proc: files of sockets, and processes with what they hold open."""
    (tmp_path / "net").mkdir()

    def make(tcp="", tcp6="", processes=()):
        (tmp_path / "net" / "tcp").write_text(HEADER + tcp)
        (tmp_path / "net" / "tcp6").write_text(HEADER + tcp6)
        for number, command, inode in processes:
            handles = tmp_path / str(number) / "fd"
            handles.mkdir(parents=True)
            (handles / "3").symlink_to(f"socket:[{inode}]")
            (handles / "4").symlink_to("/dev/null")
            (tmp_path / str(number) / "cmdline").write_bytes(command)
        return tmp_path

    return make


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="the system has no such file")
def test_a_port_of_this_process_is_found():
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        socket.create_server((EVERY, 0)) as all_,
    ):
        found = {each.port: each for each in listening()}

        private, public = found[own.getsockname()[1]], found[all_.getsockname()[1]]

    assert (private.host, private.is_private) == ("127.0.0.1", True)
    assert (public.host, public.is_private) == (EVERY, False)
    assert "python" in private.program


def test_addresses_are_read_in_the_kernel_s_order(proc):
    """Of little-endian words; 8265 is 0x2049."""
    tcp6 = line("00000000000000000000000001000000:2049", "0A", 2)
    mapped = line("0000000000000000FFFF00000100007F:1F40", "0A", 3)
    tcp = line("0100007F:2049", "0A", 1) + line("0100007F:9999", "01", 4)

    found = listening(proc(tcp, tcp6 + mapped))

    assert [(each.host, each.port) for each in found] == [
        ("127.0.0.1", 8000),
        ("127.0.0.1", 8265),
        ("::1", 8265),
    ]


def test_the_program_of_a_port_is_named(proc):
    tcp = line("00000000:2049", "0A", 7) + line("00000000:1F40", "0A", 8)

    found = listening(proc(tcp, processes=[(12, b"ray-dashboard\0-x\0", 7)]))

    assert found == [Listening(EVERY, 8000, ""), Listening(EVERY, 8265, "ray-dashboard -x")]


def test_lines_that_make_no_sense_and_files_that_are_missing_are_passed_over(proc, tmp_path):
    assert listening(proc("rubbish\n\n")) == []
    assert listening(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("program", "ray"),
    [
        ("ray::ServeReplica:headgate:Gateway", True),
        ("/venv/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet --x", True),
        ("/venv/lib/python3.11/site-packages/ray/core/src/ray/gcs/gcs_server --x", True),
        (
            "/venv/bin/python3 -u /venv/lib/python3.11/site-packages/ray/dashboard/dashboard.py",
            True,
        ),
        ("ray-dashboard-NodeHead-0 ", True),
        ("python -m http.server", False),
        ("/home/ray/bin/python -m headgate.cli.main top", False),
        ("", False),
    ],
)
def test_processes_of_ray_are_known_by_their_command(program, ray):
    assert Listening(EVERY, 1, program).is_ray is ray

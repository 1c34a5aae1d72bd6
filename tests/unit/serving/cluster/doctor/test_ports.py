from headgate.serving.cluster.doctor.finding import Level
from headgate.serving.cluster.doctor.ports import open_ports
from headgate.serving.cluster.doctor.sockets import Listening

EVERY = "0.0.0.0"  # noqa: S104 - only spoken of


def test_the_dashboard_open_to_others_is_an_error():
    (finding,) = open_ports([Listening(EVERY, 8265, "ray-dashboard")])

    assert finding.level is Level.ERROR
    assert finding.what == "other machines reach Ray's dashboard at 0.0.0.0:8265"
    assert finding.mend.endswith("ray start --head --dashboard-host=127.0.0.1")


def test_serve_s_proxies_open_to_others_are_errors():
    sockets = [Listening("::", port, "ray::ProxyActor") for port in (8000, 9000)]

    http, grpc = open_ports(sockets)

    assert (http.level, grpc.level) == (Level.ERROR, Level.ERROR)
    assert "[::]:8000" in http.what
    assert "grpc_options" in grpc.mend


def test_a_process_that_we_may_not_see_is_a_guess():
    (finding,) = open_ports([Listening(EVERY, 8265, "")])

    assert (finding.level, "perhaps" in finding.what) == (Level.WARNING, True)


def test_another_program_at_such_a_port_is_none_of_ours():
    (finding,) = open_ports([Listening(EVERY, 8000, "python -m http.server")])

    assert finding.level is Level.OK


def test_ports_of_this_machine_alone_are_fine():
    sockets = [Listening("127.0.0.1", 8265, "ray-dashboard"), Listening("::1", 8000, "")]

    assert [each.level for each in open_ports(sockets)] == [Level.OK]


def test_ray_s_own_ports_are_one_note_that_says_what_to_close():
    sockets = [Listening("::", 30_000 + number, "raylet") for number in range(14)]
    sockets = [*sockets, sockets[0]]
    ray = [Listening(each.host, each.port, "ray::IDLE") for each in sockets]

    (finding,) = open_ports(ray)

    assert finding.level is Level.NOTE
    assert finding.what.startswith("Ray listens on every interface at 14 ports: 30000, 30001")
    assert finding.what.endswith("30011 and 2 more")
    assert "NetworkPolicy" in finding.mend


def test_no_sockets_are_fine():
    assert [each.level for each in open_ports([])] == [Level.OK]

"""Everything that is looked at, in the order in which it is told.

Patient -> [Check]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.errors import SpecFileError
from headgate.serving.cluster.doctor.artifacts import artifact, certificate, locations
from headgate.serving.cluster.doctor.endpoints import endpoints
from headgate.serving.cluster.doctor.file_modes import artifact_modes, state_modes
from headgate.serving.cluster.doctor.finding import Check, Finding, ok
from headgate.serving.cluster.doctor.gateway import Ask, gateway
from headgate.serving.cluster.doctor.ports import open_ports
from headgate.serving.cluster.doctor.processor import eight_bit_support
from headgate.serving.cluster.doctor.sockets import listening
from headgate.serving.cluster.doctor.tokens import open_dashboard, token_file, token_mode
from headgate.serving.cluster.doctor.versions import cluster_version, local_ray, local_versions
from headgate.serving.cluster.rest import ClusterClient


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    files: Sequence[Path]
    """Cascade files."""
    state_dir: Path
    """Where this machine keeps decisions."""
    environment: Mapping[str, str]
    """Of this process."""
    home: Path
    """The user's directory, where Ray keeps its token."""
    gateway: str
    """`host:port` of a gateway."""
    ask: Ask
    """Calls a gateway."""
    gateway_wanted: bool = False
    """Whether a gateway has to be there."""
    cluster: ClusterClient | None = None
    """None when no cluster is named."""


def checks_of(patient: Patient) -> Iterator[Check]:
    """Yield what to look at: this machine, the cluster, the gateway, the cascades."""
    yield Check("versions", local_versions)
    yield Check("processor", eight_bit_support)
    yield Check("token", lambda: token_file(patient.environment, patient.home))
    yield Check("ports", lambda: open_ports(listening()))
    yield Check("state", lambda: state_modes(patient.state_dir))
    if patient.cluster is not None:
        yield from _of_cluster(patient, patient.cluster)
    yield Check(
        "gateway",
        lambda: gateway(patient.gateway, patient.ask, wanted=patient.gateway_wanted),
    )
    for file in patient.files:
        yield from _of_file(file, patient)


def _of_cluster(patient: Patient, cluster: ClusterClient) -> Iterator[Check]:
    yield Check("cluster", lambda: cluster_version(cluster.version(), local_ray()))
    yield Check("token mode", lambda: token_mode(cluster.address, patient.environment))
    yield Check("dashboard", lambda: open_dashboard(cluster.address))


def _of_file(file: Path, patient: Patient) -> Iterator[Check]:
    """Yield the checks of one cascade; those of a file that is wrong are its mistakes."""
    try:
        loaded = load_cascade(file)
    except SpecFileError as error:
        mistakes = error

        def refuse() -> Sequence[Finding]:
            raise mistakes

        yield Check(str(file), refuse)
        return
    yield from _of_cascade(loaded, patient)


def _of_cascade(loaded: LoadedCascade, patient: Patient) -> Iterator[Check]:
    name = loaded.name
    yield Check(name, lambda: ok(f"{loaded.path} is right, revision {loaded.revision}"))
    yield Check(name, lambda: artifact(loaded))
    yield Check(name, lambda: artifact_modes(Path(loaded.artifact)))
    yield Check(name, lambda: certificate(loaded, patient.state_dir))
    yield Check(name, lambda: endpoints(loaded, patient.environment))
    cluster = patient.cluster
    if cluster is not None:
        yield Check(name, lambda: locations(loaded, _alive(cluster)))


def _alive(cluster: ClusterClient) -> int:
    return sum(row.get("state") == "ALIVE" for row in cluster.nodes())

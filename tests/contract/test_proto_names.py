"""What the contract promises about its own names."""

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

PROTOS = Path(__file__).parents[2] / "protos" / "headgate" / "v1"
FILES = {
    path.stem: import_module(f"headgate.v1.{path.stem}_pb2").DESCRIPTOR
    for path in sorted(PROTOS.glob("*.proto"))
}
SERVICES = [service for file in FILES.values() for service in file.services_by_name.values()]
METHODS = [method for service in SERVICES for method in service.methods]
ABOUT_THE_SERVER = {"ListCascades", "DescribeCascade"}


def test_the_contract_has_services():
    assert len(SERVICES) == 9


def test_rpc_names_are_unique_across_all_services():
    """A proxy that knows only the bare name must not confuse two of them."""
    counts = Counter(method.name for method in METHODS)

    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("stem", [stem for stem in FILES if stem.endswith("_service")])
def test_a_service_has_a_file_named_after_it(stem):
    (service,) = FILES[stem].services_by_name

    assert service == "".join(word.capitalize() for word in stem.split("_"))


@pytest.mark.parametrize("stem", [stem for stem in FILES if not stem.endswith("_service")])
def test_other_files_have_no_service(stem):
    assert list(FILES[stem].services_by_name) == []


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_messages_are_named_after_their_rpc(method):
    names = (method.input_type.name, method.output_type.name)

    assert names == (f"{method.name}Request", f"{method.name}Response")


@pytest.mark.parametrize(
    "method",
    [method for method in METHODS if method.name not in ABOUT_THE_SERVER],
    ids=lambda method: method.name,
)
def test_every_request_for_answers_is_a_batch(method):
    (items, *_) = [field for field in method.input_type.fields if field.is_repeated]

    assert items.message_type is not None or items.type == items.TYPE_BYTES


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_the_zero_of_an_enum_means_nothing(file):
    zeros = [enum.values_by_number[0].name for enum in file.enum_types_by_name.values()]

    assert [name for name in zeros if not name.endswith("_UNSPECIFIED")] == []

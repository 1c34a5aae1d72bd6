import pytest

from headgate.errors import InputError, SpecFileError
from headgate.serving.cluster.prices import check_prices, read_prices, usd_per_month


@pytest.fixture
def read(tmp_path):
    """Reads a list of prices of this text."""

    def command(text):
        path = tmp_path / "prices.yaml"
        path.write_text(text)
        return read_prices(path)

    return command


def test_a_month_has_730_hours():
    nodes = {"head": 1, "worker": 3, "gpu": 0}

    assert usd_per_month(nodes, {"head": 0.1, "worker": 0.2, "gpu": 9.0}) == pytest.approx(511.0)


def test_prices_are_read_by_node_type(read):
    assert read("usd_per_hour: {head: 0.19, gpu_worker: 1}\n") == {"head": 0.19, "gpu_worker": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("head: 0.19\n", ":1:1: there are no prices under usd_per_hour", id="flat"),
        pytest.param("usd_per_hour: {}\n", ":1:1: there are no prices", id="empty"),
        pytest.param(
            "usd_per_hour: {head: '0.19'}\n",
            ":1:16: usd_per_hour.head: expected a number of at least 0, found '0.19'",
            id="text",
        ),
        pytest.param(
            "usd_per_hour:\n  head: -1\n",
            ":2:3: usd_per_hour.head: expected a number",
            id="negative",
        ),
        pytest.param("usd_per_hour: {a: true}\n", "found the boolean true", id="boolean"),
        pytest.param("usd_per_hour: {a: .inf}\n", "is not a finite number", id="infinite"),
        pytest.param("eur: {a: 1}\nusd_per_hour: {a: 1}\n", "unknown key 'eur'", id="other-key"),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_its_place(read, text, message):
    with pytest.raises(SpecFileError) as caught:
        read(text)

    assert message in str(caught.value)


def test_each_node_type_needs_its_price():
    with pytest.raises(InputError, match=r"p\.yaml: there is no price of the node type 'gpu'"):
        check_prices({"head": 0.1}, ["head", "gpu"], "p.yaml")


def test_a_price_of_an_unknown_type_is_a_misspelling():
    with pytest.raises(InputError, match=r"has no node type 'gpu_workers'\. Did you mean"):
        check_prices({"gpu_worker": 1, "gpu_workers": 1}, ["gpu_worker"], "p.yaml")

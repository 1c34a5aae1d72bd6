import socket

import pytest

from fakes.fitted_parts import write_parts
from headgate.errors import InputError
from headgate.serving.cluster.doctor.endpoints import endpoints

MODELS = {"data": [{"id": "m"}, {"id": "other"}]}
KEY = "k-0123456789abcdef"


@pytest.fixture
def cascade(tmp_path):
    """Writes a cascade whose large model is behind this endpoint."""

    def write(url, more=""):
        block = f"{{kind: lm, engine: openai, model: m, base_url: '{url}/v1'{more}}}"
        return write_parts(tmp_path, large_model=block)

    return write


@pytest.fixture
def found(cascade, answering):
    """Returns the only finding about an endpoint that answers so, and what it saw."""

    def look(status=200, value=None, headers=None, more="", environment=None):
        with answering(status, value, headers) as http:
            (finding,) = endpoints(cascade(http.url, more), environment or {})
            return finding, http.seen

    return look


def test_an_endpoint_that_has_the_model_is_fine(found):
    finding, seen = found(value=MODELS)

    assert finding.level == "ok"
    assert [path for path, _ in seen] == ["/v1/models"]
    assert "Authorization" not in seen[0][1]


def test_the_key_goes_to_the_endpoint_and_into_no_finding(found):
    more = ", api_key: {env: LM_KEY}"

    finding, seen = found(status=401, more=more, environment={"LM_KEY": KEY})

    assert seen[0][1]["Authorization"] == f"Bearer {KEY}"
    assert finding.level == "error"
    assert "refuses the key (401)" in finding.what
    assert finding.mend == "export LM_KEY=... where the gateways are started"
    assert KEY not in f"{finding}"


def test_an_endpoint_that_wants_a_key_where_the_file_names_none_is_told_so(found):
    finding, _ = found(status=403)

    assert finding.mend == "Name one: api_key: {env: NAME}"


def test_a_redirect_is_not_followed(found, answering):
    with answering(value=MODELS) as other:
        finding, _ = found(status=307, headers={"Location": f"{other.url}/v1/models"})

    assert (finding.level, other.seen) == ("error", [])
    assert "redirects (307)" in finding.what


@pytest.mark.parametrize(
    ("status", "value", "level", "what"),
    [
        pytest.param(
            200, {"data": [{"id": "x"}]}, "warning", "does not list 'm'", id="other-model"
        ),
        pytest.param(200, {"data": "m"}, "note", "cannot be read", id="no-list"),
        pytest.param(200, b"\xff{", "note", "cannot be read", id="no-json"),
        pytest.param(200, b"[" * 100_000, "note", "cannot be read", id="nested"),
        pytest.param(200, b" " * 3_000_000, "note", "cannot be read", id="endless"),
        pytest.param(404, {}, "note", "without a list of models (404)", id="no-such-path"),
        pytest.param(503, {}, "error", "fails (503)", id="failing"),
    ],
)
def test_other_answers_are_told_apart(found, status, value, level, what):
    finding, _ = found(status=status, value=value)

    assert finding.level == level
    assert what in finding.what


def test_an_endpoint_where_nobody_listens_cannot_be_reached(cascade):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    (finding,) = endpoints(cascade(f"http://127.0.0.1:{port}"), {})

    assert finding.level == "error"
    assert "cannot be reached (ConnectError)" in finding.what


def test_an_endpoint_that_never_answers_is_given_up(cascade):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        (finding,) = endpoints(cascade(url), {}, timeout_s=0.05)

    assert "cannot be reached (ReadTimeout)" in finding.what


def test_a_password_in_the_environment_s_address_is_not_shown(tmp_path, answering):
    loaded = write_parts(tmp_path, large_model="{kind: lm, engine: openai, model: m}")
    with answering(503) as http:
        url = http.url.replace("http://", "http://user:hunter2@")
        (finding,) = endpoints(loaded, {"OPENAI_BASE_URL": f"{url}/v1"})

    assert finding.level == "error"
    assert http.url in finding.what
    assert "hunter2" not in f"{finding}"


@pytest.mark.parametrize("url", ["http://169.254.169.254/v1", "file:///etc/passwd"])
def test_what_no_key_may_be_sent_to_is_not_asked(tmp_path, url):
    loaded = write_parts(tmp_path, large_model="{kind: lm, engine: openai, model: m}")

    with pytest.raises(InputError, match="base_url"):
        endpoints(loaded, {"OPENAI_BASE_URL": url})


def test_a_key_that_is_not_set_is_said_without_a_call(cascade, answering):
    with answering(value=MODELS) as http:
        loaded = cascade(http.url, ", api_key: {env: LM_KEY}")

        (finding,) = endpoints(loaded, {"LM_KEY": " "})

    assert http.seen == []
    assert finding.what == "model 'llm' has no key: environment variable LM_KEY holds none"


def test_a_key_s_file_that_others_read_and_that_is_empty_are_two_findings(cascade, tmp_path):
    file = tmp_path / "key"
    file.write_text("")
    file.chmod(0o644)
    loaded = cascade("http://127.0.0.1:1", f", api_key: {{file: {file}}}")

    mode, absent = endpoints(loaded, {})

    assert mode.mend == f"chmod 600 {file}"
    assert absent.mend == f"Write the key into {file} and run: chmod 600 {file}"


def test_a_cascade_of_recorded_answers_calls_nobody(tmp_path):
    assert endpoints(write_parts(tmp_path), {}) == []

import json

import pytest

from headgate.artifact.manifest import (
    MAX_MANIFEST_BYTES,
    check_name,
    check_names,
    encode,
    parse_manifest,
    seal,
)
from headgate.errors import ArtifactError

LISTED = {"sha256": "0" * 64, "size_bytes": 1}


def body(**changes):
    return {"format": 1, "kind": "cascade", "facts": {}, "files": {"a.json": LISTED}} | changes


def test_a_sealed_manifest_is_read_back():
    manifest = parse_manifest(seal(body(facts={"delta": 0.05}), "here"), "here")

    assert (manifest.kind, manifest.facts) == ("cascade", {"delta": 0.05})
    assert manifest.files["a.json"].size_bytes == 1


def test_equal_values_encode_to_equal_bytes_whatever_their_order():
    assert encode({"b": 1, "a": [0.1]}, "") == encode({"a": [0.1], "b": 1}, "")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_cannot_carry_are_refused(number):
    with pytest.raises(ArtifactError, match="NaN or an infinity"):
        encode({"auc": number}, "here")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"\xff\xfe", "is not JSON", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "is not JSON", id="too-deep"),
        pytest.param(b"[]", "is not a manifest of format 1", id="a-list"),
        pytest.param(b'{"format": 2}', "is not a manifest of format 1", id="newer-format"),
        pytest.param(b'{"format": 1}', "its own hash does not match", id="no-seal"),
        pytest.param(b'{"format": 1, "x": NaN}', "NaN or an infinity", id="nan"),
        pytest.param(b" " * (MAX_MANIFEST_BYTES + 1), "is larger than 4194304 bytes", id="huge"),
        pytest.param(
            seal(body(), "").replace(b"cascade", b"vectors"), "hash does not match", id="altered"
        ),
        pytest.param(seal(body(), "") + b" ", "hash does not match", id="a-space-more"),
        pytest.param(json.dumps(json.loads(seal(body(), ""))).encode(), "hash", id="reformatted"),
        pytest.param(seal(body(kind=1), ""), "lacks a part", id="kind-is-a-number"),
        pytest.param(seal(body(facts=[]), ""), "lacks a part", id="facts-are-a-list"),
        pytest.param(seal({"format": 1, "kind": "x"}, ""), "lacks a part", id="no-files"),
        pytest.param(seal(body(files={"a.json": {}}), ""), "without its hash", id="no-hash"),
        pytest.param(seal(body(files={"../a.json": LISTED}), ""), "cannot hold", id="traversal"),
    ],
)
def test_a_bad_manifest_is_refused(content, problem):
    with pytest.raises(ArtifactError, match=problem) as caught:
        parse_manifest(content, "here")

    assert caught.value.place == "here/manifest.json"


@pytest.mark.parametrize("name", ["a.json", "head-1.safetensors", "cases/index.faiss", "a..b.txt"])
def test_ordinary_names_are_allowed(name):
    check_name(name, "here")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../a.json",
        "a/../b.json",
        "/a.json",
        "a/b/c.json",
        "a//b.json",
        ".json",
        "a/.json",
        "a\\b.json",
        "a.json\n",
        "a\x00.json",
        "ä.json",
        "manifest.json",
        "C:a.json",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(ArtifactError, match="cannot hold a file named"):
        check_name(name, "here")


@pytest.mark.parametrize(
    "name", ["model", "model.pkl", "model.pt", "head.joblib", "a.npy", "run.py", "a.JSON"]
)
def test_endings_that_could_run_code_are_refused(name):
    with pytest.raises(ArtifactError, match="its ending is not allowed"):
        check_name(name, "here")


@pytest.mark.parametrize(
    "names", [["a.bin"], ["a.bin", "b.xml"], ["a.bin", "x/a.xml"]], ids=["alone", "stem", "folder"]
)
def test_bin_is_refused_without_its_xml_beside_it(names):
    with pytest.raises(ArtifactError, match=r"'a\.bin' without an \.xml"):
        check_names(names, "here")


def test_bin_is_allowed_beside_its_xml():
    check_names(["x/a.bin", "x/a.xml"], "here")

import asyncio
import json
import logging
import shutil
from pathlib import Path

import pytest

from fakes.fitted_parts import part_records, write_parts
from fakes.running_server import running
from fakes.sample_cascade import sample_records
from fakes.tiny_models import TinyEncoder
from headgate import wire
from headgate.artifact import Artifact
from headgate.cascade.fitted import KIND
from headgate.cascade.load import inline, load_cascade
from headgate.errors import (
    ArtifactError,
    HeadgateError,
    InputError,
    LmRefusedError,
    NotFoundError,
    SpecFileError,
)
from headgate.serving.host import Host, check_names, encoder_app, encoder_key
from headgate.types import Deadline
from headgate.v1.cascade_service_pb2 import ListCascadesRequest, RunCascadeRequest
from headgate.v1.retriever_service_pb2 import RetrieveRequest


async def hosted(*cascades, open_encoder=None):
    host = Host(open_encoder) if open_encoder else Host()
    await host.configure([inline(each) for each in cascades])
    return host


def copied(loaded, folder, name):
    """Return the cascade under another name, with an artifact of its own."""
    shutil.copytree(loaded.artifact, folder / name / "fitted")
    return write_parts(folder / name, name)


async def until_ready(host, name):
    async with asyncio.timeout(60):
        while not any(each.summary.ready for each in host.hosted if each.name == name):
            await asyncio.sleep(0.01)


async def test_a_host_answers_as_each_of_its_cascades(parts, pairs):
    host = await hosted(parts, pairs)

    results = await host.engine("parts").run(part_records()[:2], Deadline.after(30))

    assert [result.answer for result in results] == ["disk", "net"]
    assert [each.name for each in host.hosted] == ["pairs", "parts"]
    assert host.engine("pairs").task.operation == "match_description"


async def test_a_host_without_cascades_knows_none():
    with pytest.raises(NotFoundError) as caught:
        Host().engine("")

    assert str(caught.value) == "cascade '': it is not served here. Served: none."


async def test_an_empty_name_is_not_one_of_two(parts, pairs):
    host = await hosted(parts, pairs)

    with pytest.raises(NotFoundError) as caught:
        host.engine("")

    assert caught.value.remedy == "Served: pairs, parts."


async def test_cascades_of_the_same_encoder_share_it_and_another_one_is_apart(write_sorting):
    opened = []

    def open_tiny(loaded, artifact, name):
        opened.append((loaded.name, name))
        return TinyEncoder()

    await hosted(write_sorting("a"), write_sorting("b"), open_encoder=open_tiny)

    assert opened == [("a", "slm")]


async def test_an_encoder_is_kept_when_the_host_is_configured_anew(write_sorting):
    encoders = []

    def open_tiny(loaded, artifact, name):
        encoders.append(TinyEncoder())
        return encoders[-1]

    first, second = write_sorting("a"), write_sorting("b")
    host = await hosted(first, open_encoder=open_tiny)
    await host.configure([inline(second)])

    assert len(encoders) == 1
    assert [each.name for each in host.hosted] == ["b"]


async def test_the_key_of_an_encoder_names_what_two_cascades_have_to_share(write_sorting):
    loaded = write_sorting("a")
    artifact = Artifact.open(loaded.artifact, kind=KIND)

    key = encoder_key(loaded, artifact, "slm")

    assert key == encoder_key(write_sorting("b"), artifact, "slm")
    assert len(key) == 12
    assert encoder_app(key) == f"headgate-encoder-{key}"


async def test_a_new_configuration_replaces_the_cascades(parts, pairs):
    host = await hosted(parts)

    await host.configure([inline(pairs)])

    assert [each.name for each in host.hosted] == ["pairs"]
    with pytest.raises(NotFoundError):
        host.engine("parts")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="empty"),
        pytest.param({"document": {"kind": "Cascade"}}, id="half-a-cascade"),
        pytest.param({"document": None, "path": 1}, id="other-types"),
    ],
)
async def test_a_value_that_is_no_cascade_leaves_the_others_in_force(parts, values):
    host = await hosted(parts)

    with pytest.raises(SpecFileError):
        await host.configure([inline(parts), values])

    assert host.engine("parts").name == "parts"


async def test_two_cascades_of_one_name_are_refused_and_leave_the_others_in_force(
    parts, pairs, tmp_path
):
    other = copied(parts, tmp_path, "parts")
    host = await hosted(pairs)

    with pytest.raises(InputError) as caught:
        await host.configure([inline(parts), inline(other)])

    assert caught.value.place == str(other.path)
    assert str(parts.path) in caught.value.problem
    assert [each.name for each in host.hosted] == ["pairs"]


def test_cascades_of_different_names_pass(parts, pairs):
    check_names([parts, pairs])


def missing(folder):
    shutil.rmtree(folder)


def corrupted(folder):
    weights = next(folder.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


def cut_off(folder):
    weights = next(folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-7])


def without_manifest(folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("spoil", [missing, corrupted, cut_off, without_manifest])
async def test_a_cascade_whose_artifact_is_unusable_says_so_and_the_others_answer(
    parts, pairs, tmp_path, spoil
):
    broken = copied(parts, tmp_path, "broken")
    spoil(Path(broken.artifact))
    host = await hosted(broken, pairs)

    with pytest.raises(ArtifactError) as caught:
        host.engine("broken")

    summaries = {each.name: each.summary for each in host.hosted}
    assert (summaries["broken"].ready, summaries["pairs"].ready) == (False, True)
    assert summaries["broken"].problem == str(caught.value)
    assert summaries["broken"].revision == ""
    assert host.engine("pairs").revision == summaries["pairs"].revision


async def test_a_cascade_is_served_once_its_artifact_is_there(parts, pairs, tmp_path, caplog):
    late = copied(parts, tmp_path, "late")
    Path(late.artifact).rename(tmp_path / "elsewhere")
    host = Host(retry_every_s=0.01)
    await host.configure([inline(late), inline(pairs)])
    before = {each.name: each.engine for each in host.hosted}

    (tmp_path / "elsewhere").rename(late.artifact)
    await until_ready(host, "late")

    (result,) = await host.engine("late").run(part_records()[:1], Deadline.after(30))
    assert before["late"] is None
    assert result.answer == "disk"
    assert host.engine("pairs") is before["pairs"]
    assert caplog.text.count("cascade_not_served") == 1
    assert "cascade_served_at_last cascade=late" in caplog.text
    await host.close()


async def test_a_bug_is_not_tried_again(write_sorting, parts, tmp_path):
    """The buggy cascade's turn would come before that of the one that is served in the end."""
    late, tries = copied(parts, tmp_path, "late"), []

    def explode(loaded, artifact, name):
        tries.append(name)
        raise RuntimeError

    Path(late.artifact).rename(tmp_path / "elsewhere")
    host = Host(explode, retry_every_s=0.01)
    await host.configure([inline(write_sorting("buggy")), inline(late)])
    (tmp_path / "elsewhere").rename(late.artifact)
    await until_ready(host, "late")

    assert len(tries) == 1
    await host.close()


async def test_a_caller_of_an_unfitted_cascade_is_told_to_fit_it(parts, pairs, tmp_path):
    unfitted = write_parts(tmp_path, "unfitted")
    async with running(unfitted, pairs) as server:
        with pytest.raises(Exception, match="FAILED_PRECONDITION"):
            await server.rpc("RunCascade")(RunCascadeRequest(cascade="unfitted"))
        listed = await server.rpc("ListCascades")(ListCascadesRequest())

    assert [(each.name, each.ready) for each in listed.cascades] == [
        ("pairs", True),
        ("unfitted", False),
    ]
    assert "fit" in listed.cascades[1].problem


async def test_an_artifact_of_another_file_is_a_problem_of_that_cascade_alone(write_sorting, pairs):
    """The int8 weights that the file asks for are not in an artifact that was fitted in float32."""
    loaded = write_sorting("changed")
    file = loaded.path
    file.write_text(file.read_text().replace("precision: float32", "precision: int8"))
    host = await hosted(load_cascade(file), pairs)

    with pytest.raises(ArtifactError, match="fitted for another models"):
        host.engine("changed")
    assert host.engine("pairs").name == "pairs"


async def test_a_bug_while_one_cascade_loads_is_its_own_problem_and_is_not_quoted(
    write_sorting, pairs, caplog
):
    def explode(loaded, artifact, name):
        text = "canary"
        raise RuntimeError(text)

    host = await hosted(write_sorting(), pairs, open_encoder=explode)

    with pytest.raises(HeadgateError) as caught:
        host.engine("sorting")
    assert caught.value.status == "INTERNAL"
    assert "RuntimeError" in caplog.text
    assert "canary" not in str(caught.value) + caplog.text
    assert host.engine("pairs").name == "pairs"


async def test_a_key_that_is_not_set_is_a_problem_of_that_cascade_alone(
    parts, pairs, tmp_path, monkeypatch, caplog
):
    monkeypatch.delenv("HEADGATE_TEST_KEY", raising=False)
    large_model = "{kind: lm, engine: openai, model: m, api_key: {env: HEADGATE_TEST_KEY}}"
    keyless = write_parts(tmp_path, "keyless", artifact=parts.artifact, large_model=large_model)

    with caplog.at_level(logging.ERROR):
        host = await hosted(keyless, pairs)

    with pytest.raises(LmRefusedError, match="HEADGATE_TEST_KEY"):
        host.engine("keyless")
    assert "cascade_not_served cascade=keyless" in caplog.text


async def test_recordings_that_change_are_read_again(parts, tmp_path):
    loaded = copied(parts, tmp_path, "replayed")
    host = await hosted(loaded)
    record = part_records()[3]
    (before,) = await host.engine("").run([record], Deadline.after(30))

    answer = json.dumps({"reason": "later", "label": "disk"})
    row = json.dumps({"id": record.id, "answer": answer})
    (tmp_path / "replayed" / "answers.jsonl").write_text(row, encoding="utf-8")
    await host.configure([inline(loaded)])

    (after,) = await host.engine("").run([record], Deadline.after(30))
    assert (before.degraded, after.degraded, after.answer) == ("REPLAY_MISS", "", "disk")


@pytest.mark.slow
async def test_the_sample_with_its_encoder_and_cases_is_served_as_it_was_fitted(sample, tmp_path):
    records = sample_records(sample, 20)
    request = RunCascadeRequest(records=map(wire.record_to_wire, records))
    async with running(sample, state_dir=str(tmp_path)) as server:
        reply = await server.rpc("RunCascade")(request)
        expected = await server.host.engine("").run(records, Deadline.after(60))
        hits = (await server.rpc("Retrieve")(RetrieveRequest(queries=[b"fan failed"]))).retrievals

    assert [each.answer for each in reply.results] == [each.answer for each in expected]
    escalated = [each for each in reply.results if len(each.path) > 2]
    assert 0 < len(escalated) < len(records)
    assert all(
        [step.stage for step in each.path][2:] == ["similar", "decide"] for each in escalated
    )
    assert all(each.evidence and each.rationale for each in escalated)
    assert 0 < len(hits[0].hits) <= 5

import os
import signal
from dataclasses import replace

import pytest

from fakes.batch_jobs import endpoint, questions, receipt, run, table
from fakes.made_up_logs import CHEAP, CHEAP_KEEP, DECIDE, NGRAMS, apart, make_cascade, write_rows
from fakes.openai_endpoint import decides, hangs
from fakes.watched_cascade import EPSILON, deferral
from headgate.batch.job import Job, OutputSpec
from headgate.batch.types import InputSpec

LIVE = "llm: {{kind: lm, engine: openai, model: m, base_url: '{}', max_concurrency: 1}}"
CERTIFIED = OutputSpec(per="line", certify=True)
ROWS = apart("level", range(500, 800))
FAULTS = ("failed", "down", "overheated")


def right(request) -> str:
    """Return the label of the line, which the small model knows too."""
    return "error" if any(word in request.user for word in FAULTS) else "info"


def live(folder, watched, base_url):
    """Return the cascade of a certificate, with a large model behind an endpoint."""
    parts = {"models": (NGRAMS, LIVE.format(base_url)), "flow": (CHEAP, CHEAP_KEEP, DECIDE)}
    loaded = make_cascade(folder, "level", **parts, deferral=deferral())
    return replace(loaded, artifact=watched.artifact)


def write_input(folder, kind: str) -> InputSpec:
    """Write 300 different lines or rows, in two files."""
    folder.mkdir()
    for number, part in enumerate((ROWS[:150], ROWS[150:])):
        if kind == "rows":
            write_rows(folder / f"{number}.jsonl", part)
        else:
            text = "".join(f"{row['log']}\n" for row in part)
            (folder / f"{number}.log").write_text(text, encoding="ascii")
    return InputSpec((str(folder),))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "rows"])
def test_a_batch_is_certified_by_itself(watched, tmp_path, kind):
    spec = write_input(tmp_path / "in", kind)

    with endpoint(decides(right)) as large_model:
        loaded = live(tmp_path / "live", watched, large_model.base_url)
        directory = run(loaded, spec, tmp_path / "out", output=CERTIFIED)
        asked = len(large_model.requests)

    rows, statement = table(directory), receipt(directory)["batch_statement"]
    small = [row for row in rows if row["tier"] == "small"]
    assert asked == len(ROWS) - len(small)
    assert len(small) >= len(ROWS) // 3
    assert {(row["guarantee"], row["degraded"]) for row in rows} == {("certified", "")}
    assert f"at most {int(EPSILON * len(ROWS))} of the {len(small)}" in statement
    assert {row["certificate_id"] for row in rows} == {statement.split()[-1][:-1]}
    assert statement in (directory / "receipt.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_templates_are_what_is_certified_of_lines(watched, tmp_path):
    """The numbers in a line are not part of a template, so few of them are different."""
    spec = write_input(tmp_path / "in", "lines")

    with endpoint(decides(right)) as large_model:
        loaded = live(tmp_path / "live", watched, large_model.base_url)
        directory = run(loaded, spec, tmp_path / "out", output=OutputSpec(certify=True))

    told = receipt(directory)
    assert f"{told['templates']} different templates" in told["batch_statement"]
    assert "Each of the templates counts once" in told["batch_statement"]
    assert len(table(directory)) == len(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "rows"])
@pytest.mark.parametrize("call", [20, 160])
def test_a_stopped_batch_keeps_its_sample_and_its_certificate(watched, tmp_path, kind, call):
    """It is stopped while the sample is asked, or behind it; no answer is bought twice."""
    spec = write_input(tmp_path / "in", kind)
    calls = 0

    async def reply(exchange) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGTERM)
            await hangs(exchange)
        else:
            # The small model is wrong in every third case, so that more than the sample is asked.
            other = {"info": "error", "error": "info"}
            wrong = len(exchange.request.user) % 3 == 0
            label = right(exchange.request)
            await decides(lambda request: other[label] if wrong else label)(exchange)

    with endpoint(reply) as large_model:
        loaded = live(tmp_path / "live", watched, large_model.base_url)
        with pytest.raises(KeyboardInterrupt):
            run(loaded, spec, tmp_path / "out", output=CERTIFIED)
        Job.of(tmp_path / "out").run(environment={})
        asked = questions(large_model.requests)

    rows = table(tmp_path / "out")
    assert len(rows) == len(ROWS)
    assert asked.total() == len(asked) + 1
    assert len(asked) == sum(row["tier"] == "large" for row in rows) >= 160

"""Fits a cascade on its sample, serves it, calls it over gRPC, and prints what each tier is worth.

CASCADE/sample/{train,dev,test}.jsonl -> fit -> headgate serve -> gRPC calls -> table

Run by `make demo`. It needs no key and no network: the large model's answers are recorded.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo_questions import build_index, show_answers
from demo_tables import show_matches
from rich.console import Console
from rich.table import Table

from headgate.cascade.assemble import task_of
from headgate.cascade.fitted import read_fitted
from headgate.cascade.lm_spec import ReplaySpec
from headgate.cascade.load import LoadedCascade, load_cascade
from headgate.client import Client
from headgate.domains.rows import LabelledRecord
from headgate.domains.tasks import read_labels
from headgate.errors import HeadgateError, UnavailableError
from headgate.fitting.fit import Rows, fit_cascade
from headgate.types import Feedback, Prediction, Record, Result, Tier, Usage

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
SHOWN = 6

console = Console(width=max(100, Console().width))


@dataclass(frozen=True)
class Answered:
    """One record's answer, whoever gave it."""

    answer: str
    usage: Usage = Usage()  # noqa: RUF009 - frozen
    asked_large: bool = False


def main(name: str) -> int:
    """Run the demonstration of the cascade of that folder."""
    folder = Path(__file__).parent / name
    try:
        demonstrate(folder)
    except HeadgateError as error:
        console.print(f"{error}", style="red", markup=False)
        return 1
    return 0


def demonstrate(folder: Path) -> None:
    """Fit, serve, call, and print."""
    loaded = load_cascade(folder / "cascade.yaml")
    task = task_of(loaded)
    train, development, test = (
        read_labels(folder / "sample" / f"{part}.jsonl", task) for part in ("train", "dev", "test")
    )
    console.rule(f"{loaded.name}: {loaded.document.metadata.description}")
    build_index(console, loaded)
    console.print(
        f"1. fit on {len(train)} labelled {units_of(loaded)}, tune and certify the gate on "
        f"{len(development)} others (the first time the encoder is quantised: about half a minute)"
    )
    artifact = fit_cascade(loaded, Rows(train, development), environment=os.environ)
    console.print(f"   artifact {artifact.directory} revision {artifact.revision}")
    certificate = read_fitted(artifact, loaded.spec).certificate
    if certificate is not None:
        console.print(f"   certificate {certificate.id}: {certificate.sentence()}")
    address = free_address()
    console.print(f"2. headgate serve on {address}, on a Ray of this machine")
    with tempfile.TemporaryDirectory() as state_dir:
        server = start_server(folder / "cascade.yaml", address, state_dir)
        try:
            call(address, server, loaded, test)
        finally:
            stop_server(server)


def call(
    address: str,
    server: subprocess.Popen[bytes],
    loaded: LoadedCascade,
    test: Sequence[LabelledRecord],
) -> None:
    """Call the server as a backend would, and print what comes back."""
    started = time.perf_counter()
    with Client(address) as client:
        wait_until_ready(client, server)
        console.print(f"   ready after {time.perf_counter() - started:.1f} s")
        console.print(f"3. {len(test)} {units_of(loaded)} it has not seen, over gRPC")
        match loaded.spec.task.operation:
            case "match_columns":
                show_matches(console, client, loaded.path.parent / "sample" / "test.jsonl")
            case "answer_questions":
                show_answers(console, client, test)
            case _:
                show_tiers(client, loaded, test)
        show_guarantee(client, test)
    if any(isinstance(model, ReplaySpec) for model in loaded.spec.models.values()):
        console.print(
            "The large model is `replay`: its answers are recorded and come at once; the cost is "
            "what their tokens would cost at the cascade's price list."
        )


def units_of(loaded: LoadedCascade) -> str:
    """Return what the cascade decides one by one."""
    return {"schemas": "columns", "questions": "questions"}.get(loaded.spec.domain, "records")


def show_guarantee(client: Client, test: Sequence[LabelledRecord]) -> None:
    """Tell the right answers afterwards, and print what the certificate's state is."""
    labels = [Feedback(row.record.id, row.label) for row in test]
    taken = sum(outcome.error is None for outcome in client.submit_feedback(labels))
    console.print(f"   feedback on {taken} of {len(labels)} taken")
    for summary in client.list_cascades():
        if summary.certificate is not None:
            console.print(f"   certificate {summary.certificate.id}: {summary.certificate.state}")


def show_tiers(client: Client, loaded: LoadedCascade, test: Sequence[LabelledRecord]) -> None:
    """Ask the tiers alone and the cascade, and print them side by side."""
    records = [row.record for row in test]
    ways: dict[str, Callable[[Sequence[Record]], list[Answered]]] = {
        "small model alone": lambda part: [from_small(p) for p in client.classify(part)],
        "large model alone": lambda part: [
            Answered(v.judgement.answer if v.judgement else "", v.judgement.usage, True)
            if v.judgement
            else Answered("", asked_large=True)
            for v in client.verify(part)
        ],
        "cascade": lambda part: [from_cascade(r) for r in client.run_cascade(part)],
    }
    table = Table("answered by", "accuracy", "large-model calls", "cost", "p50 / p95 a record")
    for name, ask in ways.items():
        answers = ask(records)
        right = sum(a.answer == row.label for a, row in zip(answers, test, strict=True))
        share = sum(a.asked_large for a in answers) / len(answers)
        cost = sum((a.usage for a in answers), Usage()).cost_usd
        p50, p95 = latency_ms(ask, records)
        table.add_row(
            name,
            f"{right / len(test):.1%}",
            f"{share:.0%}",
            f"${cost:.5f}",
            f"{p50:.1f} / {p95:.1f} ms",
        )
    show_examples(client.run_cascade(records), test)
    console.print(table)


def from_small(prediction: Prediction | HeadgateError) -> Answered:
    """Return a small model's answer."""
    return Answered(prediction.answer if isinstance(prediction, Prediction) else "")


def from_cascade(result: Result) -> Answered:
    """Return a cascade's answer."""
    asked = any(step.kind in ("verify", "advise") for step in result.path)
    return Answered(result.answer, result.usage, asked)


def latency_ms(
    ask: Callable[[Sequence[Record]], list[Answered]], records: Sequence[Record]
) -> tuple[float, float]:
    """Return the median and the 95th percentile of calls with one record, in milliseconds."""
    taken = []
    for record in records:
        begun = time.perf_counter()
        ask([record])
        taken.append((time.perf_counter() - begun) * 1000)
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 95))


def show_examples(results: Sequence[Result], test: Sequence[LabelledRecord]) -> None:
    """Print some decisions of both tiers: who decided, why, and what it cost."""
    table = Table("record", "answer", "decided by", "why", "cost", title="Some decisions")
    large = [pair for pair in zip(results, test, strict=True) if pair[0].tier is Tier.LARGE]
    small = [pair for pair in zip(results, test, strict=True) if pair[0].tier is Tier.SMALL]
    for result, row in [*small[: SHOWN // 2], *large[: SHOWN // 2]]:
        mark = "right" if result.answer == row.label else "wrong"
        table.add_row(
            " / ".join(row.record.fields.values())[:70],
            f"{result.answer} ({mark})",
            f"{result.tier} model" if result.tier else "nobody",
            why(result),
            f"${result.usage.cost_usd:.5f}",
        )
    console.print(table)


def why(result: Result) -> str:
    """Return what the gate saw, and the large model's reason where there is one."""
    gate = next(step for step in result.path if step.kind == "gate")
    comparison = f"score {gate.score or 0:.2f}, {gate.detail}"
    return f"{comparison}: {result.rationale}" if result.rationale else comparison


def free_address() -> str:
    """Return a loopback address with a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def start_server(cascade: Path, address: str, state_dir: str) -> subprocess.Popen[bytes]:
    """Start `headgate serve`."""
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "headgate.cli.main", "serve", str(cascade), "--port", port]
    command += ["--state-dir", state_dir]
    return subprocess.Popen(command, env=os.environ)


def wait_until_ready(client: Client, server: subprocess.Popen[bytes]) -> None:
    """Wait for the server, and stop waiting when it has ended.

    Raises:
        UnavailableError: It ended or took too long.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            client.wait_until_ready(2)
            return
        except UnavailableError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """Stop the server as Ctrl-C does, and say how it ended."""
    server.send_signal(signal.SIGINT)
    code = server.wait(STOP_TIMEOUT_S)
    console.print(f"4. server stopped with exit code {code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "log_analysis"))

"""Small batch jobs over made-up input, and what they wrote.

files of lines or rows, a fitted cascade -> Job -> rows of the output, letters, receipt

    "sda ..."     surely "disk"
    "eth0 ..."    surely "net"
    "reset ..."   either: goes on to the large model
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from fakes.fitted_parts import write_parts
from fakes.made_up_logs import spelled
from fakes.openai_endpoint import Exchange, FakeEndpoint, Reply, SeenRequest, decides, hangs
from headgate.batch.job import Job, OutputSpec
from headgate.batch.run import Placement
from headgate.batch.types import InputSpec
from headgate.cascade.load import LoadedCascade

Row = Mapping[str, Any]
PRICE = "{input_usd_per_million: 1000.0, output_usd_per_million: 2000.0}"
CALL_USD = (10 * 1000 + 5 * 2000) / 1e6
"""What a call of the fake endpoint costs at that price."""
KINDS = 10
"""Of lines that need the large model; each is a template."""


def log_line(number: int) -> str:
    """Return a line; of five, two are of disks, two of networks, and one is a case of its own."""
    match number % 5:
        case 0 | 2:
            return f"sda write failed {number}"
        case 1 | 3:
            return f"eth0 link down {number}"
    return "reset" + " again" * (number // 5 % KINDS)


def write_logs(folder: Path, files: int, lines: int) -> InputSpec:
    """Write files of lines; each is a unit of its own. Return the spec that reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in range(files):
        numbers = range(file * lines, (file + 1) * lines)
        text = "".join(f"{log_line(number)}\n" for number in numbers)
        (folder / f"{file:03}.log").write_text(text, encoding="ascii")
    return InputSpec((str(folder),))


def write_rows(folder: Path, files: int, rows: int) -> InputSpec:
    """Write files of rows, most of which are there several times. Return the spec."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in range(files):
        numbers = range(file * rows, (file + 1) * rows)
        lines = [{"id": f"r{number}", "log": row_text(number)} for number in numbers]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (folder / f"{file:03}.jsonl").write_text(text, encoding="ascii")
    return InputSpec((str(folder),))


def row_text(number: int) -> str:
    """Return the text of a row; one in seven is new and needs the large model."""
    return f"reset {spelled(number)}" if number % 7 == 3 else log_line(number % 20)


def live(
    folder: Path, fitted: LoadedCascade, base_url: str, concurrency: int = 16
) -> LoadedCascade:
    """Return a fitted cascade with a large model that costs, behind an endpoint."""
    large_model = (
        f"{{kind: lm, engine: openai, model: m, base_url: '{base_url}', "
        f"max_concurrency: {concurrency}, price: {PRICE}}}"
    )
    return write_parts(folder, "live", artifact=fitted.artifact, large_model=large_model)


def run(
    loaded: LoadedCascade,
    spec: InputSpec,
    directory: Path,
    *,
    output: OutputSpec = OutputSpec(),  # noqa: B008 - frozen
    placement: Placement = Placement(workers=2),  # noqa: B008 - frozen
) -> Path:
    """Run a job to its end and return its directory."""
    Job.new(loaded, spec, directory, output).run(placement, environment={})
    return directory


def table(directory: Path) -> list[Row]:
    """Return the rows of a job's Parquet output in the order of the input."""
    found = ds.dataset(directory / "parts", format="parquet").to_table().to_pylist()
    return sorted(found, key=lambda row: (row["file"], row.get("line") or row["row"]))


def letters(directory: Path) -> list[Row]:
    """Return the dead letters of a job."""
    text = (directory / "dead_letters.jsonl").read_text(encoding="ascii")
    return [json.loads(line) for line in text.splitlines()]


def receipt(directory: Path) -> Row:
    """Return the receipt of a job."""
    found: Row = json.loads((directory / "receipt.json").read_text(encoding="ascii"))
    return found


def by_length(request: SeenRequest) -> str:
    """Decide as a model would that looks at the length of the question only."""
    return request.options[len(request.user) % len(request.options)]


@contextlib.contextmanager
def endpoint(*script: Reply) -> Iterator[FakeEndpoint]:
    """Run an endpoint beside a test that has no event loop; by default it decides by length."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = FakeEndpoint(*(script or (decides(by_length),)))
    try:
        asyncio.run_coroutine_threadsafe(found.__aenter__(), loop).result(10)
        yield found
    finally:
        ending = found.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ending, loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def questions(requests: Iterable[SeenRequest]) -> Counter[str]:
    """Return how often each text was asked about; the marks around it are random."""
    return Counter("\n".join(request.user.splitlines()[1:-1]) for request in requests)


def once_at(call: int, act: Callable[[], None]) -> Reply:
    """Return what decides by length, but for one call: then it acts, and nobody is answered."""
    calls = 0

    async def reply(exchange: Exchange) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            act()
            await hangs(exchange)
        else:
            await decides(by_length)(exchange)

    return reply

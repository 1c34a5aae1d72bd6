"""The facts of a receipt in words, the same for its text and for the page.

Receipt  ->  texts by name, not yet escaped for anything
"""

from __future__ import annotations

from headgate.batch.outputs.receipt import Receipt
from headgate.pages.amounts import counted, dollars, duration, size


def program_facts(receipt: Receipt) -> dict[str, str]:
    """Return what answered."""
    program = receipt.program
    return {
        "operation": program.operation,
        "revision": program.revision,
        "headgate": program.headgate,
        **{f"model {name}": which for name, which in program.models.items()},
    }


def work_facts(receipt: Receipt) -> dict[str, str]:
    """Return when it ran, with what and how far that went."""
    work = receipt.work
    templates = {} if receipt.templates is None else {"templates": f"{receipt.templates:,}"}
    return {
        "started": work.started,
        "finished": work.finished,
        "runs": f"{work.runs:,}",
        "workers": f"{work.workers:,}",
        f"{receipt.unit}s per second": f"{receipt.rows_per_s:,.0f}",
        "peak memory": size(work.peak_memory_bytes),
        **templates,
        "records asked": f"{receipt.asked:,}",
        "not UTF-8": counted(receipt.rows.lossy, receipt.unit),
        "output": _output(receipt),
    }


def time_facts(receipt: Receipt) -> dict[str, str]:
    """Return how long each phase took."""
    return {name: duration(seconds) for name, seconds in receipt.work.phases_s.items()}


def large_model_facts(receipt: Receipt) -> dict[str, str]:
    """Return what large models were asked and what that cost."""
    model, usage, rows = receipt.large_model, receipt.large_model.usage, receipt.rows.total
    budget = {} if model.budget_usd is None else {"budget": dollars(model.budget_usd)}
    return {
        "calls": f"{usage.calls:,}",
        "tokens read": f"{usage.input_tokens:,}",
        "tokens written": f"{usage.output_tokens:,}",
        "cost": dollars(usage.cost_usd) + (", estimated" if usage.estimated else ""),
        f"cost per 1,000 {receipt.unit}s": dollars(1000 * usage.cost_usd / rows if rows else None),
        **budget,
        "from the cache": f"{model.cached:,}",
        "paid for before a stop": f"{model.recovered:,}",
    }


def _output(receipt: Receipt) -> str:
    output = receipt.output
    folders = f" in folders by {output.partition_by}" if output.partition_by else ""
    return (
        f"{counted(output.shards, 'file')} of {output.format}{folders}, {size(output.size_bytes)}"
    )

"""`headgate top`: what gateways do now, on one screen.

HOST:PORT... -> scrapes -> rates, certificates, calls at work -> tables again and again | JSON Lines
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import typer

from headgate.cli.options import OutputFormat
from headgate.cli.output import Output, emit, emit_json, percent, table
from headgate.cli.scraping import check_address, scrape_all
from headgate.cli.traffic import CascadeView, GatewayView, Traffic, View
from headgate.errors import InputError, UnavailableError

DEFAULT = ["127.0.0.1:9464"]

Addresses: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--metrics", metavar="HOST:PORT", help="Of a gateway's metrics; repeat it for several."
    ),
]

_CASCADES = (
    *("cascade", "certificate", "tier"),
    *("records/s", "share", "sent on", "p95"),
    *("degraded", "USD/h", "margin", "audits", "disagree"),
)
_CASCADE_NUMBERS = 9
_GATEWAYS = ("gateway", "version", "calls at work", "refused/s")
_GATEWAY_NUMBERS = 2


def top(
    *,
    metrics: Addresses = DEFAULT,
    interval_s: Annotated[
        float, typer.Option("--interval-s", min=0.05, help="Between two looks, in seconds.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Show one interval and end; needs no terminal.")
    ] = False,
    output: OutputFormat = Output.TABLE,
) -> None:
    """Watch gateways at work, until Ctrl-C.

    Shares, times and costs are of the last half minute. With `--output json` each look is a line.
    """
    addresses = [check_address(each) for each in dict.fromkeys(metrics)]
    if once:
        view = _one_interval(addresses, interval_s)
        _show(view, output)
        _fail_for(view)
        return
    with contextlib.suppress(KeyboardInterrupt):
        if output is Output.JSON:
            for view in _looks(addresses, interval_s):
                _show(view, output)
        else:
            _draw(_looks(addresses, interval_s))


def _one_interval(addresses: Sequence[str], interval_s: float) -> View:
    """Return what gateways did between two looks; at once when none answers."""
    traffic = Traffic(addresses)
    traffic.take(scrape_all(addresses))
    if any(not gateway.problem for gateway in traffic.view().gateways):
        time.sleep(interval_s)
        traffic.take(scrape_all(addresses))
    return traffic.view()


def _looks(addresses: Sequence[str], interval_s: float) -> Iterator[View]:
    """Yield what is known after each look, for ever."""
    traffic = Traffic(addresses)
    while True:
        traffic.take(scrape_all(addresses))
        yield traffic.view()
        time.sleep(interval_s)


def _draw(looks: Iterator[View]) -> None:
    """Show each look in the place of the one before, on a terminal.

    Raises:
        InputError: There is none.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    if not sys.stdout.isatty():
        raise InputError("stdout", "it is no terminal", "Add --once, or --output json.")
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        for view in looks:
            live.update(Text.from_ansi(drawn(view)), refresh=True)


def _show(view: View, output: Output) -> None:
    if output is Output.JSON:
        emit_json(view)
    else:
        emit(drawn(view))


def _fail_for(view: View) -> None:
    """End with an error where no gateway answers.

    Raises:
        UnavailableError: None does; with what keeps the first.
    """
    if all(gateway.problem for gateway in view.gateways):
        first = view.gateways[0]
        raise UnavailableError(
            first.address,
            first.problem,
            "Serve metrics with `headgate serve --metrics-port`, or name another --metrics.",
        )


def drawn(view: View) -> str:
    """Return both tables, one under the other: what cascades do, and what gateways do."""
    cascades = [row for each in view.cascades for row in _rows(each)]
    gateways = [_gateway_row(each) for each in view.gateways]
    parts = [table(_CASCADES, cascades, numbers=_CASCADE_NUMBERS)] if cascades else []
    return "\n\n".join([*parts, table(_GATEWAYS, gateways, numbers=_GATEWAY_NUMBERS)])


def _rows(cascade: CascadeView) -> Iterator[tuple[str, ...]]:
    """Yield the row of a cascade, and one for each of its tiers."""
    yield (
        cascade.name,
        cascade.state,
        "all",
        number(cascade.records_per_s),
        *("", "", ""),
        percent(cascade.degraded),
        number(cascade.usd_per_hour, 4),
        number(cascade.margin, 3),
        _whole(cascade.audits),
        _whole(cascade.disagreements),
    )
    for tier in cascade.tiers:
        own = (number(tier.records_per_s), percent(tier.share), percent(tier.sent_on))
        yield ("", "", tier.name, *own, seconds(tier.p95_s), "", "", "", "", "")


def _gateway_row(gateway: GatewayView) -> tuple[str, ...]:
    return (
        gateway.address,
        gateway.problem or gateway.version,
        _whole(gateway.in_flight),
        number(gateway.refused_per_s),
    )


def number(value: float | None, digits: int = 1) -> str:
    """Return a number with so many digits after the point; a dash for None."""
    return "-" if value is None else f"{value:,.{digits}f}"


def seconds(value_s: float | None) -> str:
    """Return a time in milliseconds below one second; a dash for None."""
    if value_s is None:
        return "-"
    return f"{1000 * value_s:.0f} ms" if value_s < 1 else f"{value_s:.1f} s"


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"

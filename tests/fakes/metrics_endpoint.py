"""An endpoint of metrics on a real socket that answers, scrape by scrape, what a script says.

texts -> MetricsEndpoint: address -> GET /metrics -> the next text; the last one repeats
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def metrics_endpoint(*texts: str, status: int = 200) -> Iterator[str]:
    """Yield the `host:port` of an endpoint that tells these texts, one a scrape."""
    waiting = list(texts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def told(
    *,
    small: int = 0,
    large: int = 0,
    degraded: int = 0,
    state: str = "certified",
    margin: float = 1.0,
    audits: int = 0,
    usd: float = 0.0,
    fast: int = 0,
    in_flight: int = 0,
    cascade: str = "logs",
) -> str:
    """Return what a gateway tells of one cascade: triage, a gate, decide.

    Args:
        small: Records that the small model answered.
        large: Those that the large one did; all were sent on.
        degraded: Those that were sent on and not answered by it.
        state: Of the certificate.
        margin: Of the certificate.
        audits: Made, of which a tenth disagrees.
        usd: Spent on answers.
        fast: Batches of triage that took at most 0.1 s; the others took at most 0.5 s.
        in_flight: Calls at work.
        cascade: Its name.
    """
    own = f'cascade="{cascade}"'
    every = small + large + degraded
    states = ("certified", "suspect", "void", "uncertified")
    seconds = f'headgate_tier_duration_seconds_bucket{{{own},tier="triage",le='
    lines = [
        'headgate_build_info{version="9.9"} 1',
        f"headgate_in_flight {in_flight}",
        "headgate_refused_total 0",
        f'headgate_requests_total{{{own},tier="triage",outcome="answered"}} {small}',
        f'headgate_requests_total{{{own},tier="triage",outcome="degraded"}} {degraded}',
        f'headgate_requests_total{{{own},tier="decide",outcome="answered"}} {large}',
        f'headgate_tier_decisions_total{{{own},tier="triage",decision="kept"}} {small}',
        f'headgate_tier_decisions_total{{{own},tier="triage",decision="sent_on"}} '
        f"{large + degraded}",
        f'{seconds}"0.1"}} {fast}',
        f'{seconds}"0.5"}} {every}',
        f'{seconds}"+Inf"}} {every}',
        f"headgate_llm_cost_dollars_total{{{own}}} {usd}",
        *(
            f'headgate_guarantee_state{{{own},state="{each}"}} {int(each == state)}'
            for each in states
        ),
        f"headgate_guarantee_margin_ratio{{{own}}} {margin}",
        f"headgate_audits_total{{{own}}} {audits}",
        f"headgate_audit_disagreements_total{{{own}}} {audits // 10}",
    ]
    return "\n".join(lines) + "\n"

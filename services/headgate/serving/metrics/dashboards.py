"""The Grafana dashboard of gateways, as code.

panels.ROWS -> dashboard() -> deploy/grafana/headgate.json

`python -m headgate.serving.metrics.dashboards deploy/grafana` writes it. A test holds every metric
that it names against what a gateway tells.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headgate.serving.metrics.panels import ROWS, STATES, Panel, Query, Row

FILE = "headgate.json"
WIDE = 24
"""Columns of Grafana's grid."""
_HEADING = 1
_HEIGHTS = {"stat": 4}
"""Rows of the grid that a panel takes; 8 where nothing is said."""
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLOURS = ("green", "text", "yellow", "red")
"""Of the states, in their order."""


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's own form, ready for its import and its provisioning."""
    return {
        "uid": "headgate",
        "title": "Headgate",
        "description": "What gateways answer, how fast, at what cost, and under which certificate.",
        "tags": ["headgate"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource_variable(), _cascade_variable()]},
        "panels": list(_placed(ROWS)),
    }


def _datasource_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _cascade_variable() -> dict[str, Any]:
    return {
        "name": "cascade",
        "label": "Cascade",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": "label_values(headgate_guarantee_state, cascade)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _placed(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield headings and panels with their places in the grid."""
    number = y = 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": y, "w": WIDE, "h": _HEADING}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        x, y = 0, y + _HEADING
        height = max(_HEIGHTS.get(panel.kind, 8) for panel in row.panels)
        for panel in row.panels:
            number += 1
            if x + panel.width > WIDE:
                x, y = 0, y + height
            place = {"x": x, "y": y, "w": panel.width, "h": height}
            yield {"id": number, "gridPos": place, **_drawn(panel)}
            x += panel.width
        y += height


def _drawn(panel: Panel) -> dict[str, Any]:
    """Return a panel in Grafana's form, without its place."""
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(panel, place, query) for place, query in enumerate(panel.queries)],
    }


def _target(panel: Panel, place: int, query: Query) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + place),
        "datasource": _DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or panel.title,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    if panel.kind != "state-timeline":
        return {"unit": panel.unit, "min": 0}
    states = {
        str(place): {"index": place, "text": state, "color": _COLOURS[place]}
        for place, state in enumerate(STATES)
    }
    return {"unit": panel.unit, "mappings": [{"type": "value", "options": states}]}


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
    "state-timeline": {"mergeValues": True, "showValue": "auto"},
    "heatmap": {"calculate": False, "yAxis": {"unit": "short"}, "cellGap": 1},
}


def main(folder: str) -> None:
    """Write the dashboard into `folder`."""
    text = json.dumps(dashboard(), indent=2) + "\n"
    Path(folder, FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

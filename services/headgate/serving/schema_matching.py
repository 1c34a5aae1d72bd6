"""The service that matches tables: it reads them, asks an engine, and tells of the columns.

v1.Table (sources, target) -> ReadTable -> TableRecord -> engine -> TableMatch -> response message
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from headgate import wire
from headgate.cascade.engine import Engine
from headgate.domains.schemas.match_record import TableRecord
from headgate.domains.schemas.match_task import MATCH_COLUMNS
from headgate.domains.schemas.table_match import table_match
from headgate.domains.schemas.tables import ReadTable, read_given
from headgate.errors import InputError
from headgate.matches import TableMatch
from headgate.serving.limits import check_ids
from headgate.serving.rpc import Call
from headgate.serving.service import EngineService, check_reached, origin_of
from headgate.v1 import schema_matching_service_pb2

MAX_SOURCE_COLUMNS: Final = 10_000
"""Of all source tables of a request: each of them is a question."""


class SchemaMatchingService(EngineService):
    """`headgate.v1.SchemaMatchingService`."""

    descriptor = schema_matching_service_pb2.DESCRIPTOR.services_by_name["SchemaMatchingService"]

    async def MatchSchemas(  # noqa: N802 - named by the contract
        self, request: schema_matching_service_pb2.MatchSchemasRequest, call: Call
    ) -> schema_matching_service_pb2.MatchSchemasResponse:
        """Match tables with one target."""
        engine = self._engine(request.cascade)
        _check_matches(engine)
        self._limits.check_count("sources", len(request.sources))
        names = [each.name or str(index) for index, each in enumerate(request.sources)]
        check_ids("sources", names)
        # Megabytes of cells are parsed here, and the loop has other calls to answer.
        tables = await asyncio.to_thread(_records, request, names)
        asked = [table for table in tables if isinstance(table, TableRecord)]
        results = iter(await engine.run(asked, call.deadline, origin=origin_of(call)))
        matches = [
            table_match(table, next(results)) if isinstance(table, TableRecord) else table
            for table in tables
        ]
        check_reached([match.error for match in matches])
        return schema_matching_service_pb2.MatchSchemasResponse(
            matches=map(wire.table_match_to_wire, matches),
            revision=engine.revision,
            request_id=call.request_id,
        )


def _check_matches(engine: Engine) -> None:
    """Refuse a cascade of another domain.

    Raises:
        InputError: It matches no tables.
    """
    if engine.task.operation != MATCH_COLUMNS:
        raise InputError(
            f"cascade {engine.name!r}",
            f"it decides {engine.task.operation}, and matches no tables",
            "Name a cascade of the domain `schemas`.",
        )


def _records(
    request: schema_matching_service_pb2.MatchSchemasRequest, names: Sequence[str]
) -> list[TableRecord | TableMatch]:
    """Return a record for each source table; what is told of one that cannot be read.

    Raises:
        InputError: The target cannot be read, or there are too many columns.
    """
    target = read_given(wire.table_from_wire(request.target, "target"), "target")
    records: list[TableRecord | TableMatch] = []
    columns = 0
    for index, (name, message) in enumerate(zip(names, request.sources, strict=True)):
        place = f"sources[{index}]"
        try:
            source = read_given(wire.table_from_wire(message, place), place)
        except InputError as error:
            records.append(TableMatch(name, error=error))
            continue
        columns += len(source.columns)
        if columns > MAX_SOURCE_COLUMNS:
            remedy = f"Send at most {MAX_SOURCE_COLUMNS} at once, over all source tables."
            raise InputError("sources", "they have too many columns", remedy)
        records.append(_record(name, source, target))
    return records


def _record(name: str, source: ReadTable, target: ReadTable) -> TableRecord:
    lossy = source.lossy or target.lossy
    return TableRecord(name, {}, lossy=lossy, source=source, target=target)

"""What all services share: the engines, the limits, and when a whole call fails.

request messages -> limits -> records;  results -> reached, or the error of all of them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from headgate import wire
from headgate.cascade.engine import Engine
from headgate.errors import DeadlineError, HeadgateError, UnavailableError
from headgate.serving.access import tell_engine
from headgate.serving.host import Host
from headgate.serving.limits import Limits, check_ids
from headgate.serving.rpc import Call
from headgate.types import Explanation, Origin, Record, Result, Verification
from headgate.v1 import types_pb2

_Row = TypeVar("_Row", Result, Explanation, Verification)


class _Sized(Protocol):
    def ByteSize(self) -> int: ...  # noqa: N802 - as protobuf names it


class EngineService:
    """A service that answers with the engines of a host."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits

    def _engine(self, name: str) -> Engine:
        """Return the engine of a cascade, and say in logs and traces that it answers this call.

        Raises:
            NotFoundError: There is no such cascade.
            HeadgateError: What kept it from loading.
        """
        engine = self._host.engine(name)
        tell_engine(engine)
        return engine

    def _records(self, messages: Sequence[types_pb2.Record], engine: Engine) -> list[Record]:
        """Return the records of a request that keeps the limits; tables are larger than texts."""
        whole = engine.units is not engine
        self._limits.check_count("records", len(messages))
        most_bytes = self._limits.max_message_bytes if whole else self._limits.max_item_bytes
        sizes_bytes = (message.ByteSize() for message in messages)
        self._limits.check_sizes("records", sizes_bytes, most_bytes)
        records = [wire.record_from_wire(each, index) for index, each in enumerate(messages)]
        check_ids("records", [record.id for record in records])
        return records

    def _check(self, place: str, messages: Sequence[_Sized]) -> None:
        self._limits.check_count(place, len(messages))
        sizes_bytes = (message.ByteSize() for message in messages)
        self._limits.check_sizes(place, sizes_bytes, self._limits.max_item_bytes)


def origin_of(call: Call) -> Origin:
    """Return who asks, as engines know it."""
    return Origin(call.request_id, call.caller)


def reached(results: Sequence[_Row]) -> Sequence[_Row]:
    """Return the results of a batch; see `check_reached`."""
    check_reached([result.error for result in results])
    return results


def check_reached(errors: Sequence[HeadgateError | None]) -> None:
    """Fail the call when it reached no record's answer, and no record is to blame.

    A client may try such a call again; errors of records are final to it.

    Raises:
        DeadlineError: The time was over for all of them.
        UnavailableError: There was nothing to answer any of them.
    """
    common = [e for e in errors if isinstance(e, DeadlineError | UnavailableError)]
    if len(common) == len(errors):
        raise common[0]

"""What Serve hands out to call replicas by, as a script says; no replica is there.

outcomes -> Handle: any method's `remote(argument)` -> Response: awaited, or cancelled
"""

import asyncio


class Response:
    """What a call returns: to be awaited, and to be cancelled."""

    def __init__(self, outcome, late):
        self.outcome = outcome
        self.late = late
        self.cancelled = False

    def __await__(self):
        if isinstance(self.outcome, asyncio.Event):
            yield from self.outcome.wait().__await__()
            return self.late
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def cancel(self):
        self.cancelled = True


class Handle:
    """Plays a script, one outcome a call; the last one repeats."""

    def __init__(self, *script, late=None):
        """Prepare.

        Args:
            script: What calls bring: an exception, an event to wait for, or the answer itself.
            late: The answer once an event has come.
        """
        self.script = script
        self.late = late
        self.arguments = []
        """Of the calls so far."""
        self.responses = []
        self.closed = False

    @property
    def answer(self):
        """A method of a large model's replica."""
        return self

    @property
    def encode(self):
        """The method of an encoder's replica."""
        return self

    def remote(self, argument):
        self.arguments.append(argument)
        outcome = self.script[min(len(self.arguments), len(self.script)) - 1]
        self.responses.append(Response(outcome, self.late))
        return self.responses[-1]

    async def shutdown_async(self):
        self.closed = True

"""Recorded answers as if the model had seen the candidates that it is shown here, and no others.

The recorded model chose from a pool of its own. Its scores are on one scale over all columns, so
what it said of a candidate stands whatever else it saw; of what is not shown here it would have
said nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace

from headgate.lm.ledger import Price
from headgate.lm.rank import RankItem, RankRequest
from headgate.lm.seam import Engine, Question, RawAnswer
from headgate.types import Deadline


class ShownOnly:
    """An engine of recorded answers without what was not shown."""

    def __init__(self, engine: Engine) -> None:
        """Stand before the recording."""
        self._engine = engine
        self.name, self.recorded = engine.name, engine.recorded

    async def answer(
        self, question: Question[object], deadline: Deadline, fault: str = ""
    ) -> RawAnswer:
        """Return the recorded answers to a question's columns, joined.

        Raises:
            ReplayMissError: Nothing was recorded for one of them.
        """
        if not isinstance(question, RankRequest):
            return await self._engine.answer(question, deadline, fault)
        texts = []
        for item in question.items:
            alone = replace(question, items=(item,))
            raw = await self._engine.answer(alone, deadline, fault)
            texts.append(_shown(raw.text, item))
        return RawAnswer(question.join(texts))

    async def close(self) -> None:
        """Close the recording."""
        await self._engine.close()


def shown_only(engine: Engine, price: Price) -> Engine:
    """Return the engine without what was not shown; what it costs makes no difference."""
    del price
    return ShownOnly(engine)


def _shown(text: str, item: RankItem) -> str:
    shown = {candidate.id for candidate in item.candidates}
    return json.dumps({"matches": [m for m in json.loads(text)["matches"] if m["id"] in shown]})

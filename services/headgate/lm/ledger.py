"""What the large models cost: calls, tokens and money, in memory, by model.

RawAnswer + Price  ->  Usage  ->  Ledger: Account by model
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headgate.lm.seam import Question, RawAnswer
from headgate.types import Usage

_CHARS_PER_TOKEN = 4  # the usual rule of thumb for English and logs


@dataclass(frozen=True, slots=True)
class Price:
    """What an endpoint charges."""

    input_usd_per_million: float = 0.0
    """US dollars for a million tokens read."""
    output_usd_per_million: float = 0.0
    """US dollars for a million tokens written."""

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """Return the price of that many tokens, in US dollars."""
        spent = input_tokens * self.input_usd_per_million
        return (spent + output_tokens * self.output_usd_per_million) / 1_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """Everything booked on one model."""

    usage: Usage = field(default_factory=Usage)
    """All calls that were sent, failed ones included."""
    cache_hits: int = 0
    """Requests that got an answer somebody else paid for."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Requests that ended without an answer, by the error's `reason`."""


class Ledger:
    """Adds up what each model cost; safe to share between threads."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()

    def add(self, model: str, usage: Usage) -> None:
        """Book `usage` on `model`."""
        with self._lock:
            account = self.account(model)
            self._accounts[model] = replace(account, usage=account.usage + usage)

    def add_cache_hit(self, model: str) -> None:
        """Book one answer that needed no call."""
        with self._lock:
            account = self.account(model)
            self._accounts[model] = replace(account, cache_hits=account.cache_hits + 1)

    def add_error(self, model: str, reason: str) -> None:
        """Book one request without an answer."""
        with self._lock:
            account = self.account(model)
            errors = {**account.errors, reason: account.errors.get(reason, 0) + 1}
            self._accounts[model] = replace(account, errors=errors)

    def account(self, model: str) -> Account:
        """Return what is booked on `model`; an empty account when nothing is."""
        return self._accounts.get(model, Account())

    def total(self) -> Usage:
        """Return the usage of all models together."""
        return sum((account.usage for account in list(self._accounts.values())), Usage())


def usage_of(raw: RawAnswer, question: Question[object], price: Price) -> Usage:
    """Return the tokens and the price of one answer; the call itself is booked when it is sent.

    Tokens that the engine did not count are estimated as a quarter of the characters, rounded up.
    """
    input_tokens, output_tokens = raw.input_tokens, raw.output_tokens
    estimated = input_tokens is None or output_tokens is None
    if input_tokens is None:
        chars = sum(len(message["content"]) for message in question.messages())
        input_tokens = _estimate(chars)
    if output_tokens is None:
        output_tokens = _estimate(len(raw.text))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=price.cost_usd(input_tokens, output_tokens),
        estimated=estimated,
    )


def _estimate(chars: int) -> int:
    return -(-chars // _CHARS_PER_TOKEN)

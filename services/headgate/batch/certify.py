"""The certificate of one batch: which of its records keep the small model's answer.

records of all blocks -> drafts (n) -> sample, asked -> keep (n,) -> the rest asked -> answers

What is certified are different records: with templates, each counts once, however many lines it
has. The large model's answer is what the small one's is compared with.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headgate.batch.answers import Answer
from headgate.batch.asking import AT_ONCE, DEADLINE_S, Answerer
from headgate.batch.drafts import Draft
from headgate.batch.journal import Journal
from headgate.batch.store import Known, key_of
from headgate.cascade.deferral import CertificateSpec
from headgate.cascade.engine import Engine
from headgate.cascade.guarantee import Guarantee
from headgate.cascade.nodes import GateNode
from headgate.errors import InputError
from headgate.gate.batch import BatchCertificate, certify_batch, draw_sample, sample_size
from headgate.gate.threshold import KEEP_NOTHING
from headgate.types import Deadline, GuaranteeState, Record, Tier

NOTE = "certified"
"""Name of the note in the journal."""
Block = tuple[str, Sequence[bytes], Sequence[Record]]
"""Name, keys and records of a block of the input."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to hold of the batch."""

    epsilon: float
    """Largest share of the records that may keep an answer other than the large model's."""
    delta: float
    """Chance, over the draw of the sample, that it does not hold."""
    seed: int
    """Of the draw."""

    @classmethod
    def of(cls, spec: CertificateSpec | None, seed: int) -> Promise:
        """Return what the cascade file asks of its certificate, asked of a batch.

        Raises:
            InputError: It asks for none, or for one that a batch cannot have.
        """
        if spec is None or spec.epsilon is None:
            problem = "the cascade file states no certificate with an epsilon"
            raise InputError("certify", problem, "Add one to deferral, and fit again.")
        if spec.kind not in ("agree", "regret"):
            problem = f"a batch cannot be certified for the kind {spec.kind!r}"
            raise InputError("certify", problem, "Use the kind agree or regret.")
        return cls(spec.epsilon, spec.delta, seed)


@dataclass(frozen=True, slots=True)
class CertifiedBatch:
    """What was found out about one batch."""

    items: int
    """Different records with an answer of the small model."""
    sampled: int
    bad: int
    """Sampled ones among the surest whose answer the large model does not share."""
    kept: int
    """Records that keep the small model's answer."""
    certified: bool
    epsilon: float
    delta: float
    seed: int
    """Of the draw."""

    @property
    def id(self) -> str:
        """Return 12 hex digits that name it; empty when nothing is certified."""
        content = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12] if self.certified else ""

    def statement(self, noun: str) -> str:
        """Return what it says, for a person.

        Args:
            noun: What a record is, in the plural.
        """
        drawn = f"{self.sampled:,} of {self.items:,} different {noun}"
        if not self.certified:
            return f"Not certified: asking {drawn} bounds nothing by {self.epsilon:.4g}."
        most = math.floor(self.epsilon * self.items + 1e-9)
        return (
            f"With probability {1 - self.delta:.4g} over the draw of {drawn}, at most {most:,} of "
            f"the {self.kept:,} that keep a small model's answer would have another one from the "
            f"large model. Each of the {noun} counts once. Certificate {self.id}."
        )

    def claimed(self, answer: Answer) -> Answer:
        """Return an answer with what the certificate says of it."""
        if not self.certified or answer.degraded or answer.error:
            return answer
        return replace(answer, certificate_id=self.id, guarantee=GuaranteeState.CERTIFIED)


class Certifier:
    """Answers the records of a batch so that its certificate holds."""

    def __init__(
        self, answerer: Answerer, journal: Journal, promise: Promise, noun: str = "records"
    ) -> None:
        """Put the parts together.

        Args:
            answerer: With an engine of `asking_all`.
            journal: Of the job.
            promise: What is to hold.
            noun: What a record is, in the plural.
        """
        self._answerer, self._journal, self._promise = answerer, journal, promise
        self._noun = noun

    async def answer(self, records: Sequence[Record]) -> list[Answer]:
        """Return one answer a record, in order, for records that are the whole batch."""
        keys = [key_of(record) for record in records]
        await self.answer_blocks([("", keys, records)])
        known = self._journal.answers.find(keys)
        return [known[key].answer for key in keys]

    async def answer_blocks(self, blocks: Iterable[Block]) -> CertifiedBatch:
        """Answer all records of a batch and return what is certified of them.

        The answers are in the journal then. What an earlier run did is not done again.

        Args:
            blocks: Of the whole input, in its order.

        Raises:
            OSError: Something cannot be written down.
        """
        for block in blocks:
            await self._draft(*block)
        scores = self._journal.drafts.scores()
        items = np.flatnonzero(~np.isnan(scores))
        sample = await self._sample(items)
        batch = self._certify(scores[items], items, sample)
        keep = np.zeros(len(scores), bool)
        keep[items] = batch.keep
        found = self._found(batch, len(items))
        for start in range(0, len(scores), AT_ONCE):
            await self._decide(range(start, min(start + AT_ONCE, len(scores))), keep, found)
        self._journal.note(NOTE, {**asdict(found), "statement": found.statement(self._noun)})
        return found

    async def _draft(self, name: str, keys: Sequence[bytes], records: Sequence[Record]) -> None:
        """Ask the small model about what is new in a block."""
        missing = self._journal.drafts.missing(keys)
        new = {k: each for k, each in zip(keys, records, strict=True) if k in missing}
        pairs = list(new.items())
        for start in range(0, len(pairs), AT_ONCE):
            own = pairs[start : start + AT_ONCE]
            deadline = Deadline.after(DEADLINE_S)
            found = await self._answerer.engine.advance([record for _, record in own], deadline)
            self._journal.drafts.add(
                [
                    Draft(key, name, record, Answer.of(each.result()))
                    for (key, record), each in zip(own, found, strict=True)
                ]
            )

    async def _sample(self, items: NDArray[np.int64]) -> dict[int, bool]:
        """Ask the large model about a uniform sample; return by place whether it disagrees."""
        size = sample_size(len(items), self._promise.epsilon, self._promise.delta)
        rng = np.random.default_rng(self._promise.seed)
        places = items[draw_sample(len(items), size, rng)].tolist()
        drafts = dict(zip(places, self._journal.drafts.take(places), strict=True))
        new = {place: each.record for place, each in drafts.items() if each.reference is None}
        answers = await self._answerer.answer(list(new.values()))
        asked = dict(zip(new, answers, strict=True))
        self._journal.drafts.add_references(asked, self._answerer.purse.take_events())
        return {
            place: _disagrees(each.answer, each.reference or asked[place])
            for place, each in drafts.items()
        }

    def _certify(
        self, scores: NDArray[np.float64], items: NDArray[np.int64], sample: Mapping[int, bool]
    ) -> BatchCertificate:
        drawn = np.array(sorted(sample), np.int64)
        return certify_batch(
            scores,
            np.searchsorted(items, drawn),
            np.array([sample[place] for place in drawn.tolist()], bool),
            epsilon=self._promise.epsilon,
            delta=self._promise.delta,
        )

    def _found(self, batch: BatchCertificate, items: int) -> CertifiedBatch:
        return CertifiedBatch(
            items=items,
            sampled=batch.labels,
            bad=batch.bad,
            kept=int(batch.keep.sum()),
            certified=batch.certified,
            epsilon=self._promise.epsilon,
            delta=self._promise.delta,
            seed=self._promise.seed,
        )

    async def _decide(
        self, places: Sequence[int], keep: NDArray[np.bool_], found: CertifiedBatch
    ) -> None:
        """Give some records their answers: the small model's, or the large one's."""
        drafts = self._journal.drafts.take(places)
        known = self._journal.answers.find([each.key for each in drafts])
        new = [pair for pair in zip(places, drafts, strict=True) if pair[1].key not in known]
        kept = {place for place, _ in new if keep[place]}
        rest = [each for place, each in new if place not in kept and each.reference is None]
        self._answerer.purse.arrive("", len(kept))
        answers = await self._answerer.answer([each.record for each in rest])
        asked = {each.key: answer for each, answer in zip(rest, answers, strict=True)}
        final = {
            each.key: each.answer if place in kept else each.reference or asked[each.key]
            for place, each in new
        }
        self._journal.answers.add(
            {each.key: Known(each.block, found.claimed(final[each.key])) for _, each in new},
            self._answerer.purse.take_events(),
        )


def asking_all(engine: Engine) -> Engine:
    """Return an engine of the same models whose gates keep nothing."""
    nodes = [
        replace(node, gate=replace(node.gate, threshold=KEEP_NOTHING, class_thresholds={}))
        if isinstance(node, GateNode)
        else node
        for node in engine.nodes
    ]
    # What is asked has to be paid for as the cascade's own certificate has it, and claims nothing.
    certificate = engine.guarantee.certificate
    problem = "a batch is certified by itself"
    guarantee = Guarantee(certificate, problem=problem, pass_through=False)
    return Engine(engine.about, task=engine.task, nodes=nodes, guarantee=guarantee)


def _disagrees(answer: Answer, reference: Answer) -> bool:
    """Return whether the large model says something else, or nothing."""
    return reference.tier != Tier.LARGE or reference.answer != answer.answer

"""The cascades of one gateway: loaded, shared models and all, and found by name.

inlined cascades -> artifacts checked -> encoders, large models -> engines by name

A cascade that cannot be loaded is there with its problem, and is tried again; the others answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from headgate.artifact import Artifact
from headgate.cascade.assemble import Parts, assemble
from headgate.cascade.encoders import encoder_folder, encoder_specs, fitted_encoder
from headgate.cascade.engine import Engine
from headgate.cascade.fitted import KIND, read_fitted
from headgate.cascade.large_models import lm_specs, place_of
from headgate.cascade.load import LoadedCascade, from_inline
from headgate.cascade.model_spec import EncoderSpec
from headgate.cascade.payment import Purse, purse_of
from headgate.errors import (
    ArtifactError,
    HeadgateError,
    InputError,
    NotFoundError,
    UnavailableError,
)
from headgate.lm.large_model import LargeModel
from headgate.models.quantized import WEIGHTS_FILE
from headgate.serving.assignments import watched_of
from headgate.serving.demand_board import DemandReporter
from headgate.serving.guard import Guard, Watched, WatcherHandle
from headgate.serving.large_models import open_served_model
from headgate.serving.logs import get_logger
from headgate.serving.metrics.answers import AnswerCounts
from headgate.serving.metrics.calls import CallCounts
from headgate.serving.remote import RemoteEncoder
from headgate.serving.status import internal_error
from headgate.serving.tasks import end
from headgate.serving.watchers import LocalWatcher
from headgate.stages.contract import TextEncoder
from headgate.stages.inline import InlineEncoder
from headgate.types import CascadeSummary, Deadline, Feedback, FeedbackOutcome

OpenWatcher: TypeAlias = Callable[[str], WatcherHandle]
"""Finds or starts the watcher of a directory."""
OpenEncoder: TypeAlias = Callable[[LoadedCascade, Artifact, str], TextEncoder]
"""Makes the running encoder of a cascade's model, by its name there."""

WARM_UP_S = 60.0
"""Longest time for a model with replicas of its own to be there; the ones here take less."""
RETRY_EVERY_S = 10.0
"""Time until cascades that could not be loaded are tried again; a file may come late or back."""

log = get_logger(__name__)


def open_encoder(loaded: LoadedCascade, artifact: Artifact, name: str) -> TextEncoder:
    """Return the encoder, in this process or in replicas of its own as its placement says.

    Raises:
        ArtifactError: The artifact was fitted for another file.
        ModelError: Its files are missing, altered or not an encoder's.
    """
    if encoder_specs(loaded)[name].placement == "deployment":
        fingerprint = read_fitted(artifact, loaded.spec).encoders[name]
        return RemoteEncoder(encoder_app(encoder_key(loaded, artifact, name)), fingerprint)
    return InlineEncoder(fitted_encoder(loaded, artifact, name))


@dataclass(frozen=True, slots=True)
class Hosted:
    """One cascade of the gateway."""

    loaded: LoadedCascade
    engine: Engine | None
    problem: HeadgateError | None = None
    guard: Guard | None = None
    """None when the file asks for no audits: nothing is kept then."""

    @property
    def name(self) -> str:
        """Return the cascade's name."""
        return self.loaded.name

    @property
    def mendable(self) -> bool:
        """Return whether another try may load it; a bug of ours stays."""
        return self.problem is not None and self.problem.status != "INTERNAL"

    @property
    def summary(self) -> CascadeSummary:
        """Return one line about it."""
        revision = self.engine.revision if self.engine else ""
        problem = str(self.problem) if self.problem else ""
        return CascadeSummary(
            self.name,
            revision,
            self.loaded.document.metadata.description or "",
            ready=not problem,
            problem=problem,
            certificate=self.engine.guarantee.summary() if self.engine else None,
        )


class Host:
    """Holds the engines; swaps all of them at once when it is configured anew."""

    def __init__(
        self,
        open_encoder: OpenEncoder = open_encoder,
        open_watcher: OpenWatcher = LocalWatcher,
        state_dir: str = "",
        *,
        warm_up_s: float = WARM_UP_S,
        retry_every_s: float = RETRY_EVERY_S,
    ) -> None:
        """Start without cascades.

        Args:
            open_encoder: How an encoder is made that no cascade has brought yet.
            open_watcher: How the watcher of a cascade's directory is found or started.
            state_dir: Where decisions and states of certificates are kept.
            warm_up_s: Longest time for a model to answer before its cascade is served.
            retry_every_s: Time until cascades that could not be loaded are tried again.
        """
        self._warm_up_s = warm_up_s
        self._retry_every_s = retry_every_s
        self._retrying: asyncio.Task[None] | None = None
        self._open_encoder = open_encoder
        self._open_watcher = open_watcher
        self._state_dir = state_dir
        self._purses: dict[str, Purse] = {}
        self._hosted: dict[str, Hosted] = {}
        self._encoders: dict[str, TextEncoder] = {}
        self._large_models: dict[str, LargeModel] = {}
        self._demand = DemandReporter()
        self.answers = AnswerCounts()
        """Of all cascades that were ever served."""
        self.calls = CallCounts()

    @property
    def hosted(self) -> list[Hosted]:
        """Return the cascades by name."""
        hosted = self._hosted  # read once: metrics are read from another thread than configures
        return [hosted[name] for name in sorted(hosted)]

    async def configure(self, cascades: Sequence[Mapping[str, Any]]) -> None:
        """Load cascades that `cascade.load.inline` made values of, and serve these from now on.

        Raises:
            SpecFileError: One of them is not such a value; those served before stay.
            InputError: Two have the same name; those served before stay.
        """
        loaded = [from_inline(values) for values in cascades]
        check_names(loaded)
        await end(self._retrying)
        hosted = {each.name: await self._open(each) for each in loaded}
        # Two guards of one directory would write over one another's state. Until the new ones
        # know the state of their certificates, the engines before answer.
        await _end_guards(self._hosted)
        self._hosted = {name: await _begin_guard(each) for name, each in hosted.items()}
        for each in self.hosted:
            _tell_problem(each)
        self._demand.start()
        self._retrying = asyncio.create_task(self._retry_for_ever())

    async def close(self) -> None:
        """End what large models are still asked, and close their connections."""
        await end(self._retrying)
        await _end_guards(self._hosted)
        await self._demand.close()
        for model in self._large_models.values():
            await model.close()

    def engine(self, name: str) -> Engine:
        """Return the engine of a cascade; an empty name means the only one.

        Raises:
            NotFoundError: There is no such cascade.
            HeadgateError: What kept it from loading.
        """
        hosted = self._find(name)
        if hosted.engine is None:
            raise hosted.problem or ArtifactError(name, "it is not loaded", "Fit it.")
        return hosted.engine

    async def feedback(self, name: str, feedback: Sequence[Feedback]) -> list[FeedbackOutcome]:
        """Return what became of each piece of feedback on a cascade's answers, in order.

        Raises:
            NotFoundError: There is no such cascade.
            HeadgateError: What kept it from loading.
        """
        engine, guard = self.engine(name), self._find(name).guard
        if guard is not None:
            return await guard.feedback(feedback)
        error = NotFoundError(
            f"cascade {engine.name!r}",
            "it keeps no decisions",
            "Ask for them in its file, with audits.",
        )
        return [FeedbackOutcome(each.record_id, error) for each in feedback]

    def _find(self, name: str) -> Hosted:
        if not name and len(self._hosted) == 1:
            return next(iter(self._hosted.values()))
        if name not in self._hosted:
            known = ", ".join(sorted(self._hosted)) or "none"
            raise NotFoundError(f"cascade {name!r}", "it is not served here", f"Served: {known}.")
        return self._hosted[name]

    async def _retry_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._retry_every_s)
            for each in self.hosted:
                if each.mendable:
                    found = await _begin_guard(await self._open(each.loaded))
                    self._hosted = {**self._hosted, each.name: found}
                    _tell_problem(found, each)
                    if not found.problem:
                        log.warning("cascade_served_at_last", cascade=each.name)

    async def _open(self, loaded: LoadedCascade) -> Hosted:
        try:
            # In a thread: weights take seconds to load, and calls are answered on this loop.
            engine, watched = await asyncio.to_thread(self._load, loaded)
            await self._warm_up(engine)
            self.answers.listen(engine)
            guard = await asyncio.to_thread(self._guard, loaded.name, watched)
        except HeadgateError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - one cascade must not take the others along
            problem = internal_error(error, f"load {loaded.name}")
        else:
            return Hosted(loaded, engine, guard=guard)
        return Hosted(loaded, None, problem)

    async def _warm_up(self, engine: Engine) -> None:
        """Have each model answer once; one that is elsewhere and not there keeps nobody waiting.

        As after the loss of a node, when gateways start faster than encoders: calls then wait as
        long as their deadlines, or are told to try again.
        """
        deadline = Deadline.after(self._warm_up_s)
        try:
            async with asyncio.timeout(self._warm_up_s):
                while not await _answers(engine) and deadline.remaining_s() > 0:
                    await asyncio.sleep(min(1.0, self._warm_up_s / 10))
        except TimeoutError:
            log.warning("not_warmed_up", cascade=engine.name, after_s=round(self._warm_up_s))

    def _load(self, loaded: LoadedCascade) -> tuple[Engine, Watched | None]:
        artifact = Artifact.open(loaded.artifact, kind=KIND)
        read_fitted(artifact, loaded.spec)  # before weights are looked for that it may not have
        parts = Parts(
            {name: self._encoder(loaded, artifact, name) for name in encoder_specs(loaded)},
            self._models(loaded),
        )
        engine = assemble(loaded, artifact, parts)
        engine.units.purse = self._purse(loaded)
        return engine, watched_of(loaded, artifact, engine.units, os.environ)

    def _purse(self, loaded: LoadedCascade) -> Purse:
        """Return the cascade's purse; it stays as full as it is while the budget stays the same."""
        deferral = loaded.spec.deferral
        audited, certified = deferral.audits is not None, deferral.certificate is not None
        key = repr((loaded.name, deferral.budget.model_dump_json(), audited, certified))
        if key not in self._purses:
            self._purses[key] = purse_of(deferral)
        return self._purses[key]

    def _guard(self, name: str, watched: Watched | None) -> Guard | None:
        if watched is None:
            return None
        if not self._state_dir:
            problem = "audits keep decisions, and no directory is named for them"
            raise InputError(f"cascade {name!r}", problem, "Name one, with --state-dir.")
        return Guard(watched, self._open_watcher(str(Path(self._state_dir) / name)))

    def _encoder(self, loaded: LoadedCascade, artifact: Artifact, name: str) -> TextEncoder:
        """Return the running encoder, shared by all cascades that mean the same files."""
        key = encoder_key(loaded, artifact, name)
        if key not in self._encoders:
            self._encoders[key] = self._open_encoder(loaded, artifact, name)
        return self._encoders[key]

    def _models(self, loaded: LoadedCascade) -> dict[str, LargeModel]:
        """Return the large models, each kept as long as its settings stay the same."""
        found = {}
        for name, spec in lm_specs(loaded).items():
            place = place_of(loaded, name)
            key = f"{spec.model_dump_json()}{place}{_modified(place)}"
            if key not in self._large_models:
                model = open_served_model(loaded, name, os.environ, self._demand.meter)
                self._large_models[key] = model
            found[name] = self._large_models[key]
        return found


async def _answers(engine: Engine) -> bool:
    """Return whether all models are there, once they have answered."""
    try:
        await engine.warm_up()
    except UnavailableError:
        return False
    return True


async def _begin_guard(hosted: Hosted) -> Hosted:
    """Start the cascade's guard; one that cannot be watched does not answer as if it were."""
    if hosted.guard is None:
        return hosted
    try:
        await hosted.guard.start()
    except asyncio.CancelledError:
        await hosted.guard.close()
        raise
    except HeadgateError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - one cascade must not take the others along
        problem = internal_error(error, f"watch {hosted.name}")
    else:
        return hosted
    await hosted.guard.close()
    return replace(hosted, engine=None, guard=None, problem=problem)


def _tell_problem(hosted: Hosted, before: Hosted | None = None) -> None:
    """Log what keeps the cascade from being served, unless it kept it from that before."""
    if hosted.problem and (before is None or str(hosted.problem) != str(before.problem)):
        log.error("cascade_not_served", cascade=hosted.name, problem=str(hosted.problem))


async def _end_guards(hosted: Mapping[str, Hosted]) -> None:
    for each in hosted.values():
        if each.guard is not None:
            await each.guard.close()


def check_names(cascades: Sequence[LoadedCascade]) -> None:
    """Refuse two cascades of one name: callers would reach only one of them.

    Raises:
        InputError: Names the second one.
    """
    seen: dict[str, LoadedCascade] = {}
    for loaded in cascades:
        if loaded.name in seen:
            raise InputError(
                str(loaded.path),
                f"its name {loaded.name!r} is that of {seen[loaded.name].path} too",
                "Give each cascade a metadata.name of its own.",
            )
        seen[loaded.name] = loaded


def _modified(path: str) -> str:
    return str(Path(path).stat().st_mtime_ns) if path and Path(path).is_file() else ""


def encoder_key(loaded: LoadedCascade, artifact: Artifact, name: str) -> str:
    """Return what two cascades must agree on to share an encoder."""
    spec: EncoderSpec = encoder_specs(loaded)[name]
    weights = ""
    if spec.precision == "int8" or spec.tuning is not None:
        file = WEIGHTS_FILE if spec.precision == "int8" else "model.safetensors"
        weights = artifact.manifest.files[f"{encoder_folder(name)}/{file}"].sha256
    parts = (loaded.sources[name], spec.revision, spec.precision, spec.max_tokens, spec.placement)
    return hashlib.sha256(repr((*parts, weights)).encode()).hexdigest()[:12]


def encoder_app(key: str) -> str:
    """Return the name of the Serve application that runs the encoder."""
    return f"headgate-encoder-{key}"

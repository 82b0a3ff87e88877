"""Checkpoints of several ranks: the first one reads and writes them, where all have agreed on the tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_w2v.training.callback_states import plain
from torch_w2v.training.checkpoints import KeptCheckpoints
from torch_w2v.training.epoch import Job, Totals
from torch_w2v.training.interrupts import PatientInterrupts
from torch_w2v.training.manifest import END, TRAIN
from torch_w2v.training.ranks import SUMMED, Together


class RankCheckpoints(KeptCheckpoints):
    """The checkpoints of a call of `train()` that several ranks make.

    A checkpoint stands after an exchange that had all rows, or before or after a callback is called for an epoch: only
    there all ranks have the same tables. Its place in an epoch is the number of that exchange, which stands for a
    share of each rank's words and depends on the corpus and on alpha alone. So another number of ranks can go on from
    it: then some sentences are trained twice in that epoch, and as many not at all.

    Args:
        ranks: all of them.
        arguments: as those of `KeptCheckpoints`.
    """

    _distributed = True

    def __init__(self, ranks: Together, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ranks = ranks
        ranks.agreed = self._agree
        self._signals = self.interrupts = PatientInterrupts()
        # the exchange of the place
        self._exchange = 0

    def _find(self) -> dict[str, Any] | None:
        """Open the checkpoint on the first rank, and return its manifest on all."""
        manifest = self._ranks.group.from_first(super()._find() if self._ranks.is_first else None)
        # The callbacks are the first rank's.
        return manifest if self._ranks.is_first or manifest is None else {**manifest, "callbacks": []}

    def resume(self, epoch: int) -> str | None:
        """Return the stage of the checkpoint that the call goes on from; see `Checkpoints.resume`."""
        stage = super().resume(epoch)
        if stage is not None:
            self._exchange, self._ranks.parts = self._manifest["exchange"], self._manifest["parts"]
            if stage == TRAIN:
                self._ranks.keep_exchanges(self._manifest["exchanges"])
            # Each rank has its own.
            self.progress.expected_words = 0.0
        return stage

    def _read_factors(self) -> np.ndarray:
        return self._ranks.group.from_first(super()._read_factors() if self._ranks.is_first else np.zeros(0))

    def _skipped(self, jobs: Iterator[Job], static: bool) -> tuple[Iterator[Job], bool]:
        """Return the jobs that are not done, and whether those that are have the checkpoint's sentences.

        That is known where there are as many ranks as there were.
        """
        assert self._resumed is not None
        is_within, seen = self._resumed[1] == TRAIN, Totals()
        for job in jobs:
            if is_within and self._ranks.interval >= self._exchange:
                jobs = itertools.chain([job], jobs)
                break
            seen.skip(job)
        group, parts = self._ranks.group, self._ranks.parts
        words = sum(part["raw_words"] for part in parts)
        if group.size == len(parts):
            part = parts[group.rank]
            is_right = (seen.examples, seen.raw_words) == (part["examples"], part["raw_words"])
            # Chunks may have another size with another number of workers.
            same = seen.checksum == part["checksum"] or seen.chunks != part["chunks"]
        else:
            part = {name: sum(part[name] if group.rank == 0 else 0 for part in parts) for name in SUMMED}
            is_right = is_within or words == sum(group.from_all(seen.raw_words))
            same = True
        if not all(group.from_all(is_right and (same or not static))):
            self._refuse_corpus(words)
        if is_within:
            totals = self.progress.totals
            for name in ("chunks", "last", "examples", "raw_words", "checksum"):
                setattr(totals, name, getattr(seen, name))
            for name in ("trained_words", "loss", "pairs"):
                setattr(totals, name, part[name])
            curvatures = self._found.array("curvatures") if self._found is not None else None
            self._ranks.resume(self._exchange, curvatures)
        return jobs, same

    def _load_tables(self) -> None:
        if self._ranks.is_first:
            super()._load_tables()
        self._ranks.overwrite([self._model.wv.vectors, self._model.syn1neg])

    def enter(self, stage: str) -> None:
        """Note that the epoch has reached a stage; a signal waits until the ranks agree on the tables."""
        super().enter(stage)
        if stage == TRAIN:
            self._signals.wait()
        elif stage == END:
            if self._is_wanted():
                self._save(self._snapshot)
            self._signals.settle()

    def _agree(self, exchange: int) -> None:
        """Write a checkpoint after an exchange, if a rank wants one; then signals take their effect."""
        if self._is_wanted():
            self._ranks.gather(self.progress.totals)
            self._exchange = exchange
            self._save(self._state(TRAIN))
        self._signals.settle()
        self._signals.wait()

    def _is_wanted(self) -> bool:
        """Return whether the time has come for the first rank, or a rank was told to end; on all ranks."""
        return any(self._ranks.group.from_all(self._signals.pending or (self._ranks.is_first and super().due())))

    def due(self) -> bool:
        """Return false: it is asked between exchanges, where the ranks' tables differ."""
        return False

    def _state(self, stage: str) -> dict[str, Any]:
        state = {
            **super()._state(stage),
            "exchange": self._exchange,
            "exchanges": self._ranks.exchanges,
            "parts": plain(self._ranks.parts),
        }
        if stage == TRAIN:
            for name in SUMMED:
                state["progress"]["totals"][name] = sum(part[name] for part in self._ranks.parts)
        return state

    def save(self) -> None:
        """Write a checkpoint of the last place where the call can go on, as far as this rank knows it alone."""
        if not self._training:
            self._save(self._snapshot)

    def _save(self, state: dict[str, Any] | None) -> None:
        if self._ranks.is_first:
            super()._save(state)

    def _more_arrays(self, state: dict[str, Any]) -> dict[str, np.ndarray]:
        return {"curvatures": self._ranks.curvatures()} if state["stage"] == TRAIN else {}

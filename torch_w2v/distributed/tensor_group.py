"""The ranks' collectives on tensors where they are: between GPUs by NCCL, for example."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torch_w2v.distributed.group import Group


class TensorGroup:
    """The ranks of a group, for tensors on their devices.

    The operations are begun in the order of the calls. On a GPU a call returns before its operation has ended, and what
    is called on the same stream afterwards waits for it.

    Args:
        ranks: the same ranks, for arrays.
        backend: of torch.distributed; 'gloo' is for tensors on the CPU. All ranks make this object at the same place.

    Attributes:
        ranks: as given.
        rank, size: as in `Group`.
    """

    def __init__(self, ranks: Group, backend: str) -> None:
        self.ranks = ranks
        self.rank, self.size = ranks.rank, ranks.size
        self._group: Any = ranks.process_group(backend)

    def meet(self) -> None:
        """Wait until all ranks are here."""
        self.ranks.meet()

    def settle(self, device: torch.device) -> None:
        """Wait until all ranks' devices have done what they were given, the collectives among it.

        A process that waits for a device alone does not notice that another rank has failed, and waits for ever in a
        collective that it has no part in. Between the CPUs it is noticed at once, so the ranks ask one another.

        Raises:
            LostRankError: another rank has failed, or is gone. What was under way between the devices was ended.
        """
        done = _mark(device)
        if done is None:
            return
        pause = 0.0005
        while not self.ranks.all_are(done()):
            time.sleep(pause)
            pause = min(2 * pause, 0.01)

    def broadcast(self, tensor: Tensor) -> None:
        """Overwrite a contiguous tensor on all ranks by rank 0's."""
        with self.ranks.exchanging():
            torch.distributed.broadcast(_bytes(tensor), 0, group=self._group)

    def swap_parts(self, parts: Tensor, into: Tensor) -> None:
        """Send part i to rank i, and fill `into` with what all ranks have sent to this one, in their order.

        Args:
            parts, into: (size, …), contiguous, of the same dtype.
        """
        with self.ranks.exchanging():
            torch.distributed.all_to_all_single(_bytes(into), _bytes(parts), group=self._group)

    def gather_parts(self, part: Tensor, into: Tensor) -> None:
        """Fill `into`, (size, …), with the parts of all ranks, in their order; both are contiguous."""
        dist = torch.distributed
        # Since torch 2.13 it has a new name, and the old one warns.
        gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
        with self.ranks.exchanging():
            gather(_bytes(into), _bytes(part), group=self._group)


def _mark(device: torch.device) -> Callable[[], bool] | None:
    """Return a function that says whether a device has done all that it has been given so far; None for the CPU."""
    if device.type == "cpu":
        return None
    streams: Any = torch.get_device_module(device)
    event = streams.Event()
    event.record(streams.current_stream(device))
    query: Callable[[], bool] = event.query
    return query


def _bytes(tensor: Tensor) -> Tensor:
    # Backends move bytes of every kind; of some other dtypes not all do.
    return tensor.view(-1).view(torch.uint8)


def way_between(group: Group, device: str) -> tuple[str | None, str]:
    """Return by which backend the ranks' devices exchange tensors, and what the log is to say.

    All ranks call this at the same place, and get the same.

    Args:
        group: the ranks.
        device: where this rank's tables are, as torch writes it: 'cuda:1'.

    Returns:
        The backend, or None where tables must go through the memory of the CPU; a phrase.
    """
    everyone = group.from_all((device.partition(":")[0], group.backend_for(device), _identity(device)))
    kinds, backends, identities = zip(*everyone, strict=True)
    if len(set(kinds)) > 1:
        return None, f"through the memory of the CPU: the ranks train on unlike devices, {', '.join(kinds)}"
    if len(set(backends)) > 1 or backends[0] is None:
        return None, (
            f"through the memory of the CPU: the process group has no backend between devices '{kinds[0]}' on every "
            "rank, as 'nccl' is between GPUs"
        )
    for rank, identity in enumerate(identities):
        first = identities.index(identity)
        if first < rank:
            return None, (
                f"through the memory of the CPU: ranks {first} and {rank} train on the same device; start one process "
                "per GPU"
            )
    return backends[0], f"from device to device by '{backends[0]}'"


def _identity(device: str) -> tuple[str, str]:
    """Return what no two devices share."""
    if device.partition(":")[0] == "cuda":
        uuid = getattr(torch.cuda.get_device_properties(torch.device(device)), "uuid", None)
        if uuid is not None:
            return "", str(uuid)
    return socket.gethostname(), device

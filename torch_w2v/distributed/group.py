"""The ranks that train a model together, on torch.distributed."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from torch_w2v.distributed.joining import ENVIRONMENT, UNREACHABLE, check_environment, in_time, join, no_group, timeout
from torch_w2v.distributed.schedule import exchange_factor
from torch_w2v.engines.devices import out_of_memory_errors

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

T = TypeVar("T")

# The default process group, where a model has joined it as the environment says.
_joined: Any = None


class UnlikeRanksError(ValueError):
    """The ranks make other calls, with other arguments, or on other corpora than one another."""


class LostRankError(RuntimeError):
    """Ranks could not exchange something: one has failed, or is gone."""


class Group:
    """The ranks, in process groups of its own, so that an error here leaves the user's group as it is.

    Arrays and Python's objects go through one with the backend gloo, whatever that of the user's group is. Tensors on
    devices have others, see `TensorGroup`.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
    """

    def __init__(self) -> None:
        missing = [name for name in ENVIRONMENT if name not in os.environ]
        if missing and "torch" not in sys.modules:
            raise no_group(missing)  # at once: importing torch takes seconds
        import torch.distributed as dist  # noqa: PLC0415

        if not dist.is_available():
            raise RuntimeError("distributed=True: this build of torch has no torch.distributed")
        if not missing and not dist.is_initialized():
            check_environment()
        exchange_factor()  # refused here where it is wrong, before anything is read
        if not dist.is_initialized():
            if missing:
                raise no_group(missing)
            join()
            global _joined  # noqa: PLW0603  what the process has joined is a fact of the process
            _joined = dist.group.WORLD
        self._dist = dist
        try:
            self._group = in_time(lambda: dist.new_group(backend="gloo", timeout=timeout()))
        except RuntimeError as e:  # torch raises many kinds of it where connections cannot be made
            raise RuntimeError(
                f"rank {dist.get_rank()}: another rank is gone, or cannot be reached, before all are together ({e}); "
                f"{UNREACHABLE}"
            ) from e
        # for tensors on devices, by their backends
        self._on_devices: dict[str, Any] = {}
        self._store = dist.distributed_c10d._get_default_store()
        # An error of an earlier group is none of this one's; groups have equal names on all ranks.
        self._error_key = f"torch_w2v/error/{self._group.group_name}"
        self.rank: int = dist.get_rank()
        self.size: int = dist.get_world_size()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Close the group at the end of this block. If the block fails on one rank, it fails on all.

        Raises:
            RuntimeError: another rank has failed, and with what; or is gone. An error of this rank's own is raised as
                it is.
        """
        try:
            yield
        except LostRankError as e:
            error = self._error_of_another(e)
            # The frames of its traceback hold the group, and with it connections that others wait at.
            for lost in (e, e.__cause__):
                if lost is not None:
                    traceback.clear_frames(lost.__traceback__)
            self._close(failed=True)
            raise error from e
        except BaseException as e:
            self._tell(e)
            self._close(failed=True)
            raise
        self._close()

    def _tell(self, e: BaseException) -> None:
        """Leave this rank's error to the others, unless there is one already."""
        try:
            self._store.compare_set(self._error_key, "", f"{self.rank} {type(e).__name__}: {e}")
        except RuntimeError:
            logger.info("rank %d: the others cannot be told of its error, since rank 0 is gone", self.rank)

    def _error_of_another(self, e: LostRankError) -> RuntimeError:
        try:
            if self._store.check([self._error_key]):
                rank, message = self._store.get(self._error_key).decode().split(" ", maxsplit=1)
                return RuntimeError(f"rank {rank} failed: {message}")
        except RuntimeError:  # the rank that keeps the store is gone
            return RuntimeError(f"rank {self.rank}: rank 0 is gone, or does not answer ({e})")
        return RuntimeError(f"rank {self.rank}: another rank is gone, or does not answer ({e})")

    @contextmanager
    def exchanging(self) -> Iterator[None]:
        """Tell the errors of an exchange from all others: torch raises a plain RuntimeError for many of them.

        What is under way on devices is ended then: the other ranks do not take part in it any more, and whatever reads
        the tables would wait for it.
        """
        try:
            yield
        except RuntimeError as e:
            if isinstance(e, out_of_memory_errors()):
                raise
            self._end_devices(failed=True)
            raise LostRankError(str(e)) from e

    def _close(self, failed: bool = False) -> None:
        if self._group is not None:
            # Its connections close, and a rank that waits for this one sees that.
            self._dist.destroy_process_group(self._group)
            self._group = None
        self._end_devices(failed)

    def _end_devices(self, failed: bool) -> None:
        destroy = self._dist.destroy_process_group
        if failed:
            # To destroy a group of NCCL is to wait for what the others have not begun; torch 2.5 has no other way.
            destroy = getattr(self._dist.distributed_c10d, "_abort_process_group", destroy)
        while self._on_devices:
            destroy(self._on_devices.popitem()[1])

    def backend_for(self, device: str) -> str | None:
        """Return the backend that takes tensors of a device from rank to rank; None if the process group has none.

        That is torch's own for such devices, as NCCL is for GPUs, if the process group was made with it, or if this
        model has made the group. gloo is none: between GPUs it has not all operations.

        Args:
            device: as torch writes it.
        """
        kind, dist = device.partition(":")[0], self._dist
        backend: str | None = dist.Backend.default_device_backend_map.get(kind)
        bound = getattr(dist.group.WORLD, "bound_device_id", None)
        if backend in (None, "gloo") or (bound is not None and str(bound) != device):
            return None
        if dist.group.WORLD is _joined:
            return backend if dist.is_backend_available(backend) else None
        # 'cpu:gloo,cuda:nccl'
        return backend if f"{kind}:{backend}" in dist.get_backend_config().split(",") else None

    def process_group(self, backend: str) -> Any:
        """Return torch's process group of these ranks with a backend; all ranks call this at the same place."""
        if backend == "gloo":
            return self._group
        if backend not in self._on_devices:
            self.meet()
            self._on_devices[backend] = self._dist.new_group(backend=backend, timeout=timeout())
        return self._on_devices[backend]

    def meet(self) -> None:
        """Wait until all ranks are here.

        Raises:
            LostRankError: at once, if another rank has failed, or is gone.
        """
        import torch  # noqa: PLC0415

        # Not `barrier`, which may choose a device.
        with self.exchanging():
            self._dist.all_reduce(torch.zeros(1), group=self._group)

    def all_are(self, done: bool) -> bool:
        """Return whether something is done on all ranks, which all ask at the same place."""
        import torch  # noqa: PLC0415

        least = torch.tensor([float(done)])
        with self.exchanging():
            self._dist.all_reduce(least, op=self._dist.ReduceOp.MIN, group=self._group)
        return bool(least)

    def from_first(self, value: T) -> T:
        """Return rank 0's value on all ranks; any object that can be pickled."""
        values = [value]
        with self.exchanging():
            self._dist.broadcast_object_list(values, 0, group=self._group)
        return values[0]

    def to_first(self, value: T) -> list[T] | None:
        """Return the values of all ranks on rank 0, and None on the others."""
        values: list[Any] | None = [None] * self.size if self.rank == 0 else None
        with self.exchanging():
            self._dist.gather_object(value, values, 0, group=self._group)
        return values

    def from_all(self, value: T) -> list[T]:
        """Return the values of all ranks, in their order, on every rank."""
        values: list[Any] = [None] * self.size
        with self.exchanging():
            self._dist.all_gather_object(values, value, group=self._group)
        return values

    def swap(self, values: Sequence[bytes]) -> list[bytes]:
        """Send value i to rank i, and return what all ranks have sent to this one, in their order."""
        sizes = np.array([len(value) for value in values], np.int64)
        into = self.swap_parts(sizes.view(np.uint8).reshape(self.size, 8)).reshape(-1).view(np.int64)
        sent, received = np.frombuffer(b"".join(values), np.uint8), np.empty(into.sum(), np.uint8)
        with self.exchanging():
            self._dist.all_to_all_single(
                _bytes(received), _bytes(sent.copy()), into.tolist(), sizes.tolist(), group=self._group
            )
        ends = np.cumsum(into)
        return [received[end - size : end].tobytes() for end, size in zip(ends, into, strict=True)]

    def broadcast(self, array: np.ndarray) -> None:
        """Overwrite an array on all ranks by rank 0's."""
        import torch  # noqa: PLC0415

        with self.exchanging():
            self._dist.broadcast(torch.from_numpy(array), 0, group=self._group)

    def swap_parts(self, parts: np.ndarray) -> np.ndarray:
        """Send part i to rank i, and return what all ranks have sent to this one, in their order.

        Args:
            parts: (size, …), of a dtype of one or two bytes.
        """
        received = np.empty_like(parts)
        with self.exchanging():
            self._dist.all_to_all_single(_bytes(received), _bytes(parts), group=self._group)
        return received

    def gather_parts(self, part: np.ndarray, into: np.ndarray) -> None:
        """Fill `into`, (size, …), with the parts of all ranks, in their order."""
        with self.exchanging():
            self._dist.all_gather(list(_bytes(into).view(self.size, -1)), _bytes(part), group=self._group)


def check_same_call(group: Group, call: str) -> None:
    """Raise an UnlikeRanksError if the ranks do not all make the same call: each would wait for others of its own."""
    calls = group.from_all(call)
    for rank, other in enumerate(calls):
        if other != calls[0]:
            raise UnlikeRanksError(
                f"all ranks must make the same calls: rank 0 is in {calls[0]}, rank {rank} in {other}"
            )


def _bytes(array: np.ndarray) -> torch.Tensor:
    import torch  # noqa: PLC0415

    return torch.from_numpy(array.reshape(-1).view(np.uint8))

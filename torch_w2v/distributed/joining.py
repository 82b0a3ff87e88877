"""How a process joins the other ranks: what its environment must say, and how long it waits for them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta
from threading import Thread
from typing import TypeVar

# A rank that has died is noticed when its connections close. One that hangs, or whose machine has lost its power, is
# noticed after this time; it must be longer than what one rank does while the others wait for it: counting more words
# than they, a callback at the end of an epoch, writing a checkpoint. TORCH_W2V_TIMEOUT in the environment is another
# number of seconds.
TIMEOUT = timedelta(hours=1)
LONGEST_TIMEOUT = 30 * 24 * 3600
# What torchrun and the other launchers tell a process.
ENVIRONMENT = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

# seconds that torch has, after the time it was given, to say itself why ranks cannot meet
_GRACE = 5.0

T = TypeVar("T")

# What to say where ranks cannot reach one another. Debian, for one, gives a host's name the address 127.0.1.1, which
# gloo then tells the other hosts.
UNREACHABLE = (
    "if they are on several hosts, name the network between these on each: "
    "export GLOO_SOCKET_IFNAME=eth0 NCCL_SOCKET_IFNAME=eth0"
)


def timeout() -> timedelta:
    """Return after what time ranks that do not answer are given up.

    Raises:
        ValueError: TORCH_W2V_TIMEOUT is not a number of seconds, or not in its range.
    """
    text = os.environ.get("TORCH_W2V_TIMEOUT", "")
    if not text:
        return TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise ValueError(
            f"TORCH_W2V_TIMEOUT={text!r}: must be a number of seconds above 0, {LONGEST_TIMEOUT:,} at most (30 days)"
        )
    return timedelta(seconds=seconds)


def no_group(missing: list[str]) -> ValueError:
    """Return the error of a process that has no process group, and whose environment lacks some variables."""
    return ValueError(
        f"distributed=True needs a process group, and the environment has no {', '.join(missing)}: start the program "
        "with torchrun (or Slurm, Ray, Spark: docs/guide/several-machines.md), or call "
        "torch.distributed.init_process_group first"
    )


def check_environment() -> None:
    """Check what a launcher tells a process: torch would wait for ranks that cannot come.

    Raises:
        ValueError: a variable of the environment, its value, and what is allowed.
    """
    numbers = {}
    for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"):
        try:
            numbers[name] = int(os.environ[name])
        except ValueError as e:
            raise ValueError(f"{name}={os.environ[name]!r} in the environment: must be an integer") from e
    size = numbers["WORLD_SIZE"]
    if size < 1:
        raise ValueError(f"WORLD_SIZE={size} in the environment: must be the number of ranks, at least 1")
    if not 0 <= numbers["RANK"] < size:
        raise ValueError(f"RANK={numbers['RANK']} in the environment: must be 0 to {size - 1}, by WORLD_SIZE={size}")
    # A single rank may take any free port, by 0.
    if not min(size - 1, 1) <= numbers["MASTER_PORT"] < 2**16:
        raise ValueError(f"MASTER_PORT={numbers['MASTER_PORT']} in the environment: must be 1 to 65535")


def in_time(wait: Callable[[], T]) -> T:
    """Return what one of torch's functions returns that waits for other ranks, in another thread.

    Here a Ctrl-C would be heard only when all have come, or after the timeout; and where another service answers, torch
    waits for ever.

    Args:
        wait: the function, which is to give up by itself after `timeout()`.

    Raises:
        RuntimeError: the function's own; or nothing was returned in time, and a little more.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(wait())
        except BaseException as e:
            done.set_exception(e)

    Thread(target=run, name="torch_w2v-waiting", daemon=True).start()
    try:
        return done.result(timeout().total_seconds() + _GRACE)
    except FutureTimeout as e:
        if done.done():
            raise
        raise RuntimeError("no answer") from e


def join() -> None:
    """Join the default process group, as the environment says.

    Raises:
        RuntimeError: the ranks do not meet.
    """
    import torch.distributed as dist  # noqa: PLC0415

    def meet() -> None:
        store, rank, size = next(dist.rendezvous("env://", timeout=timeout()))
        # torchrun's store may be the one of before a restart (torch 2.13), with the addresses of processes that are
        # gone.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"torch_w2v/attempt_{attempt}", store)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=timeout())

    try:
        in_time(meet)
    except RuntimeError as e:  # torch raises many kinds of it
        remedy = "have all ranks started? Where another service has the port, give another"
        if os.environ["RANK"] != "0":
            remedy = f"is it rank 0's address? {remedy}; {UNREACHABLE}"
        raise RuntimeError(
            f"the ranks cannot meet at {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} (MASTER_ADDR and "
            f"MASTER_PORT): {e}; {remedy}"
        ) from e

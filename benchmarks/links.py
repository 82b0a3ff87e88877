"""Time exchanges between hosts that are network namespaces of this machine, over links of a given speed.

    sudo python -m benchmarks.links [--ranks 2] [--rates 1 10] [--words 73000] [--vector-size 100]

Each rank is a process in a namespace of its own; a bridge joins them, and `tc` limits what each sends (tbf: a rate, and
no delay). The first line is without a limit. The prediction is that time, and what every rank sends divided by the
rate. The programs `ip` and `tc` are needed, and their rights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from timeit import default_timer

import numpy as np

from torch_w2v.distributed.exchange import Exchange
from torch_w2v.distributed.group import Group
from torch_w2v.distributed.merge import Problem

NETWORK = "10.213.7"
BRIDGE = "w2vbridge"


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


@contextmanager
def hosts(count: int) -> Iterator[list[str]]:
    """Make network namespaces on one bridge, and remove them."""
    names = [f"w2vhost{i}" for i in range(count)]
    try:
        run(f"ip netns add {BRIDGE}")
        run(f"ip -n {BRIDGE} link add bridge type bridge")
        run(f"ip -n {BRIDGE} link set bridge up")
        for i, name in enumerate(names):
            run(f"ip netns add {name}")
            run(f"ip -n {name} link add eth0 type veth peer name port{i} netns {BRIDGE}")
            run(f"ip -n {BRIDGE} link set port{i} master bridge up")
            run(f"ip -n {name} addr add {NETWORK}.{i + 1}/24 dev eth0")
            run(f"ip -n {name} link set eth0 up")
            run(f"ip -n {name} link set lo up")
        yield names
    finally:
        for name in (*names, BRIDGE):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def rank_main(words: int, D: int, repeats: int) -> None:
    """Time exchanges of all rows; rank 0 prints the seconds, and the bytes that it sends per exchange."""
    import torch.distributed as dist  # noqa: PLC0415

    dist.init_process_group("gloo")
    group = Group()
    shares = 1 / np.arange(1.0, words + 1)
    problem = Problem(shares / shares.sum(), shares / shares.sum(), 5, 6.0)
    rng = np.random.default_rng(group.rank)
    start = np.random.default_rng(0).normal(size=(2, words, D)).astype(np.float32)
    exchange, tables = Exchange(group, problem, is_sorted=True, threads=1), list(start)
    exchange.begin(tables)
    seconds, sent = [], []
    for _ in range(repeats + 1):
        for table in tables:
            table[...] += np.float32(rng.normal() / 100)
        group.from_all(None)
        before, begin = exchange.bytes_sent, default_timer()
        exchange.merge(tables, shares * 1000, 4, False, 0.025)
        seconds.append(default_timer() - begin)
        sent.append(exchange.bytes_sent - before)
    if group.rank == 0:
        print(json.dumps({"seconds": statistics.median(seconds[1:]), "bytes": sent[-1]}), flush=True)


def measure(names: list[str], arguments: list[str]) -> dict[str, float]:
    """Run a rank in every namespace, and return what the first one prints."""
    environment = {
        **os.environ,
        "MASTER_ADDR": f"{NETWORK}.1",
        "MASTER_PORT": "29555",
        "WORLD_SIZE": str(len(names)),
        "GLOO_SOCKET_IFNAME": "eth0",
        "OMP_NUM_THREADS": "1",
    }
    ranks = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-m", "benchmarks.links", "--rank", *arguments],
            env={**environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank, name in enumerate(names)
    ]
    outputs = [rank.communicate()[0] for rank in ranks]
    if any(rank.returncode for rank in ranks):
        raise RuntimeError("a rank has failed")
    return dict(json.loads(outputs[0].splitlines()[-1]))


def counted(name: str) -> int:
    """Return the bytes that a namespace has sent."""
    path = "/sys/class/net/eth0/statistics/tx_bytes"
    return int(subprocess.check_output(["ip", "netns", "exec", name, "cat", path], text=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rates", nargs="+", type=float, default=[1, 10], help="Gb/s")
    parser.add_argument("--words", type=int, default=73_000, help="of the vocabulary")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rank:
        rank_main(args.words, args.vector_size, args.repeats)
        return 0
    shape = ["--words", str(args.words), "--vector-size", str(args.vector_size), "--repeats", str(args.repeats)]
    print(f"{args.ranks} ranks, {args.words:,} words of {args.vector_size} dimensions, exchanges of all rows")
    print(f"{'link':>12}{'MB sent':>10}{'on the wire':>13}{'seconds':>10}{'predicted':>11}{'error':>8}")
    free: dict[str, float] | None = None
    with hosts(args.ranks) as names:
        for rate in (None, *args.rates):
            for name in names if rate else ():
                burst = int(max(256e3, rate * 1e9 / 8 / 1000))
                limit = f"rate {rate}gbit burst {burst} latency 50ms"
                run(f"ip netns exec {name} tc qdisc replace dev eth0 root tbf {limit}")
            before = counted(names[0])
            found = measure(names, shape)
            wire = (counted(names[0]) - before) / (args.repeats + 1)
            free = free or found
            line = f"{f'{rate:g} Gb/s' if rate else 'no limit':>12}{found['bytes'] / 1e6:10.1f}{wire / 1e6:13.1f}"
            line += f"{found['seconds']:10.3f}"
            if rate:
                predicted = free["seconds"] + 8 * found["bytes"] / (rate * 1e9)
                line += f"{predicted:11.3f}{found['seconds'] / predicted - 1:+8.0%}"
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure everything that needs a GPU, in one call of less than nine minutes.

    python -m benchmarks.gpu [CORPUS] [--pairs men.tsv ...] [--out gpu.md] [--seconds 520]

The parts are: ceilings of the machine, speed on CORPUS (plain text with one sentence per line; by default that of the
demo, which is small), quality beside gensim, a whole run from the file to vectors, how speed scales, a memory check of
small shapes, and blocks in flight against quality. The report is a Markdown file that grows with every figure, and
names the parts that no time was left for. `--small --device cpu` with TRITON_INTERPRET=1 in the environment runs every
part without a GPU, on twenty sentences; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from timeit import default_timer
from typing import Any
from unittest import mock

import torch

from benchmarks.common import Contender, corpus_at, read_corpus, spread, versions, write_sentences
from benchmarks.gpu_session import Session
from benchmarks.gpu_work import Work
from torch_w2v import Word2Vec, engines
from torch_w2v.compare import compare, pairs_file
from torch_w2v.compare.gold import SHIPPED, quiet_gensim
from torch_w2v.engines import layouts
from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.engines.triton.engine import TritonEngine
from torch_w2v.system import cores


def ceilings(session: Session) -> float:
    """Measure how fast the device copies memory: far more than its caches hold, and as much as small tables.

    Returns:
        GB/s of the former, read and written.
    """
    session.say("", "## Ceilings", "")
    speeds = []
    for megabytes in (1, 1) if session.small else (4096, 24):
        a = torch.ones(megabytes << 18, device=session.device)
        b = torch.empty_like(a)
        speeds.append(2 * a.nbytes / session.seconds(lambda a=a, b=b: b.copy_(a)) / 1e9)
        session.say(f"- copying {megabytes} MB: {speeds[-1]:,.0f} GB/s (read and written)")
    return speeds[0]


def contender(session: Session, engine: str, **options: Any) -> Contender:
    device = "cpu" if engine == "cpu" else session.device
    options = {"workers": cores(), **options}
    return Contender(engine, "list", lambda seed: Word2Vec(seed=seed, engine=engine, device=device, **options))


def speed(session: Session) -> None:
    """Time `train()` on the corpus; epochs after the first are fed from memory."""
    session.say("", "## Speed on the corpus")
    row = session.table("engine", "sg", "d", "epochs after the first, M words/s", "all of train()")
    cbow = [("triton", 0, 100), ("triton", 0, 300), ("torch_batched", 0, 100), ("cpu", 0, 100)]
    for engine, sg, D in (*cbow, ("triton", 1, 100), ("triton", 1, 300), ("torch_batched", 1, 100), ("cpu", 1, 100)):
        if not session.time_for(30, f"speed of {engine} with sg={sg} at d={D}"):
            continue
        timed = contender(session, engine, vector_size=D, sg=sg)
        for seed in (1, 2) if engine == "triton" else (1,):
            timed.run(session.corpus, seed, 2 if session.small else 4)
        row(engine, sg, D, spread(timed.later), spread(timed.train))


def whole(session: Session) -> None:
    """Time Word2Vec(corpus_file=…), from the file to vectors."""
    session.say("", "## From file to vectors", "")
    epochs = 1 if session.small else 5
    for attempt in range(1 if session.small else 2):
        if not session.time_for(40, "from file to vectors"):
            return
        start = default_timer()
        Word2Vec(
            corpus_file=session.corpus.path,
            epochs=epochs,
            engine="triton",
            device=session.device,
            workers=cores(),
            min_count=1 if session.small else 5,
        )
        seconds = default_timer() - start
        session.say(f"- Word2Vec(corpus_file=…, epochs={epochs}), run {attempt + 1}: {seconds:.2f} s")


def scaling(session: Session, ceiling: float) -> None:
    """Time the engines alone, on tokens that are on the device.

    Args:
        session: of this run.
        ceiling: GB/s of copying.
    """
    n = 70 if session.small else 2_000_000
    session.say(
        "",
        "## How speed scales",
        "",
        f"One call of the engine on {n:,} synthetic tokens on the device; GB/s are those of rows.",
    )
    row = session.table("", "d", "window", "words", "blocks in flight", "M words/s", "M kept/s", "GB/s", "of copying")
    usual = {"D": 100, "window": 5, "V": 100_000}
    changes: list[tuple[str, dict[str, int]]] = [("triton", {})]
    changes += [("triton", {"D": D}) for D in (50, 200, 300, 600)]
    changes += [("triton", {"window": window}) for window in (2, 15, 50, 500)]
    changes += [("triton", {"V": V}) for V in (10_000, 1_000_000, 5_000_000)]
    changes += [("triton", {"B": B}) for B in (32, 64, 128, 512, 1024)]
    changes += [("torch_batched", change) for change in ({}, {"D": 300}, {"window": 500})]
    skip_gram: list[dict[str, int]] = [{}, {"D": 300}, {"window": 10}, {"window": 50}, {"V": 1_000_000}]
    changes += [("triton", {"sg": 1, **change}) for change in (*skip_gram, {"B": 64}, {"B": 1024})]
    changes += [("torch_batched", {"sg": 1})]
    for name, change in changes:
        sizes = {**usual, **change}
        if not session.time_for(10, f"{name} with {change}"):
            continue
        if session.small:
            sizes["V"], sizes["window"] = min(sizes["V"], 500), min(sizes["window"], 5)
        engine = (TritonEngine if name == "triton" else TorchBatchedEngine)(str(session.device))
        work = Work.make(engine, n=n, **sizes)
        kept = work.run()
        seconds = session.seconds(work.run)
        moved = ("-", "-")
        if name == "triton":
            rate = work.traffic() / seconds / 1e9
            moved = (f"{rate:,.0f}", f"{rate / ceiling:.0%}")
        title = name + (f", {', '.join(change)}" if change else "")
        speeds = (f"{n / seconds / 1e6:.1f}", f"{kept / seconds / 1e6:.1f}")
        row(title, sizes["D"], sizes["window"], f"{sizes['V']:,}", work.plan.layout.B, *speeds, *moved)


def run_small_shapes(device: torch.device, n: int = 2_000) -> None:
    """Train on small chunks of odd shapes, for a memory checker to watch."""
    engine = TritonEngine(str(device))
    for D, sg, layout in (
        (3, 0, Layout(32, 1, 32, 4)),
        (100, 0, Layout(32, 1, 32, 4)),
        (300, 0, Layout(32, 1, 32, 4)),
        (63, 0, Layout(16, 3, 32, 2)),
        (100, 1, Layout(16, 1, 32, 4)),
        (300, 1, Layout(16, 2, 32, 4)),
        (63, 1, Layout(7, 3, 20, 2)),
    ):
        for window in (2, 50):
            Work.make(engine, D=D, window=window, V=200, n=n, layout=layout, sg=sg).run()


def memory_check(session: Session) -> None:
    """Run small shapes under compute-sanitizer, if there is one."""
    session.say("", "## Memory check", "")
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if session.small:
        run_small_shapes(session.device, 100)
        session.say("- the shapes ran, without a memory checker")
        return
    if not os.path.exists(tool):
        session.say("- there is no compute-sanitizer on this machine")
        return
    if not session.time_for(60, "the memory check"):
        return
    command = [tool, "--tool", "memcheck", "--error-exitcode", "9", sys.executable, "-m", __spec__.name, "--check"]
    # Without torch's own pool every tensor is an allocation, and an access beside it is an error.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        session.say("- memcheck did not end within 90 s")
        return
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]])[-1]
    session.say(f"- memcheck: {'clean' if done.returncode == 0 else 'ERRORS'}: {last}")


def beside_gensim(session: Session) -> None:
    """Compare the quality with gensim's."""
    session.say("", "## Quality beside gensim", "")
    if not session.time_for(270, "quality beside gensim"):
        return
    result = compare(
        session.corpus.sentences,
        ("triton",),
        2 if session.small else 3,
        gold=session.gold,
        device=str(session.device),
        workers=cores(),
        epochs=1 if session.small else 5,
        min_count=1 if session.small else 5,
    )
    inferior = [verdict.measure for verdict in result.inferior]
    session.say("```", *result.lines(), "```", "", f"Inferior to gensim: {', '.join(inferior) or 'nothing'}")


def flight(session: Session, sg: int) -> None:
    """Measure the quality with different numbers of blocks in flight, and of skip-gram also on the CPU."""
    session.say("", f"## Blocks in flight against quality, {'skip-gram' if sg else 'CBOW'}", "", "One seed.")
    row = session.table("blocks", "targets", *(gold.name for gold in session.gold))
    usual, T = (layouts.skip_gram_in_flight, 16) if sg else (layouts.blocks_in_flight, 32)
    for B in (2, 4) if session.small else (0, 256, 1024, 64) if sg else (256, 1024, 64, 512, 2048, 128):
        if not session.time_for(45, f"quality with {B} blocks in flight, sg={sg}"):
            continue

        def layout(engine: TritonEngine, workload: Workload, B: int = B) -> Layout:
            return dataclasses.replace(usual(workload), B=B)

        with mock.patch.object(TritonEngine, "layout", layout), quiet_gensim():
            # Without a number of blocks it is the CPU's kernel, whose quality is compared with gensim's elsewhere.
            model = contender(session, "triton" if B else "cpu", sg=sg).make(seed=1)
            model.build_vocab_from_freq(session.corpus.counts, corpus_count=len(session.corpus.sentences))
            model.train(
                session.corpus.sentences,
                total_examples=model.corpus_count,
                total_words=session.corpus.words,
                epochs=1 if session.small else 5,
            )
            row(B or "cpu", f"{B * T:,}", *(f"{gold.score(model.wv):.3f}" for gold in session.gold))


def head(session: Session) -> Iterator[str]:
    on_gpu = session.device.type == "cuda"
    machine = torch.cuda.get_device_name(session.device) if on_gpu else "no GPU: the figures mean nothing"
    yield f"# The GPU engine on {machine}"
    yield ""
    yield (
        f"{versions()}; {session.corpus.words:,} words in {len(session.corpus.sentences):,} sentences; window=5, "
        "negative=5, sample=1e-3 unless another value is shown"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", metavar="CORPUS")
    parser.add_argument("--device", default="cuda", help="torch device of the engines (default cuda)")
    parser.add_argument("--pairs", nargs="*", default=[], metavar="FILE", help="more sets of scored word pairs")
    parser.add_argument("--out", default="gpu.md", help="path of the report (default gpu.md)")
    parser.add_argument("--seconds", type=float, default=520, help="time after which no part is begun (default 520)")
    parser.add_argument("--small", action="store_true", help="run every part with tiny sizes, to see that it runs")
    parser.add_argument("--check", action="store_true", help="only run small shapes, for a memory checker")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    start = default_timer()
    engines.check("triton", args.device)
    device = torch.device(args.device)
    if args.check:
        run_small_shapes(device)
        return 0
    gold = [*map(pairs_file, args.pairs), *SHIPPED]
    with tempfile.TemporaryDirectory() as folder, corpus_at(args.corpus) as whole_corpus:
        corpus = whole_corpus
        if args.small:
            few = os.path.join(folder, "few.txt")
            write_sentences([sentence[:20] for sentence in whole_corpus.sentences[:20]], few)
            corpus = read_corpus(few)
        open(args.out, "w", encoding="utf8").close()
        session = Session(device, corpus, args.small, args.out, start + args.seconds, gold)
        session.say(*head(session))
        ceiling = ceilings(session)
        speed(session)
        beside_gensim(session)
        whole(session)
        scaling(session, ceiling)
        memory_check(session)
        flight(session, sg=1)
        flight(session, sg=0)
        session.say("", *(f"Not measured, for lack of time: {part}" for part in session.skipped))
        session.say(f"All parts took {default_timer() - start:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

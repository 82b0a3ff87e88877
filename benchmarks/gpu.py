"""All that wants a GPU to be measured, in one call of less than nine minutes; writes a Markdown report as it goes.

    python benchmarks/gpu.py [CORPUS] [--pairs men.tsv ...] [--out gpu.md] [--seconds 520]

Ceilings of the machine, speed on CORPUS (plain text, one sentence a line; without it the demo's, which is small), the
whole of a training, quality beside gensim, how speed scales, a memory check of small shapes, and blocks in flight
against quality. What no time is left for is named in the report. `--small --device cpu` with TRITON_INTERPRET=1 in the
environment runs every part without a GPU, on twenty sentences; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from timeit import default_timer
from typing import Any
from unittest import mock

import numpy as np
import torch
from bench import Contender, Corpus, corpus_at, read, spread
from torch import Tensor

from torch_w2v import Word2Vec, engines
from torch_w2v.compare import compare
from torch_w2v.compare import gold as quality
from torch_w2v.engines import plan, sampling, streams, torch_batched, triton
from torch_w2v.engines.plan import Layout
from torch_w2v.system import cores

BAR, GOAL = 100, 300  # M raw words/s at d=100, window=5, negative=5
WHOLE_BAR, WHOLE_GOAL = 5, 2  # seconds of Word2Vec(corpus_file=…, epochs=5) on 100 MB of text


@dataclass
class Session:
    """Where to run, on what, until when, and the report."""

    device: torch.device
    corpus: Corpus
    small: bool
    out: str
    deadline: float
    gold: Sequence[quality.Gold]
    skipped: list[str] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        """Print lines and add them to the report at once: what is measured is not lost."""
        with open(self.out, "a", encoding="utf8") as file:
            for line in lines:
                print(line, flush=True)
                file.write(line + "\n")

    def table(self, *heads: str) -> Callable[..., None]:
        """Begin a table; gives a function that adds a row."""
        self.say("", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}")
        return lambda *cells: self.say(f"| {' | '.join(map(str, cells))} |")

    def time_for(self, seconds: float, what: str) -> bool:
        """Whether a part of about that length can still be done; if not, it is named in the report."""
        if self.small or default_timer() + seconds < self.deadline:
            return True
        self.skipped.append(what)
        return False

    def seconds(self, run: Callable[[], object], least: float = 0.3) -> float:
        """Of one call, the shortest of those that fit into `least` seconds, after one that is not timed."""
        run()
        best, spent = float("inf"), 0.0
        while spent < (0 if self.small else least) or best == float("inf"):
            self.wait()
            start = default_timer()
            run()
            self.wait()
            best = min(best, default_timer() - start)
            spent += best
        return best

    def wait(self) -> None:
        """Until the device has done all it was told to."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


@dataclass
class Work:
    """Synthetic tokens of a long-tailed vocabulary, as arguments of the operator on a device."""

    tables: list[Tensor]
    arguments: dict[str, Any]
    layout: Layout

    @classmethod
    def make(
        cls, device: torch.device, *, D: int, window: int, V: int, n: int, negative: int = 5,
        layout: Callable[..., Layout] = engines.blocks_in_flight, B: int | None = None,
    ) -> Work:  # fmt: skip
        """n tokens in sentences of 25 whose words follow Zipf's law, subsampled as with sample=1e-3."""
        p = 1 / (np.arange(V) + 2.7)
        p /= p.sum()
        keep = np.minimum(1, (np.sqrt(p / 1e-3) + 1) * 1e-3 / p)
        generator = torch.Generator(device).manual_seed(1)
        drawn = torch.rand(n, generator=generator, device=device, dtype=torch.float64)
        tokens = torch.searchsorted(torch.from_numpy(p.cumsum()).to(device), drawn).clamp(max=V - 1).int()
        share, noise = p * keep / (p * keep).sum(), p**0.75 / (p**0.75).sum()
        # Blocks are many enough in a real corpus, of which this is one chunk.
        form = layout(negative, 1e9, window + 1.0)
        if B is not None:
            form = Layout(form.T, form.S, form.N, B)
        scales = plan.row_scales(share, noise, form, negative, min(window + 1.0, 24.0), np.ones(1), 0.025)
        tables = [triton.padded(torch.zeros(V, D), device=device) for _ in range(2)]
        for table in tables:
            table.uniform_(-0.1, 0.1, generator=generator)
        made = plan.TrainingPlan(
            window=window, negative=negative, cbow_mean=True, shrink_windows=True, compute_loss=False,
            exact_gradient=False, layout=form, keep=(keep * (2**32 - 1)).astype(np.uint32).view(np.int32),
            noise=streams.alias_table(noise), input_scale=scales[0], output_scale=scales[1], seed=1,
        )  # fmt: skip
        offsets = torch.arange(0, n + 1, 25, device=device)
        if int(offsets[-1]) < n:
            offsets = torch.cat([offsets, torch.tensor([n], device=device)])
        chunk = {"tokens": tokens, "offsets": offsets, "begin": 0, "end": n, "position": 0}
        rates = {"alpha_begin": 0.025, "alpha_end": 0.025}
        options = {
            name: torch.from_numpy(x).to(device) if isinstance(x, np.ndarray) else x
            for name, x in made.arguments(0, 0).items()
        }
        return cls(tables, {**chunk, **rates, **options}, form)

    def run(self, train_chunk: Callable[..., Tensor] = triton.train_chunk) -> int:
        """Train on the chunk once; gives the kept tokens."""
        return int(train_chunk(*self.tables, **self.arguments)[0])

    def traffic(self) -> float:
        """Bytes of rows that one run moves: each is read (twice where it is several tiles), then read and written."""
        a = self.arguments
        kept = sampling.kept_stream(
            a["tokens"], a["offsets"], 0, a["keep"], a["token_stream"], a["window"], a["shrink_windows"]
        )
        T, S, N = self.layout.T, self.layout.S, self.layout.N
        blocks = -(-len(kept.ids) // T)
        fill = (0, blocks * T - len(kept.ids))
        low = torch.nn.functional.pad(kept.low, fill, value=len(kept.ids)).view(blocks, T).amin(1)
        high = torch.nn.functional.pad(kept.high, fill).view(blocks, T).amax(1)
        D = self.tables[0].stride(0)
        reads = 1 if triton.shape(D, T, S, N)["BD"] >= D else 2
        return 4.0 * D * (3 * float((high - low).sum()) + (2 + reads) * (len(kept.ids) + blocks * S * N))


def ceilings(session: Session) -> float:
    """GB/s of copying what is far larger than the caches, and what is as large as small tables."""
    session.say("", "## Ceilings", "")
    found = []
    for megabytes in (1, 1) if session.small else (4096, 24):
        a = torch.ones(megabytes << 18, device=session.device)
        b = torch.empty_like(a)
        found.append(2 * a.nbytes / session.seconds(lambda a=a, b=b: b.copy_(a)) / 1e9)
        session.say(f"- copying {megabytes} MB: {found[-1]:,.0f} GB/s (read and written)")
    return found[0]


def models(session: Session, engine: str, epochs: int, **options: Any) -> Contender:
    device = "cpu" if engine == "cpu" else session.device
    made = {"workers": cores(), **options}
    return Contender(engine, "list", lambda seed: Word2Vec(seed=seed, engine=engine, device=device, **made))


def speed(session: Session) -> None:
    """`train()` on the corpus; epochs after the first are fed from memory."""
    session.say("", "## Speed on the corpus", "", f"Bar {BAR}, goal {GOAL} M raw words/s at d=100.")
    row = session.table("engine", "d", "epochs after the first, M raw words/s", "all of train()")
    for engine, D in (("triton", 100), ("triton", 300), ("torch_batched", 100), ("cpu", 100)):
        if not session.time_for(30, f"speed of {engine} at d={D}"):
            continue
        contender = models(session, engine, 4, vector_size=D)
        for seed in (1, 2) if engine == "triton" else (1,):
            contender.run(session.corpus, seed, 2 if session.small else 4, False)
        row(engine, D, spread(contender.later), spread(contender.train))


def whole(session: Session) -> None:
    """Word2Vec(corpus_file=…), from the file to vectors."""
    session.say("", "## From file to vectors", "", f"Bar {WHOLE_BAR} s, goal {WHOLE_GOAL} s on 100 MB of text.", "")
    for attempt in range(1 if session.small else 2):
        if not session.time_for(40, "from file to vectors"):
            return
        start = default_timer()
        Word2Vec(
            corpus_file=session.corpus.path, epochs=1 if session.small else 5, engine="triton", device=session.device,
            workers=cores(), min_count=1 if session.small else 5,
        )  # fmt: skip
        session.say(f"- Word2Vec(corpus_file, epochs=5), run {attempt + 1}: {default_timer() - start:.2f} s")


def scaling(session: Session, ceiling: float) -> None:
    """The operator alone on tokens that are on the device."""
    n = 70 if session.small else 2_000_000
    session.say(
        "", "## How speed scales", "",
        f"The operator on {n:,} synthetic tokens already on the device; rows moved a second beside copying.",
    )  # fmt: skip
    row = session.table(
        "", "d", "window", "words", "blocks in flight", "M raw words/s", "M kept/s", "GB/s", "of copying"
    )
    usual = {"D": 100, "window": 5, "V": 100_000}
    shapes: list[tuple[str, dict[str, int]]] = [("triton", {})]
    shapes += [("triton", {"D": D}) for D in (50, 200, 300, 600)]
    shapes += [("triton", {"window": window}) for window in (2, 15, 50, 500)]
    shapes += [("triton", {"V": V}) for V in (10_000, 1_000_000, 5_000_000)]
    shapes += [("triton", {"B": B}) for B in (32, 64, 128, 512, 1024)]
    shapes += [("torch_batched", {}), ("torch_batched", {"D": 300}), ("torch_batched", {"window": 500})]
    for engine, change in shapes:
        shape = {**usual, **change}
        if not session.time_for(10, f"{engine} with {change}"):
            continue
        if session.small:
            shape["V"], shape["window"] = min(shape["V"], 500), min(shape["window"], 5)
        batched = engine == "torch_batched"
        layout = engines.many_blocks if batched else engines.blocks_in_flight
        work = Work.make(session.device, n=n, layout=layout, **shape)
        train_chunk = torch_batched.train_chunk if batched else triton.train_chunk
        kept = work.run(train_chunk)
        seconds = session.seconds(lambda work=work, train_chunk=train_chunk: work.run(train_chunk))
        rate = work.traffic() / seconds / 1e9
        moved = ("-", "-") if batched else (f"{rate:,.0f}", f"{rate / ceiling:.0%}")
        name = engine + (f", {', '.join(change)}" if change else "")
        row(name, shape["D"], shape["window"], f"{shape['V']:,}", work.layout.B, f"{n / seconds / 1e6:.1f}",
            f"{kept / seconds / 1e6:.1f}", *moved)  # fmt: skip


def check_small(device: torch.device, n: int = 2_000) -> None:
    """Odd shapes, for a memory checker to watch."""
    for D, layout in ((3, (32, 1, 32, 4)), (100, (32, 1, 32, 4)), (300, (32, 1, 32, 4)), (63, (16, 3, 32, 2))):
        for window in (2, 50):
            work = Work.make(device, D=D, window=window, V=200, n=n, layout=lambda *_, form=layout: Layout(*form))
            work.run()


def memory_check(session: Session) -> None:
    """compute-sanitizer, where there is one."""
    session.say("", "## Memory check", "")
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if session.small:
        check_small(session.device, 100)
        session.say("- shapes ran; not checked")
        return
    if not os.path.exists(tool):
        session.say("- no compute-sanitizer on this machine")
        return
    if not session.time_for(60, "the memory check"):
        return
    command = [tool, "--tool", "memcheck", "--error-exitcode", "9", sys.executable, __file__, "--check"]
    # Without torch's own pool each tensor is an allocation, and what lies beside it belongs to nobody.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        session.say("- memcheck was not done within 90 s")
        return
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]])[-1]
    session.say(f"- memcheck: {'clean' if done.returncode == 0 else 'ERRORS'}: {last}")


def beside_gensim(session: Session) -> None:
    """torch_w2v.compare with three seeds, margins fixed beforehand."""
    session.say("", "## Quality beside gensim", "")
    if not session.time_for(270, "quality beside gensim"):
        return
    found = compare(
        session.corpus.sentences, ("triton",), 2 if session.small else 3, gold=session.gold, device=str(session.device),
        workers=cores(), epochs=1 if session.small else 5, min_count=1 if session.small else 5,
    )  # fmt: skip
    session.say(
        "```", *found.lines(), "```", "", f"Worse than gensim: {[v.measure for v in found.inferior] or 'nothing'}"
    )


def flight(session: Session) -> None:
    """Blocks in flight against quality, one seed."""
    session.say("", "## Blocks in flight against quality", "", "One seed; T=32, N=32.")
    row = session.table("blocks", "targets", *(gold.name for gold in session.gold))
    usual = engines.blocks_in_flight
    for B in (2, 4) if session.small else (256, 1024, 64, 512, 2048, 128):
        if not session.time_for(45, f"quality with {B} blocks in flight"):
            continue

        def layout(negative: int, kept: float, context: float, mean: bool, B: int = B) -> Layout:
            form = usual(negative, kept, context, mean)
            return Layout(form.T, form.S, form.N, B)

        with mock.patch.dict(engines._LAYOUTS, triton=layout), quality.quiet_gensim():
            model = models(session, "triton", 1).make(seed=1)
            model.build_vocab_from_freq(session.corpus.counts, corpus_count=len(session.corpus.sentences))
            model.train(
                session.corpus.sentences, total_examples=model.corpus_count, total_words=session.corpus.words,
                epochs=1 if session.small else 5,
            )  # fmt: skip
            row(B, f"{B * 32:,}", *(f"{gold.score(model.wv):.3f}" for gold in session.gold))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", metavar="CORPUS")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pairs", nargs="*", default=[], metavar="FILE", help="more sets of scored word pairs")
    parser.add_argument("--out", default="gpu.md", help="the report (default gpu.md)")
    parser.add_argument("--seconds", type=float, default=520, help="when to begin nothing more (default 520)")
    parser.add_argument("--small", action="store_true", help="every part with tiny sizes, to see that it runs")
    parser.add_argument("--check", action="store_true", help="only run small shapes, for a memory checker")
    return parser.parse_args()


def head(session: Session) -> Iterable[str]:
    name = (
        torch.cuda.get_device_name(session.device) if session.device.type == "cuda" else "no GPU: figures mean nothing"
    )
    words, sentences = session.corpus.words, len(session.corpus.sentences)
    yield f"# The GPU engine on {name}"
    yield ""
    yield (
        f"torch {torch.__version__}, Python {platform.python_version()}, {cores()} cores; {words:,} words in "
        f"{sentences:,} sentences; window=5, negative=5, sample=1e-3 unless said otherwise"
    )


def main() -> int:
    args = arguments()
    start = default_timer()
    engines.check("triton", args.device)
    device = torch.device(args.device)
    if args.check:
        check_small(device)
        return 0
    gold = [*map(quality.pairs_file, args.pairs), *quality.SHIPPED]
    with (
        tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf8") as few,
        corpus_at(args.corpus) as text,
        open(args.out, "w", encoding="utf8"),
    ):
        if args.small:
            few.writelines(" ".join(sentence[:20]) + "\n" for sentence in text.sentences[:20])
            few.flush()
        corpus = read(few.name) if args.small else text
        session = Session(device, corpus, args.small, args.out, start + args.seconds, gold)
        session.say(*head(session))
        ceiling = ceilings(session)
        speed(session)
        beside_gensim(session)
        whole(session)
        scaling(session, ceiling)
        memory_check(session)
        flight(session)
        session.say("", *(f"Not measured, no time left: {what}" for what in session.skipped))
        session.say(f"{default_timer() - start:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The corpus of the demo: Wikipedia articles that come with gensim."""

from __future__ import annotations

import bz2
from collections.abc import Callable

from gensim.corpora.wikicorpus import extract_pages, filter_wiki
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def demo_corpus(progress: Callable[[str], None] = lambda text: None) -> list[list[str]]:
    """Extract the 106 Wikipedia articles in gensim's wheel, which takes seconds.

    A sentence is a paragraph (a line of an article's text) rather than an article, because gensim drops what lies
    beyond the first 10,000 words of a sentence, and because windows should not reach across a heading. Redirects and
    paragraphs of one word are left out.

    Args:
        progress: called with a short text for each article.

    Returns:
        Lower-case words, one list per paragraph.
    """
    sentences: list[list[str]] = []
    with bz2.open(datapath(DUMP)) as dump:
        for title, text, _ in extract_pages(dump, filter_namespaces=("0",)):
            if not text or text.lstrip().lower().startswith("#redirect"):
                continue
            progress(f"{len(sentences):,} paragraphs; {title}")
            paragraphs = map(simple_preprocess, filter_wiki(text).splitlines())
            sentences += [words for words in paragraphs if len(words) > 1]
    return sentences

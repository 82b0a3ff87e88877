"""A folder for Hugging Face's hub: vectors, and a model card written from the facts of their training."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.export import sentence_model
from torch_w2v.facts import facts_of
from torch_w2v.files import path_of, replacing
from torch_w2v.formats import save_vectors, texts_of, vectors_of

CARD, VECTORS = "README.md", "vectors.safetensors"
FILES = (*sentence_model.FILES, VECTORS, CARD)
_TAGS = ("word2vec", "static-embeddings", "model2vec", "sentence-transformers", "gensim")
_EXAMPLES, _NEIGHBOURS = 8, 5

# fact -> how the card calls it
_NAMES = {
    "vectors": "words in the vocabulary",
    "dimensions": "dimensions",
    "corpus_words": "words in the corpus",
    "corpus_sentences": "sentences in the corpus",
    "train_seconds": "seconds of training",
    "losses": "mean loss of each epoch, in nats per pair, estimated unless compute_loss",
    "gensim": "version of gensim",
}


def save_hub_folder(
    model: PlainWord2Vec | KeyedVectors,
    folder: str | os.PathLike[str],
    name: str | None = None,
    license: str | None = None,
    language: str | Sequence[str] | None = (),
    lowercase: bool = False,
    split: str = "whitespace",
) -> None:
    """Write a folder to upload to Hugging Face's hub; nothing is uploaded.

    It has the files of `save_static_embedding`, `vectors.safetensors` for `torch_w2v.load_vectors`, and a model card,
    README.md, with what is known of the training: of a model its arguments, corpus, time and losses, of vectors what
    their file had. The card claims nothing else.

    Args:
        model: a model or vectors.
        folder: is made if it is not there.
        name: the title of the card; by default the name of the folder.
        license: an identifier of the hub's, such as 'cc-by-sa-4.0'; by default the card names none.
        language: the language of the words, or several, as codes such as 'en'; by default the card names none.
        lowercase, split: as for `save_static_embedding`.

    Raises:
        TypeError: a language is no str.
        ValueError, TypeError, ImportError, OSError: as `save_static_embedding` and `torch_w2v.formats.save_vectors`.
    """
    languages = _languages(language)
    folder = path_of(folder)
    texts_of(vectors_of(model))  # refuses words that are no texts, before anything is written
    title = name or os.path.basename(os.path.abspath(folder))
    card = "".join(f"{line}\n" for line in _card(model, title, license, languages, lowercase, split))
    sentence_model.save_static_embedding(model, folder, lowercase, split)
    save_vectors(model, os.path.join(folder, VECTORS))
    with replacing(os.path.join(folder, CARD)) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(card)


def _languages(language: Any) -> list[str]:
    given = language or ()
    languages = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if not all(isinstance(code, str) for code in languages):
        raise TypeError(f"language={language!r}: must be a code such as 'en', or a list of codes")
    return languages


def _card(
    model: PlainWord2Vec | KeyedVectors,
    title: str,
    license_id: str | None,
    languages: list[str],
    lowercase: bool,
    split: str,
) -> Iterator[str]:
    """Yield the lines of the model card. Text of others is escaped, since a card is Markdown below YAML."""
    vectors, facts = vectors_of(model), facts_of(model)
    yield "---"
    yield "library_name: model2vec"
    yield f"tags: {json.dumps(_TAGS)}"
    if languages:
        yield f"language: {json.dumps(languages)}"
    if license_id:
        yield f"license: {json.dumps(license_id)}"
    yield "---"
    yield ""
    yield f"# {_escaped(title)}"
    yield ""
    yield f"{len(vectors):,} word vectors of {vectors.vector_size} dimensions{_how(facts)}."
    yield ""
    yield "## Use"
    yield ""
    yield "FOLDER is a copy of this repository."
    yield ""
    yield "```python"
    yield "from model2vec import StaticModel"
    yield ""
    yield 'StaticModel.from_pretrained("FOLDER").encode(["some words"])'
    yield "```"
    yield ""
    yield "```python"
    yield "from sentence_transformers import SentenceTransformer"
    yield ""
    yield 'SentenceTransformer("FOLDER").encode(["some words"])'
    yield "```"
    yield ""
    yield "As gensim's `KeyedVectors`:"
    yield ""
    yield "```python"
    yield "from torch_w2v import load_vectors"
    yield ""
    yield f'load_vectors("FOLDER/{VECTORS}").most_similar("word")'
    yield "```"
    yield ""
    yield (
        f"The first two split text at {'white space and punctuation' if split == 'punctuation' else 'white space'}"
        f"{' and change it to lower case' if lowercase else ''}. The vector of a text is the mean over its words."
    )
    yield ""
    yield "## Training"
    yield ""
    yield "| what | value |"
    yield "|---|---|"
    for key, label in _NAMES.items():
        if key in facts:
            yield f"| {label} | {_shown(facts[key])} |"
    for argument, value in facts.get("arguments", {}).items():
        yield f"| `{argument}` | {_shown(value)} |"
    if "arguments" not in facts:
        yield ""
        yield "Only the vectors were at hand when this card was written: how they were trained is not known."
    yield from _examples(vectors)
    yield ""
    yield "## Limits"
    yield ""
    yield (
        "A word has one vector, whatever it means in a sentence, and words outside the vocabulary have none. The "
        "vectors have learned what is in the corpus, its prejudices included. This card reports no evaluation."
    )


def _how(facts: dict[str, Any]) -> str:
    """Return how vectors were trained, as the end of a sentence."""
    arguments = facts.get("arguments")
    if arguments is None:
        return ""
    model = "skip-gram" if arguments.get("sg") else "CBOW"
    loss = "hierarchical softmax" if arguments.get("hs") else "negative sampling"
    corpus = f" on {facts['corpus_words']:,} words of text" if "corpus_words" in facts else ""
    return f", trained with word2vec ({model} with {loss}){corpus}"


def _examples(vectors: KeyedVectors) -> Iterator[str]:
    """Yield a table with the nearest neighbours of some words that are frequent, but not the most frequent ones."""
    first = min(100, len(vectors) // 4)
    rows = range(first, len(vectors), max(1, min(50, (len(vectors) - first) // _EXAMPLES)))[:_EXAMPLES]
    if len(vectors) <= 1:
        return
    yield ""
    yield "## Neighbours"
    yield ""
    yield f"The nearest neighbours by cosine of {len(rows)} words, chosen by their rank alone:"
    yield ""
    yield "| word | neighbours |"
    yield "|---|---|"
    for row in rows:
        word = vectors.index_to_key[row]
        near = vectors.most_similar(word, topn=_NEIGHBOURS)
        neighbours = ", ".join(f"{_escaped(str(other))} ({cosine:.2f})" for other, cosine in near)
        yield f"| {_escaped(str(word))} | {neighbours} |"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    """Return text as Markdown that shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$&])", r"\\\1", " ".join(text.split()))

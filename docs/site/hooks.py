"""What mkdocs does beyond its configuration: pages from the root of the repository, pages of docstrings, and links.

The pages are written for a reader of the repository, where README.md is above docs/. On the site it is the first page.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# files above docs/ -> their pages
ABOVE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "RELEASE.md": "release.md",
    "SECURITY.md": "security.md",
    "LICENSE": "license.md",
}
# title of a page of docstrings -> what it shows
DOCSTRINGS = {
    "Word2Vec": ["torch_w2v.word2vec.Word2Vec", "torch_w2v.gensim_compat.reading.CorpusReading"],
    "accel": ["torch_w2v.accel"],
    "formats": ["torch_w2v.formats"],
    "export": [
        "torch_w2v.export.embedding",
        "torch_w2v.export.projector",
        "torch_w2v.export.sentence_model",
        "torch_w2v.export.hub",
        "torch_w2v.export.index",
    ],
    "sklearn": ["torch_w2v.sklearn"],
    "corpus": [
        "torch_w2v.corpus.sources.files",
        "torch_w2v.corpus.columns.split_texts",
        "torch_w2v.corpus.text.Text",
        "torch_w2v.corpus.columns.Column",
        "torch_w2v.corpus.encoded_file.EncodedFile",
        "torch_w2v.corpus.encoded_file.write",
    ],
    "module": ["torch_w2v.module.cbow", "torch_w2v.module.skip_gram", "torch_w2v.module.two_tables"],
    "dataset": ["torch_w2v.dataset.cbow", "torch_w2v.dataset.skip_gram", "torch_w2v.dataset.negatives"],
    "compare": ["torch_w2v.compare.comparison", "torch_w2v.compare.results", "torch_w2v.compare.gold"],
    "engines": ["torch_w2v.engines.interface", "torch_w2v.engines.plan"],
}
_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the lists of the navigation that are one entry per file."""
    measurements = sorted((ROOT / "docs" / "development" / "measurements").glob("*.md"))
    _fill(config.nav, "Docstrings", [{title: _docstring_page(title)} for title in DOCSTRINGS])
    _fill(config.nav, "Measurements", [f"development/measurements/{path.name}" for path in measurements])
    return config


def _fill(nav: Any, title: str, entries: list[Any]) -> None:
    for item in nav:
        for name, children in item.items() if isinstance(item, dict) else ():
            if name == title:
                item[name] = entries
            elif isinstance(children, list):
                _fill(children, title, entries)


def _docstring_page(title: str) -> str:
    return f"reference/docstrings/{title}.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for source, page in ABOVE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if not source.endswith(".md"):
            text = f"# License\n\n```text\n{text}\n```\n"
        files.append(File.generated(config, page, content=text))
    for title, names in DOCSTRINGS.items():
        shown = "\n\n".join(f"::: {name}" for name in names)
        heading = title if title == "Word2Vec" else f"torch_w2v.{title}"
        files.append(File.generated(config, _docstring_page(title), content=f"# {heading}\n\n{shown}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    here = page.file.src_uri
    above = {uri: source for source, uri in ABOVE.items()}
    source = above.get(here, f"docs/{here}")

    def on_site(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        if target not in ABOVE and not target.startswith("docs/"):
            return match[0]
        uri = ABOVE.get(target, target.removeprefix("docs/"))
        return f"{match[1]}{posixpath.relpath(uri, posixpath.dirname(here) or '.')}{match[3] or ''}{match[4]}"

    return _LINK.sub(on_site, markdown)

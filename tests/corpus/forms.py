"""One corpus in the forms that gensim's readers take."""

import gzip

from gensim.models.word2vec import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus

from tests.helpers import words

SENTENCES = [sentence for sentence in words(60) if sentence]  # files have no empty sentences
TEXT = "".join(" ".join(sentence) + "\n" for sentence in SENTENCES)


def text8(path):
    path.write_text(TEXT.replace("\n", " "))
    return Text8Corpus(str(path))


def brown(path):
    path.mkdir()
    (path / "ca01").write_text("".join(" ".join(f"{word}/nn" for word in s) + "\n" for s in SENTENCES))
    return BrownCorpus(str(path))


def line_sentence(path):
    path.write_text(TEXT)
    return LineSentence(str(path))


def path_line_sentences(path):
    path.mkdir()
    half = len(TEXT) // 2 + TEXT[len(TEXT) // 2 :].index("\n") + 1
    (path / "1.txt").write_text(TEXT[:half])
    (path / "2.txt.gz").write_bytes(gzip.compress(TEXT[half:].encode()))
    return PathLineSentences(str(path))

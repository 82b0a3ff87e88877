"""The report of one training."""

import base64
import re

import numpy as np

from tests.helpers import ours, topics
from torch_w2v.callbacks import Evaluate, History
from torch_w2v.report import training, training_plots


def test_the_page_needs_no_other_file_and_has_everything(tmp_path):
    history = History()
    evaluate = Evaluate(functions={"a <b>": lambda model: 1.5})
    model = ours(topics(), epochs=3, comment="<i>&", callbacks=[evaluate, history])
    path = training.write(model, history, tmp_path / "report.html", {"corpus": "topics.txt"})
    page = (tmp_path / "report.html").read_text("utf8")
    assert path == str(tmp_path / "report.html")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    images = re.findall(r"src=\"data:image/png;base64,([^\"]+)\"", page)
    assert len(images) == 3
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
    assert "3 of 3 epochs over 3,600 words" in page
    assert "topics.txt" in page
    assert "&lt;i&gt;&amp;" in page
    assert "a &lt;b&gt;" in page
    assert "<i>" not in page
    for word in (model.wv.index_to_key[1], model.wv.index_to_key[-1]):
        assert re.search(rf"<td><b>{word}</b></td><td>[ab]\d -?[01]\.\d\d, ", page)


def test_a_history_alone(tmp_path):
    history = History()
    ours(topics(), epochs=2, callbacks=[history])
    history.to_html(tmp_path / "history.html")
    assert (tmp_path / "history.html").read_text("utf8").count("data:image/png") == 1
    assert len(history.plot().axes) == 3


def test_a_tiny_vocabulary(tmp_path):
    history = History()
    model = ours([["a", "b"] * 5] * 20, vector_size=1, callbacks=[history])
    training.write(model, history, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf8")
    assert page.count("data:image/png") == 2
    for word, other in ("ab", "ba"):
        assert re.search(rf"<td><b>{word}</b></td><td>{other} -?1\.00</td>", page)
    assert training_plots.plane(model.wv.vectors).shape == (2, 2)


def test_the_plane_is_that_of_the_largest_differences():
    angle = np.arange(50) * 2 * np.pi / 50
    rows = np.zeros((50, 5))
    rows[:, 3], rows[:, 1], rows[:, 0] = 0.1 * np.cos(angle), 0.03 * np.sin(angle), 10
    places = training_plots.plane(rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for i, column in enumerate((3, 1)):
        assert abs(np.corrcoef(places[:, i], unit[:, column])[0, 1]) > 0.999
    assert training_plots.plane(rows[:1]).shape == (1, 2)

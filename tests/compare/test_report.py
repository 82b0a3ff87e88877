import base64
import re
import sys

import pytest

from tests.helpers import topics
from torch_w2v.compare import compare, report


@pytest.fixture(scope="module")
def result():
    options = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 1, "comment": "<b>&"}
    return compare(topics(100), ("torch_batched",), 2, held_out=0.1, **options)


def test_the_page_needs_no_other_file(result, tmp_path):
    path = report.write(result, str(tmp_path))
    page = (tmp_path / "report.html").read_text("utf8")
    assert path == str(tmp_path / "report.html")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    images = re.findall(r"src=\"data:image/png;base64,([^\"]+)\"", page)
    assert len(images) == 3
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
    for verdict in result.verdicts:
        assert f"<td>{verdict.measure}</td>" in page
    assert "&lt;b&gt;&amp;" in page
    assert "WordSim-353: left out, since only 0 of its 353 word pairs are known" in page


def test_a_report_that_is_there_is_kept(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ValueError, match=r"report.html: exists"):
        report.check(str(tmp_path))


def test_a_folder_is_made_and_a_file_is_refused(tmp_path):
    report.check(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file: cannot make this folder"):
        report.check(str(tmp_path / "file"))


def test_without_matplotlib_the_error_has_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'torch_w2v[report]'")):
        report.check(str(tmp_path))

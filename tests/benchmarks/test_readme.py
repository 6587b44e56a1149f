"""The README's commands, run as they stand in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import soundfile as sf

from benchmarks import readme
from rtdenoise import RtdenoiseError

ROOT = Path(__file__).parents[2]


def command(name: str) -> str:
    """The shell command below `<!-- command: name -->`."""
    text = (ROOT / "README.md").read_text()
    return re.search(rf"<!-- command: {name} -->\s*```sh\n(.*?)```", text, re.S).group(1).strip()


def test_the_first_command_on_a_clean_virtual_environment(tmp_path, bare_python):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    for name in files.split():
        if name.startswith(("rtdenoise/", "examples/")) or "/" not in name:
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    env["PATH"] = f"{bare_python.parent}:{env['PATH']}"
    result = subprocess.run(
        ["bash", "-c", command("try")],
        cwd=tmp_path / "checkout",
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    before = sf.info(tmp_path / "checkout/examples/noisy.wav")
    after = sf.info(tmp_path / "checkout/denoised.wav")
    assert (before.frames, before.samplerate) == (after.frames, after.samplerate)
    listed = subprocess.run(
        [bare_python.with_name("pip"), "list"], env=env, capture_output=True, text=True
    ).stdout
    assert not re.search(r"^torch", listed, re.M)
    sites = list(bare_python.parents[1].glob("lib/python*/site-packages"))
    assert not any((site / name).exists() for site in sites for name in ("train", "export"))


def test_ci_runs_the_readmes_test_command():
    assert command("test") == "pip install '.[test]' && python -m pytest"
    assert "command: test" in (ROOT / ".ci/run").read_text()


def between_markers(page: Path) -> str:
    return page.read_text().split(readme.BEGIN)[1].split(readme.END)[0]


def test_the_measurements_are_those_of_the_result_files():
    results = ROOT / "benchmarks" / "results"
    short, long = between_markers(ROOT / "README.md"), between_markers(ROOT / readme.LONG_PAGE)
    beside = between_markers(ROOT / readme.COMPARISON_PAGE)
    assert beside == readme.compared(results, readme.NAMES) and "| DeepFilterNet 3 |" in beside
    assert short == readme.measured(results)
    assert long == readme.measured_long(results)
    assert "**Sound quality**" in short and "## Sound quality" in long


@pytest.fixture
def pages(tmp_path):
    """A README and its pages in docs/, with markers around nothing."""
    (tmp_path / "docs").mkdir()
    for page in (
        tmp_path / name for name in ("README.md", readme.LONG_PAGE, readme.COMPARISON_PAGE)
    ):
        page.write_text(f"above\n{readme.BEGIN}old\n{readme.END}\nbelow\n")
    return tmp_path


def test_only_the_text_between_the_markers_is_rewritten(pages):
    made = readme.readme(pages / "README.md", ROOT / "benchmarks" / "results")
    assert between_markers(pages / "README.md") == made
    assert len(between_markers(pages / readme.LONG_PAGE)) > len(made) > 1000
    for page in (pages / "README.md", pages / readme.LONG_PAGE):
        assert page.read_text().startswith("above\n") and page.read_text().endswith("below\n")
        assert "old" not in page.read_text()


@pytest.mark.parametrize("bad", ["", "no markers", 2 * (readme.BEGIN + readme.END)])
def test_a_page_without_its_markers_leaves_both_pages_as_they_are(pages, bad):
    (pages / readme.LONG_PAGE).write_text(bad)
    before = (pages / "README.md").read_text()
    with pytest.raises(RtdenoiseError, match="docs/benchmarks.md needs the lines"):
        readme.readme(pages / "README.md", ROOT / "benchmarks" / "results")
    assert (pages / "README.md").read_text() == before
    assert (pages / readme.LONG_PAGE).read_text() == bad


def test_results_that_are_not_measured_yet_have_no_section(pages, tmp_path):
    (tmp_path / "results").mkdir()
    assert readme.readme(pages / "README.md", tmp_path / "results") == "\n"


def check_of_a_card(provider: str) -> dict:
    """What `gpu_check` writes, with two of its steps."""
    card = {"card": "NVIDIA H200, 580.1, 143771 MiB", "onnxruntime": "1.31.1", "summary": "H200"}
    streams = {"summary": "640 streams within 10 ms", "table": "# Joint hop\n\n| a |\n"}
    steps = {"card": card, "streams": streams, "files": {"failed": "stopped after 50 s"}}
    return {"provider": provider, "steps": steps}


def test_a_check_on_a_card_gets_a_section(pages, tmp_path):
    (tmp_path / "gpu_check.json").write_text(json.dumps(check_of_a_card("cuda")))
    short = readme.readme(pages / "README.md", tmp_path)
    assert "**GPU** (NVIDIA H200, driver 580.1, onnxruntime 1.31.1;" in short
    assert "| streams | 640 streams within 10 ms |\n| files | failed: stopped after 50 s |" in short
    long = between_markers(pages / readme.LONG_PAGE)
    assert "| card | H200 |" in long and "### Joint hop" in long


def test_a_try_on_the_cpu_is_no_figure_of_a_gpu(pages, tmp_path):
    (tmp_path / "gpu_check.json").write_text(json.dumps(check_of_a_card("cpu")))
    assert readme.readme(pages / "README.md", tmp_path).strip() == ""


def test_the_comparison_has_a_sign_for_better_and_worse(tmp_path):
    scores = {"PESQ": 2.0, "ESTOI": 0.5, "SISDR": 9.0, "OVRL": 2.5, "LSD_hi": 5.0}
    other = {"PESQ": 2.1, "ESTOI": 0.4, "SISDR": 9.0, "OVRL": 2.0, "LSD_hi": 4.0}
    systems = {"rtdenoise default 1": scores, "dfn3": other, "clean": other}
    (tmp_path / "quality.json").write_text(json.dumps({"systems": systems}))
    text = readme.compared(tmp_path, readme.NAMES)
    assert "| DeepFilterNet 3 | -0.10 | +0.100 | +0.00 | +0.50 | -1.00 |" in text
    assert "ahead of 0 of 1 in PESQ" in text


def test_peers_that_are_not_installed_are_named():
    beside = {"ours": 0.25, "peers": {}, "missing": ["RNNoise 0.2"]}
    assert readme._peers(beside).endswith("rtdenoise 0.250 ms. Not installed: RNNoise 0.2.")

"""The page's files: one script each for page and worker, a strict policy, nothing from afar."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import rtdenoise
from rtdenoise.app import Runtime, build_site
from rtdenoise.app.single_file import single_file
from rtdenoise.app.site import bundle, policy
from rtdenoise.errors import RtdenoiseError

PAGE = Path(rtdenoise.__file__).parent / "app/page"
RUNTIME = Runtime(b"export default 0", b"\0asm")
DECLARED = re.compile(r"^(?:async )?(?:function|class|const|let) (\w+)", re.M)


@pytest.mark.parametrize("entry", ["main.js", "worker.js"])
def test_a_bundle_has_no_imports_and_no_name_twice(entry):
    script = bundle(entry)
    assert not re.search(r"^(import|export)\b", script, re.M)
    names = Counter(DECLARED.findall(script))
    assert names and max(names.values()) == 1, names.most_common(3)


def test_every_module_is_used():
    used = set(re.findall(r"^// ([\w-]+\.js)$", bundle("main.js") + bundle("worker.js"), re.M))
    assert {path.name for path in PAGE.glob("*.js")} == used | {"worklet.js"}


def test_nothing_comes_from_afar():
    for path in PAGE.iterdir():
        addresses = set(re.findall(r"https?://[^\s\"']+", path.read_text("utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path


def test_the_policy_allows_nothing_inline_and_no_eval():
    text = policy()
    assert "default-src 'none'" in text and "connect-src 'self'" in text
    assert "unsafe-inline" not in text and "'unsafe-eval'" not in text
    html = build_site(RUNTIME).files["index.html"].decode()
    assert f'content="{text}"' in html
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\son\w+=|\sstyle=", html)


def test_the_settings_describe_the_model():
    site = build_site(RUNTIME, max_mb=1.5)
    settings = json.loads(site.files["settings.json"])
    assert settings["maxBytes"] == 1_500_000 and settings["opening"] == 28_800
    assert settings["model"]["name"] == site.model.card.name
    states = {i.name for i in site.model.session.get_inputs()} - {"audio"}
    assert {state["name"] for state in settings["model"]["states"]} == states
    assert site.files["model.onnx"] == site.model.path.read_bytes()


def test_a_model_of_another_form_is_refused(toy_segment_model):
    with pytest.raises(RtdenoiseError, match="-stream.onnx"):
        build_site(RUNTIME, toy_segment_model)


def test_one_file_holds_the_whole_page():
    html = single_file(build_site(RUNTIME))
    assert not re.search(r"\b(src|href)=\"(?!data:)", html)
    assert html.count('<script type="module">') == html.count("<style>") == 1
    assert "script-src 'sha256-" in html and "connect-src 'none'" in html

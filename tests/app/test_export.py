"""The exported folder, the commands around it, and the page from a file:// address."""

from __future__ import annotations

import signal
import subprocess
import urllib.request
from pathlib import Path
from urllib.request import urlopen

import pytest

from rtdenoise.app.runtime import SHA256
from tests.command import RTDENOISE, refused, run
from tests.test_telemetry import trace, unexpected

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package(runtime, tmp_path_factory) -> Path:
    """A folder with the files of onnxruntime-web."""
    folder = tmp_path_factory.mktemp("package")
    for name, content in zip(SHA256, runtime, strict=True):
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def exported(package, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "page"
    result = run("app", "--runtime", package, "--export", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_folder_is_complete(exported):
    names = {path.name for path in exported.iterdir()}
    assert {"index.html", "rtdenoise.html", "model.onnx", "ort.wasm", "licences.txt"} <= names
    assert not [path for path in exported.parent.iterdir() if path != exported]
    assert (exported / "rtdenoise.html").stat().st_size < 12e6


def test_the_licences_go_with_the_page(exported):
    """MIT: the notice and the permission shall be included in all copies."""
    page = (exported / "rtdenoise.html").read_text().partition("<body>")[0]
    for text in ((exported / "licences.txt").read_text(), page):
        assert "rtdenoise " in text and "(c) Microsoft Corporation" in text
        assert (ROOT / "LICENSE").read_text().partition("Permission is")[2] in text


def test_a_folder_with_other_files_is_left_alone(package, tmp_path):
    (tmp_path / "mine").write_text("mine")
    refused(run("app", "--runtime", package, "--export", tmp_path), "not empty", "--force")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert run("app", "--runtime", package, "--export", tmp_path, "--force").returncode == 0
    assert (tmp_path / "mine").read_text() == "mine" and (tmp_path / "index.html").is_file()


def test_export_opens_no_socket_and_writes_only_the_folder(package, tmp_path):
    for name in ("out", "tmp", "home"):
        (tmp_path / name).mkdir()
    command = [*RTDENOISE, "app", "--runtime", str(package), "--export", "out/page"]
    sockets, paths = trace(tmp_path, command)
    assert not sockets and not unexpected(paths, tmp_path)
    assert any(path.endswith("index.html") for path in paths)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--max-size", "nan"], "--max-size"),
        (["--port", "70000"], "--port"),
        (["--model", "missing.onnx"], "missing.onnx"),
        (["--host", "203.0.113.1", "--no-open"], "203.0.113.1"),
        (["--runtime", "missing.tgz"], "missing.tgz"),
    ],
)
def test_bad_options_are_one_line(package, options, word):
    given = [] if "--runtime" in options else ["--runtime", package]
    refused(run("app", *given, *options), word)


def test_the_command_serves_until_ctrl_c(package):
    command = [*RTDENOISE, "app", "--runtime", str(package), "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    address = process.stdout.readline().split()[0]
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert b"<title>rtdenoise</title>" in answer.read()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_another_host_is_served_with_a_warning(package):
    command = [*RTDENOISE, "app", "--runtime", str(package), "--port", "0", "--no-open"]
    command += ["--host", "0.0.0.0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    address = process.stdout.readline().split()[0]
    assert address.startswith("http://0.0.0.0:")
    with urlopen(address.replace("0.0.0.0", "127.0.0.1")) as answer:  # it serves by now
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    [line] = errors.splitlines()
    assert line.startswith("rtdenoise: warning: ") and "https" in line


def test_the_single_file_works_without_a_server(exported, open_page):
    page = open_page(exported.joinpath("rtdenoise.html").as_uri())
    page.choose(ROOT / "examples/noisy.wav")
    page.wait_done()
    page.said("#list .done", "done")
    page.page.click("#mic-tab")
    page.page.click("#live")
    page.said("#running", "0:01")
    page.said("#hop-time", "ms of 10")
    page.page.click("#live")

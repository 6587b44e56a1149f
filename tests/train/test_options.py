"""The command line of training: help from the declarations, and wrong values refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rtdenoise.errors import RtdenoiseError
from train.__main__ import main, make_parser, parse
from train.config import TrainConfig, preset
from train.loop import train_diffusion_model
from train.options import Option, check, flag, option, options_of

WRONG = [
    ("--epochs -3", "--epochs: -3 is not allowed: use a finite number of at least 1"),
    ("--epochs x", "--epochs: invalid int value: 'x'"),
    ("--epochs 1.5", "--epochs: invalid int value"),
    ("--lr nan", "--learning-rate: nan is not allowed"),
    ("--lr inf", "--learning-rate: inf is not allowed"),
    ("--learning-rate 0", "--learning-rate: 0 is not allowed: use a finite number greater than 0"),
    ("--batch 0", "--batch: 0 is not allowed"),
    ("--segment 0", "--segment: 0 is not allowed"),
    ("--warm-up -0.1", "--warm-up: -0.1 is not allowed"),
    ("--decay -0.1", "--decay: -0.1 is not allowed"),
    ("--ema 1", "--ema: 1 is not allowed"),
    ("--preset big", "unknown preset 'big': use baseline or default"),
    ("--network big", "--network: unknown value 'big': use baseline, default, recurrent or unet"),
    ("--optimizer sgd", "--optimizer: unknown value 'sgd': use adamw or muon"),
    ("--schedule none", "--schedule: unknown value 'none'"),
    ("--resume absent.pth", "--resume: absent.pth does not exist"),
    ("--init absent.pth", "--init: absent.pth does not exist"),
    ("--init .", "--init: . is not a file"),
    ("--packed absent", "--packed: absent does not exist"),
    ("--clean absent", "--clean: absent does not exist"),
    ("--max-minutes nan", "--max-minutes: nan is not allowed"),
    ("--network-options {x", "--network-options: '{x' is not valid JSON"),
    ("--network-options [1]", "--network-options: '[1]' is not a JSON object"),
    ("--learn 1", "unrecognized arguments: --learn 1"),
    ("--resume FILE --init FILE", "--init: --resume takes the weights from its checkpoint"),
    ("--packed tests --clean tests", "--clean: --packed holds all recordings"),
    ("--packed tests --rir tests", "--rir: --packed holds all recordings"),
    ("--noise tests", "--noise needs clean speech to mix with: give --clean too"),
    ("--validation-packed tests", "--validation-packed needs a corpus to train on"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_wrong_value_is_one_line_and_exit_code_2(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train", *arguments.replace("FILE", "README.md").split()])
    monkeypatch.setattr("train.loop.train_diffusion_model", lambda _: pytest.fail("started"))
    with pytest.raises(SystemExit) as end:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(lines) == 1 and message in lines[0], lines


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segment": 48_001}, "multiple of the network's hop"),
        ({"network_options": {"depth": 3}}, "unexpected keyword argument 'depth'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": "cuda:99"}, "cuda:99 is not there"),
        ({"recipe": {"room": -0.1}}, "room"),
        ({"recipe": {"rooms": 0.1}}, "rooms"),
        ({"loss_weights": {"snr": 1}}, "add it"),
        ({"loss": "multi", "loss_weights": {"sound": 1}}, "no part is called 'sound': spectral, "),
        ({"loss": "multi", "loss_weights": {"snr": -1}}, "snr is a number from 0 on, not -1"),
        ({"warm_up": 50.0}, "--warm-up: 50 is not a share of all steps"),
        ({"epochs": 0}, "--epochs"),
        ({"learning_rate": "high"}, "not a number"),
    ],
)
def test_what_needs_torch_is_refused_before_anything_is_written(
    changes, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = dataclasses.replace(TrainConfig(), **changes)
    with pytest.raises(RtdenoiseError, match=message) as raised:
        train_diffusion_model(config)
    assert "\n" not in str(raised.value) and not list(tmp_path.iterdir())


def test_every_field_is_an_option_with_group_meaning_and_default():
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    text = make_parser().format_help()
    for name, rules in options_of(TrainConfig).items():
        assert f"{flag(name)} " in text or f"{flag(name)}," in text, name
        assert rules.help.endswith(".") and f"\n{rules.group}:\n" in text
    assert list(options_of(TrainConfig)) == fields
    assert " ".join(text.split()).count("default ") >= len(fields)
    assert all(limit in text for limit in ("of at least 1", "greater than 0", "in samples"))


def test_help_needs_no_audio_and_names_the_options():
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-m", "train", "--help"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0 and "--learning-rate NUMBER, --lr NUMBER" in result.stdout


def test_valid_values_are_taken_and_presets_pass():
    config = parse(["--preset", "default", "--lr", "3e-4", "--clip", "inf"])
    assert (config.learning_rate, config.clip, config.batch) == (3e-4, float("inf"), 8)
    options = {"channels": 4}
    assert parse(["--network-options", json.dumps(options)]).network_options == options
    for name in ("baseline", "default"):
        check(preset(name))


def test_a_new_option_needs_only_its_declaration():
    @dataclasses.dataclass
    class Config:
        share: float = option(0.5, "Data", "Share of it.", least=0, most=1)
        names: list = option([], "Data", "Sources to leave out.")

    check(Config())
    with pytest.raises(RtdenoiseError, match="--share: 2 is not allowed"):
        check(Config(share=2))
    assert Config().names is not Config().names
    assert Option("Data", "x", choices=("a", "b", "c")).allowed() == "a, b or c"

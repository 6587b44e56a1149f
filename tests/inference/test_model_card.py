"""Numbers in a model card: an .onnx file may come from anywhere."""

from __future__ import annotations

import json

import pytest

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import ModelCard

GOOD = {
    "name": "a",
    "version": "1",
    "form": "stream",
    "hop": 480,
    "context": 960,
    "lookahead": 480,
}


def test_a_card_survives_its_json():
    card = ModelCard(**GOOD)
    assert ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize("name", ["hop", "context", "lookahead", "segment", "sample_rate"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 480.5, "480", None, 10**12])
def test_lengths_that_are_none_are_refused(name, value):
    with pytest.raises(RtdenoiseError, match="not valid: sample rate") as error:
        ModelCard.from_json(json.dumps({**GOOD, name: value}))
    assert "\n" not in str(error.value)


def test_a_hop_of_zero_is_refused():
    with pytest.raises(RtdenoiseError, match="hop 0"):
        ModelCard.from_json(json.dumps({**GOOD, "hop": 0}))

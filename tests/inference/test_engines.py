"""One pass over a file, rolling segments and carried state give the same samples."""

import numpy as np
import pytest

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference.engines import SegmentEngine, StreamEngine, make_engine
from rtdenoise.inference.loading import load_model
from rtdenoise.inference.model_card import ModelCard
from rtdenoise.processing.processor import Processor
from tests.command import noise

LENGTHS = [1, 479, 480, 48000, 48001, 100003]
BLOCKS = [1, 17, 480, 512, 4096]


def one_shot(path, audio: np.ndarray) -> np.ndarray:
    """The recording in one pass, with `context` of silence before and `lookahead` after it."""
    model = load_model(path, engine="segment")
    card = model.card
    before = -(-card.context // card.hop) * card.hop
    padded = np.pad(audio.T, ((0, 0), (before, card.lookahead + -len(audio) % card.hop)))
    (out,) = model.session.run(None, {"audio": padded[:, None]})
    return out[:, 0, before : before + len(audio)].T


def blockwise(processor: Processor, audio: np.ndarray, block: int) -> np.ndarray:
    parts = [processor.process(audio[i : i + block]) for i in range(0, len(audio), block)]
    return np.concatenate([*parts, processor.flush()])[processor.latency :][: len(audio)]


def processor(path, channels: int = 1, hop: int | None = None, block: int = 4096) -> Processor:
    model = load_model(path)
    made = Processor(lambda c: make_engine(model, c, hop))
    made.prepare(48_000, channels, block)
    return made


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("block", BLOCKS)
def test_all_paths_agree(toy_segment_model, toy_stream_model, toy_rolling_model, frames, block):
    audio = noise(frames)
    expected = one_shot(toy_segment_model, audio)
    assert np.abs(expected).max() > 1e-3
    for path in (toy_segment_model, toy_stream_model, toy_rolling_model):
        got = blockwise(processor(path), audio, block)
        assert got.shape == audio.shape
        np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("hop", [480, 960])
def test_live_hops_of_rolling_segments_agree(toy_segment_model, toy_rolling_model, hop):
    audio = noise(12_000)
    expected = one_shot(toy_segment_model, audio)
    for path in (toy_segment_model, toy_rolling_model):
        for block in (960, 3840, 2000):  # larger ones occur under overload
            got = blockwise(processor(path, hop=hop), audio, block)
            np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("hop", [480, 960])
def test_fixed_shapes_agree_and_mix_with_other_sizes(toy_stream_model, hop):
    audio = noise(48_000, 2)
    made = processor(toy_stream_model, 2, hop=hop)
    plain = blockwise(processor(toy_stream_model, 2), audio, 700)
    for block in (hop, 4 * hop, 700):  # 700: alternately one hop and several
        np.testing.assert_allclose(blockwise(made, audio, block), plain, atol=1e-5)


def test_channels_are_independent(toy_stream_model):
    audio = noise(5000, 3)
    together = blockwise(processor(toy_stream_model, 3), audio, 700)
    for c in range(3):
        alone = blockwise(processor(toy_stream_model), audio[:, c : c + 1], 700)
        np.testing.assert_allclose(together[:, c : c + 1], alone, atol=1e-5)


@pytest.mark.parametrize("form", ["segment", "stream", "rolling"])
def test_reset_forgets_everything(form, toy_segment_model, toy_stream_model, toy_rolling_model):
    paths = {"segment": toy_segment_model, "stream": toy_stream_model, "rolling": toy_rolling_model}
    made = processor(paths[form])
    audio = noise(6000)
    first = blockwise(made, audio, 480)  # ends with flush, which also resets
    made.process(noise(3333))
    made.reset()
    np.testing.assert_array_equal(blockwise(made, audio, 480), first)


def test_delay_is_the_lookahead(toy_stream_model, toy_segment_model):
    assert StreamEngine(load_model(toy_stream_model), 1).delay == 480
    assert SegmentEngine(load_model(toy_segment_model), 1, 480).delay == 480


def test_networks_with_more_context_than_a_segment_are_crossfaded(toy_segment_model):
    model = load_model(toy_segment_model)
    wide = model._replace(card=ModelCard("x", "0", "segment", 480, 60_000, 480))
    assert not wide.card.fits_segment
    engine = SegmentEngine(wide, 1)
    assert engine.delay > wide.card.lookahead
    audio = noise(engine.hop * 4)
    out = engine.step(np.ascontiguousarray(audio.T)).T[engine.delay :]
    expected = one_shot(toy_segment_model, audio)[: len(out)]
    # The toy's actual context is short, so the crossfades must not change a sample.
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_the_segment_engine_takes_the_rolling_form_of_a_bundled_model():
    assert load_model("default", engine="segment").card.form == "rolling"
    assert load_model("baseline", engine="segment").card.form == "segment"  # it has no rolling form


def test_a_hop_off_the_grid_is_refused(toy_segment_model, toy_rolling_model):
    for path in (toy_segment_model, toy_rolling_model):
        with pytest.raises(RtdenoiseError, match="multiple of 480"):
            make_engine(load_model(path), 1, 500)

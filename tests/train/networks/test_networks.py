"""The networks: context and lookahead, gradients, and the exported form beside the trained one."""

from __future__ import annotations

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.networks import build, for_export
from train.networks.blocks import _CausalConvolution, modulate
from train.networks.embedding import sinusoidal_embedding
from train.networks.features import RELATIVE_POWER_FLOOR, fine_power, running_level
from train.networks.fourier import Fourier, frame, overlap_add
from train.networks.fourier_matrices import MatrixFourier
from train.networks.interface import zero_timestep

NETWORKS = {
    "baseline": {"layers": [[8, 16, 4], [8, 16, 4], [8, 8, 2]]},
    "default": {
        "channels": 6,
        "dilations": [1, 2, 4],
        "embedding": 8,
        "full_band": 8,
        "full_band_dilations": [1, 2, 8],
        "leave": 1,
        "join": 2,
        "history": 3,
        "taps": 4,
    },
    "unet": {"channels": [4, 4, 6, 8], "dilations": [1, 2], "embedding": 8},
    "recurrent": {
        "channels": 6,
        "dilations": [1, 2],
        "embedding": 8,
        "full_band": 8,
        "layers": 2,
    },
}
BOUNDED = [name for name in NETWORKS if name != "recurrent"]


def measured_reach(network) -> tuple[int, int]:
    """Return (context, lookahead): which input samples have a gradient from one hop of output."""
    hop = network.hop
    start = -(-network.context // hop) * hop + 4 * hop
    audio = torch.randn(1, 1, start + (-(-network.lookahead // hop) + 5) * hop, requires_grad=True)
    out = network(audio, zero_timestep(1))[0, 0, start : start + hop]
    (out * torch.randn(hop)).sum().backward()
    used = audio.grad[0, 0].nonzero()[:, 0]
    return int(start - used.min()), int(used.max() - (start + hop - 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_trains_as_float32_does(name):
    torch.manual_seed(0)
    network = build(name, **NETWORKS[name]).train()
    audio, target = 0.1 * torch.randn(2, 2, 1, 24_000)
    outputs, gradients = [], []
    for bf16 in (False, True):
        torch.manual_seed(1)  # dropout
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            outputs.append(network(audio, zero_timestep(2)).float())
        network.zero_grad()
        (outputs[-1] - target).square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    full, half = (x.detach() for x in outputs)
    error = (half - full).square().mean() / full.square().mean()
    assert 1e-9 < error < 1e-3  # different from float32, but by 30 dB less than the signal
    assert torch.cosine_similarity(*gradients, dim=0) > 0.98


@pytest.mark.parametrize("name", BOUNDED)
def test_context_and_lookahead_match_the_gradients(name):
    torch.manual_seed(0)
    network = build(name, **NETWORKS[name]).eval()
    context, lookahead = measured_reach(network)
    # The first sample of the Hann window is exactly zero, so the oldest sample has no effect.
    context += name == "default"
    assert (context, lookahead) == (network.context, network.lookahead)


def test_default_options_fit_into_one_second_segments():
    for name in NETWORKS:
        network = build(name)
        assert network.context + 480 + network.lookahead <= 48_000
        assert 48_000 % network.hop == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_output_keeps_the_length_and_depends_on_the_timestep(name):
    torch.manual_seed(0)
    network = build(name, **NETWORKS[name]).eval()
    audio = torch.randn(2, 1, 4800)
    assert network(audio, zero_timestep(2)).shape == audio.shape
    if name != "baseline":  # FiLM starts as the identity; change it
        torch.nn.init.normal_(network.timestep[2].weight)
    low, high = (network(audio, torch.full((2,), t)) for t in (0, 900))
    assert (low - high).abs().max() > 1e-5  # two orders of magnitude above rounding errors


def test_causal_convolution_has_the_right_gradient():
    torch.manual_seed(0)
    shapes = ((5, 3, 4), (4, 4), (4, 4))
    inputs = [torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in shapes]
    for dilation in (1, 2, 7):  # 7: longer than the clip
        assert torch.autograd.gradcheck(_CausalConvolution.apply, (*inputs, dilation))


def test_modulation_has_the_right_gradient():
    x = torch.randn(5, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    scale = torch.randn(2, 1, 4, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(modulate, (x, scale, shift))
    torch.testing.assert_close(modulate(x, scale, shift), x * scale + shift)


def test_matrix_and_fft_transforms_agree_and_are_invertible():
    fft, matrices = Fourier(), MatrixFourier()
    audio = torch.randn(2, 4800)
    frames = frame(audio)
    spectra = fft.analyse(frames), matrices.analyse(frames.reshape(-1, 960)).unbind(1)
    for a, b in zip(*spectra, strict=True):
        torch.testing.assert_close(a.reshape(-1, 481), b, atol=1e-4, rtol=1e-5)
    rebuilt = fft.synthesise(*spectra[0]), matrices.synthesise(torch.stack(spectra[1], 1))
    for back in (overlap_add(x.reshape(2, -1, 960)) for x in rebuilt):
        torch.testing.assert_close(back, audio[:, 480:-480], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["default", "recurrent"])
def test_folded_form_equals_the_network_at_timestep_0(name):
    torch.manual_seed(0)
    network = build(name, **NETWORKS[name]).eval()
    for name, parameter in network.named_parameters():  # leave no bias, shift or scale at zero
        if parameter.ndim == 1 or name.startswith(("timestep", "position")):
            torch.nn.init.normal_(parameter, std=0.3)
    for name, average in network.named_buffers():
        if name.endswith(("mean", "variance")):
            torch.nn.init.uniform_(average, 0.1, 0.5)
    folded, audio, t = for_export(network), torch.randn(2, 1, 9600), zero_timestep(2)
    with torch.no_grad():
        expected = network(audio, t)
        torch.testing.assert_close(folded(audio, t), expected, atol=1e-4, rtol=1e-4)
        states, out = folded.initial_states(2), []
        for piece in audio.split([480, 1440, 960, 3840, 2880], dim=-1):
            denoised, states = folded.stream(piece, folded.condition(t), states)
            out.append(denoised)
    delayed = torch.cat(out, dim=-1)[..., 480:]
    torch.testing.assert_close(delayed, expected[..., :-480], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"join": 1},
        {"leave": 0, "join": 2},
        {"history": 0},
        {"history": 0, "fine": False},
        {"full_band": 0, "taps": 6},
    ],
)
def test_latest_equals_the_end_of_denoise(options):
    torch.manual_seed(0)
    network = build("default", **{**NETWORKS["default"], **options}).eval()
    folded, t = for_export(network), zero_timestep(2)
    audio = torch.randn(2, 1, network.context + 1920 + network.lookahead)
    with torch.no_grad():
        expected = network(audio, t)[..., network.context : -network.lookahead]
        got = folded.latest(audio, folded.condition(t))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_fine_power_resolves_25_hz():
    time = torch.arange(9600) / 48_000
    for hertz, bin_, above in ((1000, 20, 0), (1025, 20, 1)):
        re, im = Fourier().analyse(frame(torch.sin(2 * torch.pi * hertz * time)[None]))
        frames = [[x[0, 10 - i] for i in range(4)] for x in (re, im)]
        powers = torch.stack(fine_power(*frames))  # [at the bin or above it, bins]
        assert divmod(int(powers.argmax()), 481) == (above, bin_)
        others = powers.clone()
        others[above, bin_] = 0
        assert others.max() < 0.01 * powers.max()


def test_fine_features_need_four_taps():
    with pytest.raises(RtdenoiseError, match="taps of at least 4: not 2"):
        build("default", taps=2)


def test_sinusoidal_embedding():
    embedded = sinusoidal_embedding(torch.tensor([0, 3]), 8)
    torch.testing.assert_close(embedded[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    torch.testing.assert_close(embedded[1, 0], torch.tensor(3.0).sin())


def test_folded_form_accepts_audio_shorter_than_its_history():
    network = build("default").eval()
    folded, film = for_export(network), network.condition(zero_timestep(1))
    for frames in (5, 40):
        audio = 0.1 * torch.randn(1, 1, frames * 480)
        with torch.no_grad():
            assert torch.allclose(
                folded.denoise(audio, film), network.denoise(audio, film), atol=1e-6
            )


def test_gain_of_the_recording_only_scales_the_output():
    torch.manual_seed(0)
    network = build("default", **NETWORKS["default"]).eval()
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1 or name.startswith("position"):
            torch.nn.init.normal_(parameter, std=0.3)
    envelope = torch.tensor([0.0, 1e-3, 1.0, 0.05, 30.0]).repeat_interleave(4800)
    audio = 0.05 * envelope * torch.randn(1, 1, len(envelope))  # from silence to a loud end
    for form in (network, for_export(network)):
        with torch.no_grad():
            expected, t = form(audio, zero_timestep(1)), zero_timestep(1)
            for gain in (1e-3, 2.0):
                got = form(gain * audio, t) / gain
                error = (got - expected).abs().max() / expected.abs().max()
                assert error < 1e-3, (form, gain, error)


def test_running_level_hardly_rises_after_a_short_bang():
    magnitudes = torch.full((57, 160), 0.5)
    magnitudes[:5] *= 10 ** (40 * 0.3 / 20)  # 50 ms, 40 dB louder
    with_bang = running_level(magnitudes[-1], magnitudes.mean(0))
    assert with_bang / running_level(magnitudes[-1], magnitudes[-1]) < 1.35
    assert running_level(torch.full((160,), RELATIVE_POWER_FLOOR**0.15), torch.zeros(160)) >= 0.02

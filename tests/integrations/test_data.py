"""The transform in `datasets`, in torch's DataLoader with spawned workers, and on tensors."""

import pickle

import numpy as np
import pytest
import soundfile as sf
import torch
from datasets import Audio, Dataset
from torch.utils.data import DataLoader

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.integrations.data import DenoiseTransform
from tests.integrations.speech import example, noisy_speech


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser(workers=1)


@pytest.fixture(scope="module")
def transform(denoiser) -> DenoiseTransform:
    return DenoiseTransform(denoiser)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return noisy_speech(16_000, 1.0).astype(np.float32) / 32768


@pytest.fixture
def folder(tmp_path, speech):
    (tmp_path / "audio").mkdir()
    for i in range(3):
        sf.write(tmp_path / f"audio/{i}.wav", speech * 0.5**i, 16_000, subtype="FLOAT")
    return tmp_path / "audio"


def test_decoded_audio_of_datasets_one_by_one_and_batched(transform, denoiser, folder, speech):
    paths = [str(folder / f"{i}.wav") for i in range(3)]
    dataset = Dataset.from_dict({"audio": paths, "id": [0, 1, 2]}).cast_column("audio", Audio())
    single = dataset.map(transform)
    batched = dataset.map(transform, batched=True, batch_size=2, features=dataset.features)
    assert isinstance(batched.features["audio"], Audio)
    for i in range(3):
        for mapped in (single, batched):
            assert mapped[i]["id"] == i
            got = mapped[i]["audio"]
            assert got["sampling_rate"] == 16_000
            expected = denoiser(speech * 0.5**i, 16_000)
            np.testing.assert_allclose(got["array"], expected, atol=2e-4)  # 16-bit WAV within


def test_an_example_runs(folder, tmp_path, denoiser, speech):
    example("map_dataset.py")["denoise"](str(folder), str(tmp_path / "clean.parquet"))
    clean = Dataset.from_parquet(str(tmp_path / "clean.parquet"), cache_dir=str(tmp_path))
    assert len(clean) == 3
    samples = clean[0]["audio"].get_all_samples()
    assert samples.sample_rate == 16_000
    np.testing.assert_allclose(samples.data[0], denoiser(speech, 16_000), atol=2e-4)


def test_several_channels_without_storing_them(transform, denoiser, tmp_path, speech):
    """`map` cannot store arrays of two dimensions; `with_transform` needs not."""
    stereo = np.stack([speech, -speech[::-1]], axis=1)
    sf.write(tmp_path / "stereo.wav", stereo, 16_000, subtype="FLOAT")
    paths = {"audio": [str(tmp_path / "stereo.wav")]}
    dataset = Dataset.from_dict(paths).cast_column("audio", Audio()).with_transform(transform)
    clean = dataset[0]["audio"]
    expected = denoiser(stereo.T, 16_000, channels_first=True)
    np.testing.assert_allclose(clean["array"], expected, atol=1e-6)


def test_dictionaries_of_arrays(transform, denoiser, speech):
    value = {"array": speech, "sampling_rate": 16_000, "path": "a.wav"}
    clean = transform(value)
    assert clean["path"] == "a.wav" and value["array"] is speech
    np.testing.assert_array_equal(clean["array"], denoiser(speech, 16_000))
    other = DenoiseTransform(denoiser, column="sound")
    rows = {"sound": [value, None], "id": [1, 2]}
    batch = other(rows)
    np.testing.assert_array_equal(batch["sound"][0]["array"], clean["array"])
    assert batch["sound"][1] is None and batch["id"] == [1, 2] and rows["sound"][0] is value


@pytest.mark.parametrize("shape", [(16_000,), (1, 16_000), (2, 8000), (3, 1, 4000), (0, 1, 400)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int16])
def test_tensors_keep_shape_type_and_device_without_a_gradient(transform, denoiser, shape, dtype):
    torch.manual_seed(0)
    noise = torch.randn(shape) * 0.1
    waveform = (noise * 32767).to(dtype) if dtype == torch.int16 else noise.to(dtype, copy=True)
    if dtype.is_floating_point:
        waveform.requires_grad_()
    clean = transform(waveform, 16_000)
    assert (clean.shape, clean.dtype, clean.device) == (waveform.shape, dtype, waveform.device)
    assert not clean.requires_grad
    if dtype == torch.float32 and len(shape) == 2:
        expected = denoiser(noise.numpy(), 16_000, channels_first=True)
        np.testing.assert_array_equal(clean.numpy(), expected)


class Recordings(torch.utils.data.Dataset):
    """As torchaudio's datasets: (waveform, sample_rate, text)."""

    def __init__(self, transform: DenoiseTransform, speech: np.ndarray) -> None:
        self.transform, self.speech = transform, torch.from_numpy(speech)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int):
        return self.transform((self.speech[None] * 0.5**index, 16_000, f"text {index}"))


def test_a_data_loader_with_spawned_workers(transform, denoiser, speech):
    loader = DataLoader(
        Recordings(transform, speech), batch_size=2, num_workers=1, multiprocessing_context="spawn"
    )
    batches = list(loader)
    assert [text for _, _, texts in batches for text in texts] == [f"text {i}" for i in range(4)]
    waveforms = torch.cat([waveform for waveform, _, _ in batches])
    assert waveforms.shape == (4, 1, 16_000)
    np.testing.assert_allclose(waveforms[1, 0], denoiser(speech * 0.5, 16_000), atol=1e-6)


def test_it_can_be_pickled(denoiser, speech):
    again = pickle.loads(pickle.dumps(DenoiseTransform(Denoiser(mix=0.5), column="sound")))
    assert (again.column, again.denoiser.mix) == ("sound", 0.5)


@pytest.mark.parametrize(
    "item, message",
    [
        ({"text": "a"}, "no column 'audio': it has text"),
        ({"audio": "a.wav"}, "has no audio, but str: cast it"),
        (np.zeros(10), "cannot denoise ndarray: pass a waveform and its sample rate"),
    ],
)
def test_other_items_are_refused_in_one_line(transform, item, message):
    with pytest.raises(RtdenoiseError, match=message) as caught:
        transform(item)
    assert "\n" not in str(caught.value)

"""Every family from every source: a folder, a single file in its authors' layout, and a pipeline that is built."""

import numpy as np
import pytest
import torch
from diffusers.loaders import single_file_utils
from safetensors.torch import save_file

from tests.authors_format import flux_file, sd3_file, sdxl_file
from tests.pipeline_state import state_of
from tests.tiny_pipelines import BUILDERS, SAMPLING, flux, stable_diffusion_3, stable_diffusion_xl
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model

A, B = "a large fox on a blue background", "a panda on a pink background"


@pytest.fixture(scope="module", params=[*BUILDERS])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / family
    BUILDERS[family]().save_pretrained(folder)
    return folder


def images_of(model, family):
    return model.render(model.encode([A, B]), Sampling(**SAMPLING[family])).astype(int)


def weights_of(pipeline):
    return {
        f"{part}.{name}": tensor
        for part, component in pipeline.components.items()
        if isinstance(component, torch.nn.Module)
        for name, tensor in component.state_dict().items()
    }


def require_same_model(model, pipeline, family):
    ours, theirs = weights_of(model.pipeline), weights_of(pipeline)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert np.abs(images_of(model, family) - images_of(Model("built", pipeline), family)).max() <= 1


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_the_pipeline_that_was_saved(folder, family):
    pipeline = BUILDERS[family]()
    model = load_model(str(folder), device="cpu")
    if family == "flux":  # a size that is in the code of Flux's pipeline and in no configuration
        model.pipeline.default_sample_size = pipeline.default_sample_size
    assert model.dtype == torch.float32
    require_same_model(model, pipeline, family)


def test_a_folder_in_half_precision(folder, family):
    model = load_model(str(folder), device="cpu", dtype="bfloat16")
    assert {parameter.dtype for parameter in model.denoiser.parameters()} == {torch.bfloat16}
    sampling = Sampling(**SAMPLING[family] | {"num_inference_steps": 1, "height": 32, "width": 32})
    images = model.render(model.encode([A, B]), sampling)
    assert images.shape == (2, 32, 32, 3)
    assert images.std() > 1


def test_text_encoders_that_are_freed_change_no_image(folder, family):
    kept = load_model(str(folder), device="cpu")
    freeing = load_model(str(folder), device="cpu", free_text_encoders=True)
    sampling = Sampling(**SAMPLING[family] | {"height": 32, "width": 32})
    images = freeing.render(freeing.encode([A, B]), sampling)
    encoders = [part for part in freeing.pipeline.components if part.startswith("text_encoder")]
    assert encoders
    assert all(getattr(freeing.pipeline, part) is None for part in encoders)
    assert np.array_equal(images, kept.render(kept.encode([A, B]), sampling))


def test_a_folder_with_one_variant_only_is_named(folder, family, tmp_path):
    renamed = tmp_path / "model"
    BUILDERS[family]().save_pretrained(renamed, variant="fp16")
    with pytest.raises(UserError, match="only in the variant fp16; add --variant fp16"):
        load_model(str(renamed), device="cpu")
    assert load_model(str(renamed), device="cpu", variant="fp16").family.name


# --- a pipeline that is built -----------------------------------------------------------------------------------------


def test_a_pipeline_is_taken_as_it_is_and_left_as_it_was(family):
    pipeline = BUILDERS[family]()
    options = SAMPLING[family] | dict(load_model(pipeline).family.call_options(pipeline))
    own = pipeline(B, generator=torch.Generator().manual_seed(0), output_type="np", **options).images[0]
    before = state_of(pipeline)  # after a call of its own, in which both libraries put hooks of theirs in place
    images = images_of(load_model(pipeline), family)
    assert state_of(pipeline) == before
    assert np.abs(images[1] - (own * 255).round()).max() <= 1
    assert np.abs(images[0] - images[1]).max() > 1


# --- single files -----------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """Puts a pipeline into a hub cache on disk, with the weights of those components that are named, in shards."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def add(hub_id, pipeline, *, weights_of=()):
        repository = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
        snapshot = repository / "snapshots" / ("0" * 40)
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40)
        pipeline.save_pretrained(snapshot, max_shard_size="20KB")
        for path in snapshot.rglob("*.safetensors*"):
            if path.parent.name not in weights_of:
                path.unlink()

    return add


def from_file(tmp_path, weights):
    save_file(weights, tmp_path / "model.safetensors")
    return load_model(str(tmp_path / "model.safetensors"), device="cpu")


XL, LARGE, DEV = (
    "stabilityai/stable-diffusion-xl-base-1.0",
    "stabilityai/stable-diffusion-3.5-large",
    "black-forest-labs/FLUX.1-dev",
)


def test_a_file_of_sdxl(cached, tmp_path):
    """It is known by the tenth layer of its second encoder, and its encoders by their widths."""
    pipeline = stable_diffusion_xl(widths=(24, 40), layers=10)
    cached(XL, pipeline)
    require_same_model(from_file(tmp_path, sdxl_file(pipeline)), pipeline, "sdxl")


UNET = "model.diffusion_model."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{UNET}time_embed.0.weight", "that lacks weights; wanted the whole file: random numbers would stand in"),
        (f"{UNET}label_emb.0.0.weight", "that lacks weights, such as 'label_emb.0.0.weight'; wanted the whole file"),
        (f"{UNET}input_blocks.2.0.op.bias", "that lacks weights; wanted the whole file"),
        ("conditioner.embedders.1.model.positional_embedding", "that lacks weights; wanted the whole file"),
        (
            "conditioner.embedders.1.model.text_projection",
            "'text_projection.weight' of 'text_encoder_2' are not in its",
        ),
    ],
)
def test_weights_that_a_file_lacks_are_not_random_numbers(cached, tmp_path, name, message):
    """Whatever the loader makes of it: some it looks up, some it leaves without memory, some it would fill."""
    pipeline = stable_diffusion_xl(widths=(24, 40), layers=10)
    cached(XL, pipeline)
    weights = sdxl_file(pipeline)
    del weights[name]
    with pytest.raises(UserError, match=message):
        from_file(tmp_path, weights)


def test_weights_of_a_file_that_are_of_another_shape(cached, tmp_path):
    pipeline = stable_diffusion_xl(widths=(24, 40), layers=10)
    cached(XL, pipeline)
    weights = sdxl_file(pipeline)
    weights[f"{UNET}out.2.weight"] = torch.zeros(4, 8, 3, 5)
    with pytest.raises(
        UserError, match=rf"do not fit {XL}: conv_out.weight expected shape \(.*\), but got \(4, 8, 3, 5\)"
    ):
        from_file(tmp_path, weights)


@pytest.fixture
def large():
    """Stable Diffusion 3.5 large is known by its 38 blocks; a file says nothing of its first encoder's projection."""
    pipeline = stable_diffusion_3(dual=False, layers=38, widths=(8, 24))
    torch.nn.init.eye_(pipeline.text_encoder.text_projection.weight)
    return pipeline


@pytest.mark.parametrize("t5", [True, False])
def test_a_file_of_stable_diffusion_3_with_t5_or_with_the_one_in_the_cache(cached, tmp_path, large, t5):
    cached(LARGE, large, weights_of=() if t5 else ("text_encoder_3",))
    model = from_file(tmp_path, sd3_file(large, t5=t5))
    require_same_model(model, large, "sd3")


def test_a_component_that_is_neither_in_the_file_nor_in_the_cache_is_named(cached, tmp_path, large):
    cached(LARGE, large)
    with pytest.raises(UserError, match=r"without its text_encoder_3 \(T5EncoderModel\), and no safetensors file"):
        from_file(tmp_path, sd3_file(large, t5=False))


def test_pickles_in_the_cache_are_not_read(cached, tmp_path, large):
    cached(LARGE, large)
    for pickle in (tmp_path / "hub").rglob("text_encoder_3"):
        (pickle / "pytorch_model.bin").write_bytes(b"never read")
    with pytest.raises(UserError, match="no safetensors file of the one of"):
        from_file(tmp_path, sd3_file(large, t5=False))


def test_a_file_of_flux_is_its_transformer_and_the_rest_is_in_the_cache(cached, tmp_path, monkeypatch):
    """Diffusers' converter has the published width of Flux, 3072, in its code: here it is the tiny one's."""
    pipeline = flux()
    convert = single_file_utils.convert_flux_transformer_checkpoint_to_diffusers
    constants = tuple(32 if constant == 3072 else constant for constant in convert.__code__.co_consts)
    monkeypatch.setattr(convert, "__code__", convert.__code__.replace(co_consts=constants))
    cached(DEV, pipeline, weights_of=("text_encoder", "text_encoder_2", "vae"))
    lines = []
    save_file(flux_file(pipeline), tmp_path / "model.safetensors")
    model = load_model(str(tmp_path / "model.safetensors"), device="cpu", report=lines.append)
    model.pipeline.default_sample_size = pipeline.default_sample_size
    require_same_model(model, pipeline, "flux")
    assert "text_encoder_2" in lines[0]  # what it needs is more than what the file holds

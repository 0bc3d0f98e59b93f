"""The render map's gradient is that of the images that ``render`` makes: against finite differences, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_pipelines import BUILDERS
from whichway.analysis.errors import UserError
from whichway.analysis.images import differentiable_rendering
from whichway.analysis.images.batch_size import bytes_of_a_frame
from whichway.analysis.images.differentiable_rendering import (
    FRAME_COST,
    USED,
    HalfPrecisionWarning,
    memory_in_one_line,
    render_differentiably,
)
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud, build_path

SAMPLING = Sampling(num_inference_steps=3, guidance_scale=3.0)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def rows(model):
    return encode(model, "a large fox on a blue background").rows.double().clone()


def mean_image(model, sampling=SAMPLING, *, checkpointed=True):
    """rows, log-weights → one number that all pixels have a part in."""
    kernel = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def of(rows, log_weights):
        cloud = PointCloud(rows, torch.softmax(log_weights, dim=0))
        [image] = render_differentiably(model, [cloud], sampling, checkpointed=checkpointed)
        return (image * kernel).mean()

    return of


@pytest.mark.parametrize(
    ("scheduler", "guidance", "checkpointed"),
    [("own", 3.0, True), ("own", 3.0, False), ("own", 1.0, True), ("dpm", 3.0, True)],
)
def test_gradients_of_rows_and_weights_are_finite_differences(model, rows, scheduler, guidance, checkpointed):
    sampling = Sampling(num_inference_steps=3, guidance_scale=guidance, scheduler=scheduler)
    value = mean_image(model, sampling, checkpointed=checkpointed)
    log_weights = torch.linspace(-1, 1, len(rows), dtype=torch.float64)
    variables = rows.clone().requires_grad_(), log_weights.clone().requires_grad_()
    gradients = torch.autograd.grad(value(*variables), variables)
    step = 1e-2 if scheduler == "dpm" else 1e-5  # DPM-Solver casts latents to float32
    for index, gradient in enumerate(gradients):
        direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        ahead, behind = ([rows, log_weights] for _ in range(2))
        ahead[index] = ahead[index] + step * direction
        behind[index] = behind[index] - step * direction
        with torch.no_grad():
            difference = float(value(*ahead) - value(*behind)) / (2 * step)
        assert difference == pytest.approx(
            float((gradient * direction).sum()), rel=1e-2 if scheduler == "dpm" else 1e-5
        )


def test_uniform_weights_have_a_gradient_too(model, rows):
    uniform = torch.zeros(len(rows), dtype=torch.float64, requires_grad=True)
    [gradient] = torch.autograd.grad(mean_image(model)(rows, uniform), [uniform])
    assert float(gradient.abs().max()) > 0
    assert abs(float(gradient.sum())) < 1e-12  # weights scaled together are the same measure


@pytest.mark.parametrize(
    ("scheduler", "method"), [("own", "optimal"), ("dpm", "mixture"), ("euler", "optimal"), ("unipc", "optimal")]
)
def test_images_are_those_of_render(tiny_pipeline_folder, scheduler, method):
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    path = build_path(method, encode(model, "a fox"), encode(model, "two pandas at night"))
    clouds, sampling = (
        [path(t) for t in (0.0, 0.4, 1.0)],
        Sampling(num_inference_steps=3, guidance_scale=3.0, scheduler=scheduler),
    )
    images = render_differentiably(model, clouds, sampling, batch_size=2).detach()
    levels = (images.permute(0, 2, 3, 1) * 255).round().numpy()
    assert np.abs(levels - render(model, clouds, sampling)).max() <= 1


def test_memory_is_that_of_one_call_of_the_denoiser_where_all_calls_do_not_fit(model, rows, monkeypatch):
    """What lies in memory between forward and backward pass does not grow with the steps then, but for latents."""

    def kept(steps):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            render_differentiably(
                model,
                [PointCloud(rows.clone().requires_grad_())],
                Sampling(num_inference_steps=steps, guidance_scale=3.0),
            )
        return sum(sizes)

    a_step = kept(3) - kept(2)
    own = Sampling(num_inference_steps=2).resolved(model.defaults)
    taken = FRAME_COST * bytes_of_a_frame(model, own)
    monkeypatch.setattr(differentiable_rendering, "free_bytes", lambda device: int(2.5 * taken / USED))
    assert 20 * (kept(3) - kept(2)) < a_step


def test_the_model_is_as_it_was_and_its_parameters_have_no_gradient(model, rows):
    before = {module: dict(vars(module)) for module in (model.denoiser, model.pipeline.vae.decoder)}
    variable = rows.clone().requires_grad_()
    render_differentiably(model, [PointCloud(variable)], SAMPLING).sum().backward()
    assert float(variable.grad.abs().max()) > 0
    for module, state in before.items():
        assert vars(module).keys() == state.keys()
        assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())


def test_backward_may_come_after_another_rendering(model, rows):
    """What the layers do otherwise is done again for it: other weights meanwhile leave no trace."""
    some = torch.linspace(-1, 1, len(rows), dtype=torch.float64, requires_grad=True)
    value = mean_image(model)
    [wanted] = torch.autograd.grad(value(rows, some), [some])
    late = value(rows, some)
    value(rows, torch.zeros_like(some))
    [gradient] = torch.autograd.grad(late, [some])
    torch.testing.assert_close(gradient, wanted)


def test_bad_input_is_one_line(model, rows):
    cloud = PointCloud(rows.clone().requires_grad_())
    ancestral = Sampling(num_inference_steps=3, guidance_scale=3.0, scheduler="euler-ancestral")
    with pytest.raises(UserError, match=r"EulerAncestralDiscreteScheduler adds noise in each step.*--scheduler ddim"):
        render_differentiably(model, [cloud], ancestral)
    with pytest.raises(UserError, match="is compiled, and gradients want it as it is; leave out --compile"):
        render_differentiably(Model("m", model.pipeline, compiled=True), [cloud], SAMPLING)
    with pytest.raises(UserError, match=r"wants rows of width 16"):
        render_differentiably(model, [PointCloud(torch.ones(3, 5))], SAMPLING)
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ):
        with pytest.raises(UserError, match="out of memory with 4 frames together"), memory_in_one_line(4):
            raise error
    with pytest.raises(RuntimeError, match="another"), memory_in_one_line(4):
        raise RuntimeError("another")


@pytest.mark.parametrize("family", ["sdxl", "sd3", "flux", "pixart", "sana"])
def test_every_family_has_the_same_images_and_gradients_of_rows_and_weights(family):
    """Joint attention and masks too: through their own pipelines' calls."""
    pipeline = BUILDERS[family]()
    pipeline.set_progress_bar_config(disable=True)
    model, sampling = Model(family, pipeline), Sampling(num_inference_steps=2, guidance_scale=3.0)
    [conditioning] = model.encode(["a fox on blue"])
    leaves = {
        name: (cloud.rows.clone().requires_grad_(), cloud.weights.clone().requires_grad_())
        for name, cloud in conditioning.clouds.items()
    }
    clouds = {name: PointCloud(*of_cloud) for name, of_cloud in leaves.items()}
    images = render_differentiably(model, [replace(conditioning, clouds=clouds)], sampling)
    levels = (images.detach().permute(0, 2, 3, 1) * 255).round().numpy()
    assert np.abs(levels - render(model, [conditioning], sampling)).max() <= 1
    gradients = torch.autograd.grad(images.square().sum(), [leaf for of_cloud in leaves.values() for leaf in of_cloud])
    assert all(torch.isfinite(gradient).all() and float(gradient.abs().max()) > 0 for gradient in gradients)


@pytest.mark.parametrize(("dtype", "warned"), [("float16", True), ("bfloat16", False), ("float32", False)])
def test_gradients_in_float16_are_warned_of(tiny_pipeline_folder, recwarn, dtype, warned):
    model = load_model(str(tiny_pipeline_folder), device="cpu", dtype=dtype)
    render_differentiably(model, [encode(model, "a fox")], replace(SAMPLING, num_inference_steps=1))
    messages = [str(each.message) for each in recwarn if each.category is HalfPrecisionWarning]
    assert (
        messages
        == [
            "gradients in float16 can vanish or overflow; --dtype bfloat16 has float32's range, --dtype "
            "float32 its digits too"
        ]
        * warned
    )

"""The census against what a reader of diffusers' code expects, architecture by architecture."""

import inspect
import json
from dataclasses import replace

import diffusers
import pytest
import torch
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.images.joint_attention import TextKeys
from whichway.analysis.images.text_keys import text_alone, text_first, text_last
from whichway.analysis.invariance.architectures import ARCHITECTURES, Text
from whichway.analysis.invariance.architectures.architecture import Architecture
from whichway.analysis.invariance.architectures.inputs import fixed
from whichway.analysis.invariance.census import examine, take_census

#: read from the code, class by class: is order invisible, is it a measure, what restores it
CROSS = {"sd1", "sd2", "sdxl", "pixart", "sana"}
JOINT = {"sd3", "auraflow", "flux", "chroma", "bria", "cogview3-plus", "cogview4", "hidream", "prx"}
POOLED = {"deepfloyd-if", "kandinsky3", "hunyuan-image"}
PLACES_FROM_OUTSIDE = {"flux2", "longcat-image", "ovis-image", "kandinsky5"}
PLACES_FROM_INSIDE = {"qwen-image", "lumina2", "z-image"}
FIXED = {"hunyuan-dit"}


@pytest.fixture(scope="module")
def census():
    return {record.details["name"]: record for record in take_census()}


def test_every_architecture_was_expected(census):
    assert set(census) == CROSS | JOINT | POOLED | PLACES_FROM_OUTSIDE | PLACES_FROM_INSIDE | FIXED
    assert len({record.architecture.split("(")[0] for record in census.values()}) >= 15
    assert set(ARCHITECTURES) - set(census) == {"sd15"}


ALONE, JOINTLY = "cross-attention to text alone", "one softmax over text and image"
WEIGHTS = "log-weights on the text keys"
#: read from the code as well: who shares the softmax with the text
SOFTMAX = dict.fromkeys(CROSS | {"kandinsky3", "kandinsky5"}, ALONE) | {
    "hunyuan-dit": "cross-attention to two texts at once"
}
OTHER_REASONS = {
    **{key: ["text also enters outside attention"] for key in POOLED},
    **{key: ["rotary positions on text"] for key in PLACES_FROM_OUTSIDE | PLACES_FROM_INSIDE},
    **{key: ["takes a fixed number of rows", "text also enters outside attention"] for key in FIXED},
}
RESTORED_BY = {
    **dict.fromkeys(CROSS, "holds as it is"),
    **dict.fromkeys(JOINT, WEIGHTS),
    **dict.fromkeys(POOLED | FIXED, "nothing: text also enters outside attention"),
    **dict.fromkeys(PLACES_FROM_OUTSIDE, f"{WEIGHTS}, places travelling with the rows"),
    **dict.fromkeys(PLACES_FROM_INSIDE, "nothing: places are counted inside the class"),
}


@pytest.mark.parametrize("name", [name for name, entry in ARCHITECTURES.items() if entry.census])
def test_verdict_and_reason(census, name):
    record = census[name]
    assert record.permutation_invariant == (name in CROSS | JOINT | POOLED)
    assert record.measure_invariant == (name in CROSS)
    assert record.reason.split("; ") == [SOFTMAX.get(name, JOINTLY), *OTHER_REASONS.get(name, [])]
    assert record.details["restored_by"] == RESTORED_BY[name]
    assert record.failed_controls == []


def test_the_order_of_the_table():
    names = list(ARCHITECTURES)
    assert names[:6] == ["sd1", "sd2", "sdxl", "deepfloyd-if", "kandinsky3", "sd15"]
    assert (names.index("pixart"), names.index("sd3"), names.index("flux2"), names[-1]) == (6, 9, 19, "kandinsky5")


def test_numbers_are_those_of_the_seed():
    first, again, other = (examine(ARCHITECTURES["sd3"], seed=seed) for seed in (0, 0, 1))
    assert first.errors == again.errors
    assert first.controls == again.controls != other.controls


def test_no_inference_mode_is_left_on_between_two_records():
    for _ in take_census(["pixart", "sana"]):
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("name", ["sd1", "pixart", "flux", "auraflow"])
def test_random_weights_switch_nothing_off(name):
    """As classes are made, some gates are zero, and with them whatever a text could change."""
    for path, parameter in ARCHITECTURES[name].build().named_parameters():
        assert parameter.abs().max() > 0, path
        assert parameter.numel() == 1 or parameter.std() > 0, path


def test_where_the_text_stands_among_the_keys():
    n, image = 7, 16
    assert text_alone(n, n) == [slice(0, 7)]
    assert text_alone(n + image, n) == []
    first, last, after_registers = text_first(image), text_last(image), text_first(image, before=8)
    assert first(n + image, n) == first(n, n) == [slice(0, 7)]
    assert after_registers(8 + n + image, n) == after_registers(8 + n, n) == [slice(8, 15)]
    assert last(n + image, n) == [slice(16, 23)]
    assert last(n, n) == after_registers(n, n) == [slice(0, 7)]
    assert first(image, n) == last(image, n) == after_registers(image, n) == []


@pytest.mark.parametrize("name", sorted(PLACES_FROM_OUTSIDE))
def test_classes_with_places_from_outside_have_an_argument_for_them(name):
    parameters = inspect.signature(getattr(diffusers, ARCHITECTURES[name].class_name).forward).parameters
    assert {"txt_ids", "text_rope_pos"} & set(parameters)


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        ("deepfloyd-if", "AttentionPooling"),
        ("kandinsky3", "Kandinsky3AttentionPooling"),
        ("hunyuan-image", "HunyuanImageTokenRefiner"),
        ("hunyuan-dit", "HunyuanDiTAttentionPool"),
    ],
)
def test_classes_that_pool_their_text_have_a_layer_that_does(name, pooling):
    assert pooling in {type(module).__name__ for module in ARCHITECTURES[name].build().modules()}


def test_violations_are_not_small(census):
    """Between what holds and what does not there is no doubt: 1e-13 against 1e-4 and more, in float64."""
    for record in census.values():
        for error in record.errors.values():
            assert error is None or error <= record.tolerance or error > 1e-4


def test_flux2_is_permutation_invariant_without_its_places():
    """The reason is the reason: with every text token at the origin, as in Flux.1, the order is invisible."""
    entry = ARCHITECTURES["flux2"]
    at_origin = replace(entry, call=lambda unet, text: entry.call(unet, Text(text.rows, torch.zeros_like(text.places))))
    record = examine(at_origin)
    assert record.permutation_invariant
    assert record.details["restored_by"] == "log-weights on the text keys"


def test_a_denoiser_that_ignores_its_text_shows_nothing():
    entry = ARCHITECTURES["sd1"]
    deaf = replace(entry, call=lambda unet, text: entry.call(unet, Text(text.rows * 0, text.places)))
    record = examine(deaf)
    assert record.failed_controls == ["different_text"]
    assert not record.permutation_invariant


def test_text_keys_weight_k_is_k_rows_in_joint_attention():
    entry = ARCHITECTURES["sd3"]
    denoiser, rows = entry.build(), fixed(1, 5, entry.width, seed=3)
    repeats = torch.tensor([1, 3, 1, 2, 1])
    with torch.inference_mode():
        repeated = entry.call(denoiser, Text(rows.repeat_interleave(repeats, dim=1), torch.arange(8)))
        with TextKeys(entry.text_keys, 5, repeats.double().log()):
            weighted = entry.call(denoiser, Text(rows, torch.arange(5)))
        plain = entry.call(denoiser, Text(rows, torch.arange(5)))
    assert float((weighted - repeated).norm() / repeated.norm()) < 1e-14
    assert float((plain - repeated).norm() / repeated.norm()) > 1e-3


def test_the_wrong_keys_are_noticed():
    """An entry whose ``text_keys`` finds no text in any attention is an error, not a verdict."""
    with pytest.raises(RuntimeError, match="text_keys is wrong"):
        examine(replace(ARCHITECTURES["sd1"], text_keys=lambda keys, n: []))


def test_full_size_is_stable_diffusion_15_exactly():
    entry: Architecture = ARCHITECTURES["sd15"]
    with torch.device("meta"):
        unet = getattr(diffusers, entry.class_name)(**entry.configuration)
    assert sum(parameter.numel() for parameter in unet.parameters()) == 859_520_964
    assert entry.dtype.itemsize * 859_520_964 < 8 * 2**30 / 2


def test_the_command(tmp_path):
    file = tmp_path / "census.json"
    result = CliRunner().invoke(main, ["invariance", "--architectures", "sd1,flux", "--json", str(file)])
    assert result.exit_code == 1  # Flux.1 is no function of the measure
    assert "1 see only the measure" in result.output
    records = json.loads(file.read_text())
    assert [record["measure_invariant"] for record in records] == [True, False]
    assert [record["permutation_invariant"] for record in records] == [True, True]
    assert records[1]["architecture"].startswith("FluxTransformer2DModel(patch_size=1, ")
    alone = CliRunner().invoke(main, ["invariance", "--architectures", "pixart"])
    assert alone.exit_code == 0

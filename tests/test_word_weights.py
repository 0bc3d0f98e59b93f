"""A word's weight is mass: on tiny models of every family, what is encoded and what is rendered."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_pipelines import BUILDERS, SAMPLING
from whichway.analysis.errors import UserError
from whichway.analysis.families import PromptReading
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.geometry import transport_cost, wasserstein
from whichway.geometry.padded import PaddedPath

PLAIN, WEIGHTED = "a large fox on a blue background", "a (large fox:40) on a blue background"
families = pytest.mark.parametrize("family", list(BUILDERS))


@pytest.fixture
def read_as(tiny_model):
    """The tiny model of a family, reading prompts in another way."""
    return lambda family, **reading: replace(tiny_model(family), reading=PromptReading("weighted", **reading))


def row_weights(conditioning, cloud):
    return conditioning.clouds[cloud].weights.double() * conditioning.masses[cloud]


@families
def test_the_words_rows_have_its_weight_and_all_others_one(tiny_model, read_as, family):
    [plain], [weighted] = tiny_model(family).encode([PLAIN]), read_as(family).encode([WEIGHTED])
    assert weighted.source == WEIGHTED
    for name, cloud in weighted.clouds.items():
        assert torch.equal(cloud.rows, plain.clouds[name].rows)
        assert cloud.labels == plain.clouds[name].labels
        weights = row_weights(weighted, name)
        heavy = "".join(label for label, w in zip(cloud.labels, weights, strict=True) if w > 2).replace("▁", "")
        assert heavy == "largefox"
        torch.testing.assert_close(weights.unique(), torch.tensor([1.0, 40.0], dtype=torch.float64), rtol=1e-5, atol=0)
    assert {name: vector.tolist() for name, vector in weighted.vectors.items()} == {
        name: vector.tolist() for name, vector in plain.vectors.items()
    }


@families
def test_a_word_of_weight_forty_is_there_forty_times(tiny_model, read_as, family):
    """By rows that are really repeated: log-weights and copies are two ways of writing one measure."""
    [plain], [weighted] = tiny_model(family).encode([PLAIN]), read_as(family).encode([WEIGHTED])
    copies = {}
    for name, cloud in plain.clouds.items():
        heavy = [row for row, weight in enumerate(row_weights(weighted, name)) if weight > 2]
        copies[name] = cloud.take([*range(len(cloud)), *heavy * 39])
    repeated = replace(plain, clouds=copies, masses={name: float(len(cloud)) for name, cloud in copies.items()})
    images = tiny_model(family).render([weighted, repeated, plain], Sampling(**SAMPLING[family])).astype(int)
    assert np.abs(images[0] - images[1]).max() <= 1
    assert np.abs(images[0] - images[2]).max() > 2  # so that the line above could fail


@families
def test_weights_of_one_change_neither_conditioning_nor_address(tiny_model, read_as, family):
    model, reader = tiny_model(family), read_as(family)
    addresses = FrameAddresses(model, Sampling(**SAMPLING[family]))
    again = FrameAddresses(reader, Sampling(**SAMPLING[family]))
    [plain], [same], [other] = (
        model.encode([PLAIN]),
        reader.encode(["a (large:1.0) fox on a blue background"]),
        (reader.encode([WEIGHTED])),
    )
    assert addresses.of(plain) == again.of(same) != again.of(other)
    assert model.identity != reader.identity  # of runs, whose prompts are read otherwise


@families
def test_rows_are_scaled_from_the_empty_prompts(tiny_model, read_as, family):
    model = tiny_model(family)
    [plain], [weighted] = model.encode([PLAIN]), read_as(family, word_weights="rows").encode([WEIGHTED])
    heavy = {name: row_weights(read_as(family).encode([WEIGHTED])[0], name) > 2 for name in plain.clouds}
    for name, cloud in weighted.clouds.items():
        before = plain.clouds[name]
        assert cloud.is_uniform
        assert torch.equal(cloud.rows[~heavy[name]], before.rows[~heavy[name]])
        if model.family.mask != "hidden":  # there the empty prompt's rows at the word's places are in no cloud
            [empty] = model.encode([""])
            base = empty.clouds[name].rows
            expected = (base + 40 * (before.rows - base))[heavy[name]]
            torch.testing.assert_close(cloud.rows[heavy[name]], expected)
        assert not torch.equal(cloud.rows[heavy[name]], before.rows[heavy[name]])


@families
def test_negative_prompts_have_weights_too(tiny_model, read_as, family):
    plain, weighted = tiny_model(family).encode_negative(PLAIN), read_as(family).encode_negative(WEIGHTED)
    for name, cloud in weighted.clouds.items():
        assert torch.equal(cloud.rows, plain.clouds[name].rows)
        heavy = [label for label, w in zip(cloud.labels, row_weights(weighted, name), strict=True) if w > 2]
        assert "".join(heavy).replace("▁", "") == "largefox"


def test_one_walks_from_a_light_word_to_a_heavy_one(read_as):
    model = read_as("sdxl")
    ends = model.encode(["a (fox:0.5) on a blue background", "a (fox:2) on a blue background"])
    clouds = [end.cloud for end in ends]
    assert torch.equal(clouds[0].rows, clouds[1].rows)
    path = join("optimal", ChosenMethod("optimal"), *ends, model=model)
    assert 0 < wasserstein(*clouds) == pytest.approx(transport_cost(*clouds, path.cloud.coupling))
    assert wasserstein(path(1.0).cloud, clouds[1]) == pytest.approx(0, abs=1e-3)
    by_index = join("identity", ChosenMethod("identity"), *ends, model=model).cloud
    assert isinstance(by_index, PaddedPath)
    torch.testing.assert_close(by_index(0.5).weights, (clouds[0].weights + clouds[1].weights) / 2)
    with pytest.raises(UserError, match="where words or chunks have weights, so have rows: choose a method"):
        join("slerp", ChosenMethod("slerp"), *ends, model=model)


def test_textual_inversion_of_several_vectors_is_one_word(read_as):
    """The pipeline writes ``<cat>`` out as several tokens; the weight is that of all of them."""
    pipeline = BUILDERS["sdxl"]()
    for tokenizer in (pipeline.tokenizer, pipeline.tokenizer_2):
        tokenizer.add_tokens(["<cat>", "<cat>_1"])
    for encoder in (pipeline.text_encoder, pipeline.text_encoder_2):
        encoder.resize_token_embeddings(len(pipeline.tokenizer))
    model = Model("own", pipeline, reading=PromptReading("weighted"))
    [conditioning] = model.encode(["a (<cat>:2) fox"])
    cloud = conditioning.cloud
    weights = dict(zip(cloud.labels[:6], row_weights(conditioning, "clip")[:6].round().tolist(), strict=True))
    assert weights == {"<|startoftext|>": 1, "a": 1, "<cat>": 2, "<cat>_1": 2, "fox": 1, "<|endoftext|>": 1}


def test_a_tokenizer_that_does_not_say_where_its_tokens_stand(tiny_model, read_as, monkeypatch):
    model = read_as("pixart")
    monkeypatch.setattr(type(model.pipeline.tokenizer), "is_fast", False)
    with pytest.raises(UserError, match="does not say where in a text its tokens stand; leave weights out"):
        model.encode([WEIGHTED])
    assert model.encode([PLAIN])


def test_a_pipeline_of_ones_own_may_be_read_so(tiny_model):
    pipeline = tiny_model("sdxl").pipeline
    model = load_model(pipeline, syntax="weighted", word_weights="rows")
    assert model.reading == PromptReading("weighted", "rows")
    assert model.identity.items() >= {"syntax": "weighted", "word_weights": "rows"}.items()

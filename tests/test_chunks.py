"""Long prompts are bigger clouds: what is read, what it weighs, who refuses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_pipelines import BUILDERS, SAMPLING
from whichway.analysis.errors import UserError
from whichway.analysis.families import PromptReading, TruncationWarning
from whichway.analysis.families.chunks import split
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.reading.weighted_text import WeightedText

A, B = "a large fox on a blue background", "a panda on a pink background"
LONG = ", ".join([A, B] * 8)
BROKEN = f"{A} BREAK {B}"
chunking = pytest.mark.parametrize("family", ["sdxl", "sd3"])


@pytest.fixture
def read_as(tiny_model):
    def model(family, **reading):
        return replace(
            tiny_model(family),
            reading=PromptReading(**{"long_prompts": "chunks", "chunk_masses": "own-tokens"} | reading),
        )

    return model


@chunking
def test_each_chunk_is_a_prompt_of_its_own(tiny_model, read_as, family):
    [broken] = read_as(family, syntax="weighted").encode([BROKEN])
    alone = [each.clouds["clip"] for each in tiny_model(family).encode([A, B])]
    assert torch.equal(broken.clouds["clip"].rows, torch.cat([cloud.rows for cloud in alone]))
    assert broken.clouds["clip"].labels == alone[0].labels + alone[1].labels
    assert broken.clouds["clip"].size == 77 + alone[1].size
    [first] = tiny_model(family).encode([A])
    if family == "sdxl":  # SD 3's is in part the whole prompt's, none of which CLIP sees
        torch.testing.assert_close(broken.vectors["pooled"], first.vectors["pooled"])


def test_encoders_that_read_all_at_once_get_the_whole_prompt(tiny_model, read_as):
    [broken] = read_as("sd3", syntax="weighted").encode([BROKEN])
    [whole] = tiny_model("sd3").encode([f"{A} {B}"])
    assert torch.equal(broken.clouds["t5"].rows, whole.clouds["t5"].rows)
    assert broken.masses["t5"] == 256
    assert broken.clouds["t5"].is_uniform


def test_words_go_into_chunks_in_their_order_with_their_weights(read_as):
    model = read_as("sdxl")
    [encoder] = model.family.encoders
    text = WeightedText(((LONG + ", ", 1.0), (LONG, 2.0)))
    chunks = [*split(model.family, model.pipeline, text)]
    counts = [encoder.token_count(model.pipeline, chunk.text) for chunk in chunks]
    assert " ".join(chunk.text for chunk in chunks) == text.text
    assert max(counts) <= 77
    assert min(counts[:-1]) >= 77 - 3  # no word of these takes more tokens
    heavy = sum(len(part.replace(" ", "")) for chunk in chunks for part, weight in chunk.stretches if weight == 2)
    assert heavy == len(LONG.replace(" ", ""))


def test_nothing_is_cut_off_and_what_fits_is_as_it_was(tiny_model, read_as):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [long, short] = read_as("sdxl").encode([LONG, A])
    assert len(long.cloud) == 154
    [plain] = tiny_model("sdxl").encode([A])
    assert torch.equal(short.cloud.rows, plain.cloud.rows)
    assert short.cloud.is_uniform
    with pytest.warns(TruncationWarning, match="--long-prompts chunks"):
        tiny_model("sdxl").encode([LONG])


def test_a_word_that_is_longer_than_the_encoder_is_cut_off(read_as):
    with pytest.warns(TruncationWarning):
        [conditioning] = read_as("sdxl").encode(["a fox " + "x!" * 60])
    assert len(conditioning.cloud) == 154


@pytest.mark.parametrize(
    ("masses", "of_rows", "rows"),
    [
        ("own-tokens", lambda own: [own[0] / 77] * 77 + [own[1] / 77] * 77, 154),
        ("own-rows", lambda own: [1.0] * sum(own), None),
        ("equal", lambda own: [1.0] * 154, 154),
    ],
)
def test_what_each_chunk_weighs(tiny_model, read_as, masses, of_rows, rows):
    model = read_as("sdxl", syntax="weighted", chunk_masses=masses)
    own = [each.cloud.size for each in tiny_model("sdxl").encode([A, B])]
    [broken] = model.encode([BROKEN])
    assert len(broken.cloud) == (rows or sum(own))
    np.testing.assert_allclose(broken.cloud.weights.double() * broken.masses["clip"], of_rows(own), rtol=1e-6)


@chunking
@pytest.mark.parametrize("masses", ["own-tokens", "own-rows", "equal"])
def test_a_long_prompt_is_rendered_in_any_order_and_beside_short_ones(tiny_model, read_as, family, masses):
    model = read_as(family, chunk_masses=masses)
    long, short = model.encode([LONG, B])
    order = torch.randperm(len(long.clouds["clip"]), generator=torch.Generator().manual_seed(0))
    shuffled = replace(long, clouds=long.clouds | {"clip": long.clouds["clip"].take(order)})
    sampling = Sampling(**SAMPLING[family])
    images = model.render([long, shuffled, short], sampling).astype(int)
    assert np.abs(images[0] - images[1]).max() <= 1
    assert np.abs(images[2] - tiny_model(family).render([short], sampling)[0].astype(int)).max() <= 1
    assert np.abs(images[0] - images[2]).max() > 2


@chunking
def test_negative_prompts_may_be_long_too(tiny_model, read_as, family):
    model = read_as(family, syntax="weighted")
    negative = model.encode_negative(BROKEN)
    alone = [tiny_model(family).encode_negative(each).clouds["clip"].rows for each in (A, B)]
    torch.testing.assert_close(negative.clouds["clip"].rows, torch.cat(alone), rtol=1e-5, atol=1e-6)
    [image] = replace(model).render(model.encode([B]), Sampling(**SAMPLING[family] | {"negative_prompt": BROKEN}))
    assert image.shape[2] == 3


@pytest.mark.parametrize("method", ["optimal", "identity", "mixture", "spherical", "partial"])
def test_clouds_of_different_size_meet(read_as, method):
    model = read_as("sdxl")
    long, short = model.encode([LONG, B])
    path = join(method, ChosenMethod(method), long, short, model=model)
    frames = model.render([path(1.0), short], Sampling(**SAMPLING["sdxl"])).astype(int)
    assert np.abs(frames[0] - frames[1]).max() <= 1


@pytest.mark.parametrize("method", ["random", "slerp", "aid-inner"])
def test_methods_that_need_equal_sizes_say_so(read_as, method):
    model = read_as("sdxl")
    with pytest.raises(UserError, match="one that is read in chunks has more: choose a method for clouds of any sizes"):
        join(method, ChosenMethod(method), *model.encode([LONG, B]), model=model)


@pytest.mark.parametrize("family", [name for name in BUILDERS if name not in ("sdxl", "sd3")])
def test_encoders_that_need_no_chunks(tiny_model, read_as, family):
    with pytest.raises(UserError, match=r"long_prompts: .* reads \d+ tokens at once and needs no chunks; leave it out"):
        read_as(family)
    weighted = replace(tiny_model(family), reading=PromptReading("weighted"))
    with pytest.raises(UserError, match=r"BREAK begins a chunk, but .* needs no chunks"):
        weighted.encode([BROKEN])

# %% [markdown]
# # 9. Can a photograph be an end?
#
# A path joins two clouds. A photograph has none, but one can be looked for: the conditioning whose image it is, by
# gradients through all sampling steps, kept near the encoder's own rows.
#
# **Which cloud has this picture as its image, and what lies between it and a prompt?**

# %%
# %matplotlib inline
from pathlib import Path

import numpy as np
from PIL import Image

from whichway import (
    ComparisonSettings,
    InversionSettings,
    Sampling,
    compare,
    draw_filmstrips,
    draw_gallery,
    encode,
    invert,
    load_model,
    read_comparison,
)
from whichway.geometry import wasserstein

model = load_model("miniature")
sampling = Sampling(seed=0, num_inference_steps=4, guidance_scale=3.0)

# %% [markdown]
# ## A picture that the model has not made
#
# A painted scene of the miniature's world, of a combination that its training never saw. Take a file of yours: any
# size, any mode.

# %%
photograph = Path("runs/photograph.png")
photograph.parent.mkdir(exist_ok=True)
painted = Image.open("../figures/inversion/scenes.png")  # twelve of them, one below the other, painted on the left
painted.crop((0, 6 * 64, 64, 7 * 64)).save(photograph)
caption = "a large balloon at sunset"

# %% [markdown]
# ## Look for its cloud
#
# From two starts, the empty prompt and what we see in it; a few iterations each, then more of the better one. A dozen
# iterations are few: sixty are the default, and `whichway invert` goes on where it was stopped.

# %%
settings = InversionSettings(str(photograph), prompts=(caption,), nearest=0, trial=2, iterations=10, sampling=sampling)
inversion = invert(settings, model=model, progress=False)
record = inversion.record
pictures = {name: np.asarray(Image.open(inversion.folder / f"{name}.png")) for name in ("photograph", "inverted")}
draw_gallery(pictures)

# %%
print(f"begun from {record['start']!r}")
print(f"LPIPS to the photograph {record['inverted']['distance']:.3f}, PSNR {record['inverted']['psnr']:.1f} dB")
print(f"the autoencoder alone: {record['autoencoder']['distance']:.3f}, {record['autoencoder']['psnr']:.1f} dB")
print(f"W_2 from the caption's cloud: {wasserstein(inversion.conditioning.cloud, encode(model, caption)):.1f}")

# %% [markdown]
# ## From the photograph to a prompt
#
# `@` and the file stand where a prompt may stand, here and in every command.

# %%
prompts = f"@{photograph}", "a panda on a pink background"
methods = ("identity", "optimal")
comparison = compare(ComparisonSettings(*prompts, methods=methods, frames=5, sampling=sampling), model=model)
rendered = read_comparison(comparison.folder).rendered
draw_filmstrips(rendered.frames, rendered.times, *prompts)

# %% [markdown]
# **Answer.** A cloud whose image is nearly the photograph's is found by gradients, and is an end like any other. It
# need not be near the cloud of the photograph's caption: many clouds have nearly one image
# (`docs/commands/invert.md`). The same gradients find the shortest way in images → `10_the_way_in_pictures`

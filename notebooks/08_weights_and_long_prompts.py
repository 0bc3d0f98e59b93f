# %% [markdown]
# # 8. What is the weight of a word?
#
# To the denoiser a text is a measure $\mu = \sum_i w_i \delta_{x_i}$. So `(word:1.3)` is the same measure with more
# mass on the word's rows, and a prompt that is longer than the encoder is the sum of the measures of its chunks: a
# cloud with more rows.
#
# **What do weights and long prompts do to the cloud, and what to the image?**

# %%
# %matplotlib inline
import warnings

import numpy as np

from whichway import Sampling, draw_filmstrips, draw_gallery, encode, load_model, render
from whichway.geometry import build_path, uniform_times, wasserstein

model = load_model("miniature", syntax="weighted", long_prompts="chunks")
sampling = Sampling(seed=0, num_inference_steps=8, guidance_scale=3.0)
scene = "a (fox:{}) to the left of a pizza on a blue background"
clouds = {weight: encode(model, scene.format(weight)) for weight in (1, 4, 0.25, 1e-8)}

# %% [markdown]
# ## Rows stay, mass moves
#
# The rows are those of the prompt without weights; only $w$ differs. How far that is, $W_2$ says: mass has to travel
# from the word to all other rows.

# %%
plain = clouds[1]
word = next(row for row, token in enumerate(plain.labels) if "fox" in token)
for weight, cloud in clouds.items():
    assert np.allclose(cloud.rows, plain.rows)
    share, far = float(cloud.weights[word]), wasserstein(cloud, plain)
    print(f"(fox:{weight}): {share:.4f} of the mass on “fox”; W_2 to the plain prompt {far:.2f}")
images = render(model, list(clouds.values()), sampling)
draw_gallery({f"(fox:{weight})": image for weight, image in zip(clouds, images, strict=True)})

# %% [markdown]
# Between ¼ and 4 the miniature hardly notices: its attention is sharp, $\log 4 = 1.4$ is little beside its logits, and
# other rows speak of the fox, too. Only with next to no mass does the word's own say go.
#
# ## From a light word to a heavy one
#
# Two measures on the same rows: `mixture` moves the mass along, no row travels.

# %%
path, times = build_path("mixture", clouds[1e-8], clouds[4]), uniform_times(5)
frames = {"mixture": render(model, [path(t) for t in times], sampling)}
draw_filmstrips(frames, {"mixture": times}, scene.format(1e-8), scene.format(4))

# %% [markdown]
# ## A prompt of many words
#
# CLIP has 77 positions. Read in chunks, a longer prompt keeps its end; cut off (the default, with a warning), it does
# not.

# %%
long = "a picture of " + "blue, " * 60 + "and a fox"
cut = load_model("miniature")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    short = encode(cut, long)
print(caught[-1].message)
whole = encode(model, long)
print(f"cut off: {len(short)} rows; in chunks: {len(whole)} rows; W_2 between them {wasserstein(short, whole):.2f}")
draw_gallery({"cut off": render(cut, [short], sampling)[0], "in chunks": render(model, [whole], sampling)[0]})

# %% [markdown]
# **Answer.** A weight multiplies the mass of a word's rows, which stay where they are; a long prompt has more rows.
# Both are measures, so distances, couplings and paths work as before. How much is seen of it is the model's affair:
# the miniature hears a light or heavy word hardly, and the end of a long prompt clearly (`docs/weights.md` has the
# numbers). And if the end is no prompt at all? → `09_photographs`

# %% [markdown]
# # 2. How far apart are two prompts?
#
# Row by row, as matrices, two prompts are $\|X - Y\|_F / \sqrt{n}$ apart: every row $x_i$ is compared with the row
# $y_i$ that happens to have the same index. As clouds, rows may be compared in whatever way is cheapest:
#
# $$W_2(X, Y) = \min_\sigma \sqrt{\tfrac{1}{n} \sum_i \|x_i - y_{\sigma(i)}\|^2} .$$
#
# **Which rows does the optimal coupling match, and how much shorter is the way?** Always, and for any two prompts,
#
# $$\|\bar{x} - \bar{y}\| \;\le\; W_2(X, Y) \;\le\; \|X - Y\|_F / \sqrt{n} .$$

# %%
# %matplotlib inline
import pandas as pd
from IPython.display import display
from ipywidgets import Dropdown, interact

from whichway import (
    GROUNDS,
    draw_coupling,
    draw_distances,
    encode,
    encode_all,
    find_ground,
    load_model,
    measure_distances,
    world_pairs,
)
from whichway.geometry import TOKENS, centroid_distance, couple, rms_frobenius, wasserstein

model = load_model("miniature")
a = encode(model, "a fox to the left of a pizza")
b = encode(model, "a pizza to the left of a fox")
print(f"{centroid_distance(a, b):.3f} ≤ {wasserstein(a, b):.3f} ≤ {rms_frobenius(a, b):.3f}")

# %% [markdown]
# ## Which token travels where
#
# The identity coupling sends every row to its own index, so "fox" becomes "pizza". The optimal one is free to send
# it to the other "fox". Padding rows, all alike, are gathered in one line and counted.

# %%
draw_coupling({name: couple(name, a, b) for name in ("identity", "optimal")}, a, b)

# %% [markdown]
# ## What are rows compared by?
#
# The *ground metric* says how far apart two rows are: in $\mathbb{R}^d$ as it is; by angle; or as the denoiser sees
# them, through the keys and values of its cross-attention layers. And one may let only the prompt's own tokens be
# matched.


# %%
@interact(ground=Dropdown(options=list(GROUNDS)), tokens=Dropdown(options=list(TOKENS)))
def show_coupling(ground, tokens):
    metric = find_ground(ground, model)
    coupling = couple("optimal", a, b, ground=metric, tokens=tokens)
    display(draw_coupling({"optimal": coupling}, a, b))


# %% [markdown]
# ## Over many pairs
#
# Two hundred pairs of captions whose similarity is known, 0 to 5, of scenes that the model never saw in training.
# Most of the 77 rows are padding that moves little, so we look at all rows and at the prompts' own tokens.

# %%
pairs = world_pairs(200).pairs
clouds = list(encode_all(model, [prompt for pair in pairs for prompt in (pair.prompt_a, pair.prompt_b)]))
ends = zip(clouds[::2], clouds[1::2], strict=True)
table = pd.DataFrame([measure_distances(*each) for each in ends])
table = table.assign(pair=table.index, score=[pair.score for pair in pairs])
draw_distances(table)

# %%
table["ratio"] = table["wasserstein_own_tokens"] / table["rms_frobenius_own_tokens"]
table["similarity"] = table["score"].clip(upper=4.99).astype(int)
table.groupby("similarity")[["ratio", "share_moved"]].mean().round(3)

# %% [markdown]
# **Answer.** Over all rows the two distances differ by a few per cent, and yet most rows travel to another index. Over
# the prompts' own tokens $W_2$ is clearly smaller, the more so the more alike two prompts are: they say the same things
# in another order. Does a shorter way *look* shorter? → `03_which_way`

# %% [markdown]
# # 3. Which way from B to A?
#
# A *path* is $t \mapsto$ cloud. Between matched rows the straight ones are $(1-t)\,x_i + t\,y_{\sigma(i)}$; with the
# optimal $\sigma$ this is the geodesic of $W_2$ (McCann's displacement interpolation), with $\sigma = \mathrm{id}$ the
# linear interpolation that everyone uses. Other ways move no row at all, only weights (`mixture`).
#
# **Along which way do the images change least, and most evenly?** Every frame starts from the same noise; only the
# conditioning moves.

# %%
# %matplotlib inline
from pathlib import Path

from whichway import (
    Explorer,
    Sampling,
    draw_comparison,
    draw_filmstrips,
    draw_steps,
    encode,
    load_model,
    measure_smoothness,
    measure_steps,
    read_results,
    render,
)
from whichway.geometry import build_path, uniform_times

model = load_model("miniature")
prompts = "a large fox on a blue background", "a panda on a pink background"
a, b = (encode(model, prompt) for prompt in prompts)
methods, times = ("identity", "random", "optimal", "mixture"), uniform_times(9)
paths = {method: build_path(method, a, b) for method in methods}
frames = {method: render(model, [path(t) for t in times], Sampling(seed=0)) for method, path in paths.items()}
draw_filmstrips(frames, dict.fromkeys(methods, times), *prompts)

# %% [markdown]
# ## How smooth is it?
#
# With a perceptual distance $D$ (LPIPS, as in the paper), the steps are $d_k = D(I_k, I_{k+1})$. Their sum is the
# perceptual path length (PPL); the largest over the mean is the worst step; directness is chord over path,
# $\sqrt{D(I_0, I_T)} / \sum_k \sqrt{d_k}$, since LPIPS is a squared distance.

# %%
measured = {method: measure_steps(strip, "lpips") for method, strip in frames.items()}
smoothness = {method: measure_smoothness(path) for method, path in measured.items()}
steps = {method: path.steps.tolist() for method, path in measured.items()}
draw_steps(steps, smoothness, dict.fromkeys(methods, times), "lpips")

# %% [markdown]
# ## Look for yourself
#
# Type prompts, choose two methods, move the slider. Images come one by one, the one under the slider first; what was
# rendered is kept in `runs/explorer` and is there at once the next time. Hover over a token to see where it travels;
# click a point of the map to see its image.

# %%
explorer = Explorer(prompts=list(prompts), methods=["optimal", "identity"], frames=9, model=model)
explorer

# %%
# What the page shows is here in Python, too: images(), smoothness(), export("film.webp"). Measures are None until the
# frames are there; run this cell again then.
explorer.smoothness()

# %% [markdown]
# ## One pair proves nothing
#
# A pair can be found for every claim. The repository has a paired study: every method, the same pairs, the same
# noise, with intervals over pairs (`make study`).

# %%
study = read_results(Path("../figures/study"))
draw_comparison(study, study.attrs["perceptual_distances"][0], "identity")

# %% [markdown]
# **Answer.** Over the study's pairs the images along the optimal-transport way change less than along the straight line
# between matrices, and clearly so for similar prompts. It is not the only way that does: those that move weights
# instead of rows are as short or shorter, at the price of less even steps. Where do these paths run? → `04_maps`

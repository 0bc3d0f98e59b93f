# %% [markdown]
# # 4. Where do the paths run?
#
# To draw clouds on paper, each becomes a point of a plane. PCA and UMAP of *flattened matrices* lie: B and B with its
# rows permuted are far apart there, and yet render the same image. So there are two views of everything:
#
# - **Frobenius**: rows in their order;
# - **Wasserstein**: rows in any order. UMAP and MDS are given exact $W_2$; PCA sees each cloud as its optimal map from
#   one reference cloud, whose Euclidean distance approximates $W_2$ (linearised optimal transport).
#
# **What does the map of matrices get wrong?** Every map says how far it can be trusted: stress (0 is perfect) and
# trustworthiness (1 is perfect).

# %%
# %matplotlib inline
import numpy as np
from IPython.display import display
from ipywidgets import Dropdown, interact
from scipy.spatial.distance import pdist, squareform

from whichway import (
    PromptMap,
    Sampling,
    draw_map,
    draw_projection,
    encode,
    encode_all,
    load_model,
    lpips_features,
    pairwise_distances,
    project,
    render,
    world_pairs,
)
from whichway.geometry import build_path, uniform_times

model = load_model("miniature")
a, b = encode(model, "a large fox on a blue background"), encode(model, "a panda on a pink background")
times = uniform_times(9)
methods = ("identity", "random", "optimal", "slerp", "mixture")
clouds = {method: [build_path(method, a, b)(t) for t in times] for method in methods}
draw_projection(clouds, a)

# %% [markdown]
# On the left, each method ends somewhere else, since each ends in B with its rows in another order. On the right they
# all end in one point: the measure is the same, and so is the image.
#
# ## Choose the projection


# %%
@interact(method=Dropdown(options=["pca", "mds"]))
def show_projection(method):
    display(draw_projection(clouds, a, method=method))


# %% [markdown]
# ## A map of many prompts
#
# Sixty captions, their images at their places. UMAP keeps neighbours together; distances across the map mean little.
# Move the pointer over the map: it shows the prompts there. `PromptMap.of_run("runs/…/map.json")` opens a map that
# `whichway map` has drawn.
# (It takes half a minute to get started.)

# %%
pairs = world_pairs(30).pairs
prompts = list(dict.fromkeys(prompt for pair in pairs for prompt in (pair.prompt_a, pair.prompt_b)))
words = list(encode_all(model, prompts))
images = render(model, words, Sampling(seed=0, num_inference_steps=10))
PromptMap(project(words, "wasserstein", method="umap"), prompts, images)

# %%
draw_map(project(words, "frobenius", method="umap"), prompts, images)

# %% [markdown]
# In which view are the neighbours of a prompt the ones that look like it? We ask, for each prompt, how far its five
# nearest neighbours look from it, against what five random prompts do.

# %%
looks = squareform(pdist(lpips_features(images), "sqeuclidean"))  # LPIPS between all images
for view in ("frobenius", "wasserstein"):
    near = pairwise_distances(words, view).argsort(axis=1)[:, 1:6]
    print(f"{view:12} {np.take_along_axis(looks, near, axis=1).mean():.3f}")
print(f"{'at random':12} {squareform(looks).mean():.3f}")

# %% [markdown]
# **Answer.** The map of matrices splits one point into many: it shows the coupling that one happened to choose, not
# what the model sees. The Wasserstein view has one point for each measure. Among prompts as they come from the encoder,
# which puts their rows in the order of the words, this costs little: see the last three numbers. Between more than two
# prompts: → `05_many_prompts`

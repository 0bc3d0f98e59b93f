# %% [markdown]
# # 5. What lies between many prompts?
#
# Between clouds $A_1, \dots, A_m$ with weights $\lambda$ lies their Wasserstein barycenter,
#
# $$\arg\min_X \sum_k \lambda_k W_2^2(X, A_k) ,$$
#
# of two clouds a point on their geodesic. Its linear cousin is the mean of the matrices, $\sum_k \lambda_k A_k$, row by
# row. **Does it matter which of the two one takes?**

# %%
# %matplotlib inline
import torch
from IPython.display import display
from ipywidgets import FloatSlider, interact

from whichway import Sampling, draw_barycenters, draw_gallery, encode, grid_weights, load_model, render
from whichway.geometry import PointCloud, barycenter, wasserstein

model = load_model("miniature")
prompts = "a fox on a blue background", "a panda on a pink background", "a car at sunset"
clouds = [encode(model, prompt) for prompt in prompts]
sampling = Sampling(seed=0)

side = 5
grid = grid_weights(len(clouds), side)
images = render(model, [barycenter(clouds, weights) for weights in grid], sampling)
draw_barycenters(images, prompts, side)

# %% [markdown]
# ## Mix them yourself
#
# Weights are scaled to sum to 1. Left the barycenter, right the mean of the matrices; above each, how much transport it
# takes to reach all three prompts (the barycenter minimises it).


# %%
def mean_of_matrices(weights):
    return PointCloud(sum(w * cloud.rows for w, cloud in zip(weights, clouds, strict=True)))


def effort(cloud, weights):
    return sum(w * wasserstein(cloud, each) ** 2 for w, each in zip(weights, clouds, strict=True))


def slider(value):
    return FloatSlider(value, min=0, max=1, step=0.05, continuous_update=False)


@interact(fox=slider(0.5), panda=slider(0.5), car=slider(0))
def mix(fox, panda, car):
    weights = torch.tensor([fox, panda, car], dtype=torch.float64)
    if not weights.sum() > 0:
        print("at least one weight has to be above 0")
        return
    weights = (weights / weights.sum()).tolist()
    mixed = {"barycenter": barycenter(clouds, weights), "mean of matrices": mean_of_matrices(weights)}
    shown = render(model, list(mixed.values()), sampling)
    captions = [f"{name}\nΣ λ W² = {effort(cloud, weights):.1f}" for name, cloud in mixed.items()]
    display(draw_gallery(dict(zip(captions, shown, strict=True))))


# %% [markdown]
# ## In numbers, over the whole triangle

# %%
inner = [weights for weights in grid if min(weights) > 0]
for weights in inner:
    found, linear = effort(barycenter(clouds, weights), weights), effort(mean_of_matrices(weights), weights)
    print("  ".join(f"{w:.2f}" for w in weights), f"   barycenter {found:7.2f}   mean of matrices {linear:7.2f}")

# %% [markdown]
# **Answer.** By transport the barycenter is the nearer one to all prompts at once, by definition and in the numbers. By
# looks the difference is as large as the couplings are different from the identity: see notebook 2. The same for any
# model of yours → `06_your_own_model`

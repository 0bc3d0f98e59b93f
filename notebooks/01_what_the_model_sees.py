# %% [markdown]
# # 1. What does the model see of a prompt?
#
# A text encoder turns a prompt into a matrix $X \in \mathbb{R}^{n \times d}$: $n$ token rows of width $d$. The denoiser
# looks at it through cross-attention alone,
#
# $$\mathrm{softmax}\!\left(\frac{Q (X W_K)^\top}{\sqrt{h}}\right) X W_V .$$
#
# Nothing in this expression knows the *order* of the rows. **Is the conditioning a matrix, or a cloud of points?**
#
# Everything here runs on the embedded miniature Stable Diffusion; 06_your_own_model says how to use your own.

# %%
# %matplotlib inline
import torch
from IPython.display import display
from ipywidgets import IntSlider, interact

from whichway import Sampling, check_invariance, draw_gallery, encode, load_model, render
from whichway.geometry import PointCloud, frobenius, wasserstein

model = load_model("miniature")
cloud = encode(model, "a large fox on a blue background")
print(f"{len(cloud)} rows of width {cloud.dimension}; the first {cloud.size} are the prompt's own:")
print(*cloud.labels[: cloud.size])

# %% [markdown]
# ## The same image from different matrices
#
# We permute the rows, write every row twice, and split every row's mass unevenly over two copies. As matrices these are
# far from $X$ or not even of its shape. As *probability measures* $\mu = \sum_i w_i \delta_{x_i}$ all of them are the
# same: $W_2 = 0$ up to rounding. The last image is the control: another prompt has to look different, or nothing would
# be shown.

# %%
shuffle = torch.randperm(len(cloud), generator=torch.Generator().manual_seed(0))
permuted = cloud.take(shuffle.tolist())
doubled = PointCloud(torch.cat([cloud.rows, cloud.rows]))
share = torch.rand(len(cloud), generator=torch.Generator().manual_seed(1))
split = PointCloud(torch.cat([cloud.rows, cloud.rows]), torch.cat([share, 1 - share]))
other = encode(model, "a small car at night")

versions = {
    "as encoded": cloud,
    "rows permuted": permuted,
    "every row twice": doubled,
    "every row split\nunevenly in two": split,
    "another prompt": other,
}
images = dict(zip(versions, render(model, list(versions.values()), Sampling(seed=0)), strict=True))
draw_gallery(images)

# %%
for name, version in versions.items():
    difference = abs(images[name].astype(int) - images["as encoded"]).max()
    matrix = f"{frobenius(cloud, version):7.1f}" if len(version) == len(cloud) else "no such"
    said = f"Frobenius {matrix}, W_2 {wasserstein(cloud, version):7.4f}, largest pixel difference {difference:3d}/255"
    print(f"{name.replace(chr(10), ' '):32} {said}")

# %% [markdown]
# ## Move the slider: any permutation will do
#
# The seed chooses the permutation. The matrix is another one each time; the image is not.


# %%
@interact(seed=IntSlider(1, 1, 50, continuous_update=False))
def show_permutation(seed):
    order = torch.randperm(len(cloud), generator=torch.Generator().manual_seed(seed))
    version = cloud.take(order.tolist())
    [image] = render(model, [version], Sampling(seed=0))
    difference = abs(image.astype(int) - images["as encoded"]).max()
    caption = f"permutation {seed}:\nFrobenius {frobenius(cloud, version):.1f}, {difference}/255 apart"
    display(draw_gallery({"as encoded\n": images["as encoded"], caption: image}))


# %% [markdown]
# ## How exact is it?
#
# Up to rounding. `whichway invariance` checks every cross-attention layer, the denoiser and the sampled image, beside
# controls that have to fail: another text, the *words* in another order (the invariance is of the conditioning, not of
# language), and attention that is broken on purpose. Here the denoiser and the image in two dtypes:

# %%
for record in check_invariance(model, dtypes=("float64", "float32"), levels=("denoiser", "image")):
    worst = max(error for error in record.errors.values() if error is not None)
    print(
        f"{record.level:8} {record.dtype}: worst relative change {worst:.1e} (rounding allows "
        f"{record.tolerance:.0e}), another text {record.controls['different_text']:.1e}, "
        f"measure-invariant: {record.measure_invariant}"
    )

# %% [markdown]
# **Answer.** The model sees a probability measure: a point of $P(\mathbb{R}^d)$, not of $\mathbb{R}^{n \times d}$. Two
# matrices that are far apart can be one and the same point there. So how far apart are two *prompts*?
# → `02_two_distances`

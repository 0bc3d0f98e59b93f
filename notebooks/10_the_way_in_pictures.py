# %% [markdown]
# # 10. How good is optimal transport?
#
# Optimal transport is the shortest way in the space of clouds. What one sees is the way in the space of *images*.
# Rendering pulls a metric back from images to clouds, and its geodesic is the path whose images change least: the
# least energy $T \sum_k d_k^2$ of the perceptual steps $d_k$.
#
# **How much shorter is the shortest way in images than the optimal-transport path?**

# %%
# %matplotlib inline
from whichway import (
    Explorer,
    GeodesicSettings,
    Sampling,
    choose_method,
    draw_filmstrips,
    draw_steps,
    find_geodesic,
    join,
    load_model,
    measure_fidelity,
    measure_smoothness,
    measure_steps,
    render,
)
from whichway.geometry import uniform_times

model = load_model("miniature")
sampling = Sampling(seed=0, num_inference_steps=4, guidance_scale=3.0)
prompts = "a large fox on a blue background", "a panda on a pink background"
a, b = model.encode(prompts)
times = uniform_times(5)
paths = {name: join(name, choose_method(name), a, b, model=model) for name in ("identity", "optimal")}

# %% [markdown]
# ## Look for it
#
# By gradients through all sampling steps the clouds in between move against the energy, across the path, while images
# are kept evenly spaced along it; a penalty keeps the rows near the encoder's own. Six iterations on five images are
# few: forty on nine are the default, and take minutes.

# %%
settings = GeodesicSettings(iterations=6, nodes=len(times), tolerance=0)
paths["geodesic"], search = find_geodesic(model, a, b, sampling, settings=settings, progress=False)
print("energy after each iteration:", "  ".join(f"{energy:.3f}" for energy in search.energies))

# %%
frames = {name: render(model, [path(t) for t in times], sampling) for name, path in paths.items()}
draw_filmstrips(frames, dict.fromkeys(frames, times), *prompts)

# %%
measured = {name: measure_steps(strip, "lpips") for name, strip in frames.items()}
smoothness = {name: measure_smoothness(path) for name, path in measured.items()}
steps = {name: path.steps.tolist() for name, path in measured.items()}
draw_steps(steps, smoothness, dict.fromkeys(frames, times), "lpips")

# %% [markdown]
# ## At what price?
#
# A path can be short because its middle is mush. How sure is the miniature's judge that it sees a scene?

# %%
for name, strip in frames.items():
    confidence = measure_fidelity(strip, times, prompts, model.pipeline)["scene_confidence"]
    print(f"{name}: energy {smoothness[name].energy:.3f}, PPL {smoothness[name].ppl:.3f}, confidence {confidence:.2f}")

# %% [markdown]
# ## While one watches
#
# In the explorer `geodesic` is a method like any other: it begins as the optimal path, and improves.

# %%
explorer = Explorer(
    prompts=list(prompts),
    methods=["geodesic", "optimal"],
    model=model,
    frames=5,
    num_inference_steps=4,
    geodesic_iterations=6,
)
explorer

# %% [markdown]
# **Answer.** One pair shows that there is less energy to be had, and proves no more. Over many pairs optimal transport
# takes a part of what the geodesic gains over the straight line (`docs/geodesics.md` has the share with its interval),
# and the geodesic pays for the rest with frames in which the judge is less sure of any scene.

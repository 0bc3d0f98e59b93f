# %% [markdown]
# # 6. Your own model
#
# Everything takes any Stable Diffusion, Flux.1, PixArt or Sana that diffusers can load, under one name:
#
# | name | what it is |
# | --- | --- |
# | `"miniature"` | the embedded model |
# | `"stable-diffusion-v1-5/stable-diffusion-v1-5"` | a hub id, downloaded once |
# | `"~/models/my-finetune"` | a folder in diffusers' format |
# | `"~/models/checkpoint.safetensors"` | a single file |
#
# Only safetensors weights are read, and no code from the hub is run. **What changes with the model, and does the
# invariance hold for yours?** Change the name, and run the notebook again.

# %%
# %matplotlib inline
from whichway import Explorer, Sampling, UserError, check_invariance, draw_gallery, encode, load_model, render
from whichway.geometry import rms_frobenius, wasserstein

name = "miniature"  # or "stable-diffusion-v1-5/stable-diffusion-v1-5"
prompts = ["a fox on a blue background", "a panda on a pink background"]

model = load_model(name)  # device="cuda", dtype="float16", compiled=True where they are wanted
sampling = Sampling(seed=0, num_inference_steps=20, guidance_scale=3.0)  # Stable Diffusion 1.5: 30 steps, guidance 7.5

# %% [markdown]
# ## What changes
#
# The width $d$ of the rows, the size of the images, how many layers look at the text, and the time a frame takes. The
# number of rows: CLIP has 77, T5 and Gemma up to some hundreds.

# %%
a, b = (encode(model, prompt) for prompt in prompts)
denoiser = getattr(model.pipeline, "unet", None) or model.pipeline.transformer
height, width = (getattr(sampling.resolved(model.defaults), side) for side in ("height", "width"))
millions = sum(parameter.numel() for parameter in denoiser.parameters()) / 1e6
print(f"{len(a)} rows of width {a.dimension}, images of {height} × {width}, denoiser of {millions:.1f} M parameters")
print(f"on {model.device}, {model.dtype}; weights {model.fingerprint[:12]}…")
print(f"W_2 {wasserstein(a, b):.3f} ≤ RMS Frobenius {rms_frobenius(a, b):.3f}")
draw_gallery(dict(zip(prompts, render(model, [a, b], sampling), strict=True)))

# %% [markdown]
# ## Does it see a measure?

# %%
[record] = check_invariance(model, *prompts, dtypes=("float32",), levels=("denoiser",))
print({name: f"{error:.1e}" for name, error in record.errors.items() if error is not None})
print({name: f"{change:.1e}" for name, change in record.controls.items()})
print("measure-invariant:", record.measure_invariant)

# %% [markdown]
# ## A name that cannot be loaded says why

# %%
for wrong in ("models/no-such-folder/unet", "README.md", "../README.md"):
    try:
        load_model(wrong)
    except UserError as error:
        print(error)

# %% [markdown]
# ## Look at it
#
# The model's field takes another name, too; frames of each model are kept apart.

# %%
explorer = Explorer(
    prompts=prompts,
    model=model,
    frames=5,
    num_inference_steps=sampling.num_inference_steps,
    guidance_scale=sampling.guidance_scale,
)
explorer

# %%
explorer.smoothness()  # None until the frames are there: run this cell again then

# %% [markdown]
# **Answer.** The architecture decides what the text is to the model, not its weights: for every denoiser whose text
# meets the image in cross-attention only, it is a measure. `whichway invariance --architectures all` takes the census
# of diffusers' denoisers; where text and image share one softmax (SD 3, Flux) it is not. A study of your model:
# `whichway study --pairs FILE.csv --model ID`. More of that → `07_families`

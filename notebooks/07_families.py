# %% [markdown]
# # 7. To which models is a prompt a cloud?
#
# Stable Diffusion 1 sees its text in cross-attention only, and a sum over rows has no order. Newer families let text
# and image share one softmax (SD 3, Flux.1), or turn every row by its place (Flux.2, Qwen-Image).
#
# **Which denoisers see a set of rows, which a measure, and which a sequence?** The property belongs to the
# architecture, so real classes with few, random weights show it in a second each.

# %%
import pandas as pd

from whichway import FAMILIES, take_census

names = ["sd1", "sdxl", "pixart", "sd3", "flux", "flux2", "qwen-image"]
records = list(take_census(names))

# %% [markdown]
# ## Four ways of writing the same text
#
# Rows are permuted; all rows are duplicated; the mass of one row is split over copies. Below, how much the output
# changes, relative to itself. Beside it the control: another text has to change it visibly, or else the check says
# nothing.

# %%
table = pd.DataFrame(
    {
        record.details["title"]: {
            "permuted": record.errors["permutation"],
            "duplicated": record.errors["duplication"],
            "split": record.errors["splitting"],
            "another text": record.controls["different_text"],
        }
        for record in records
    }
).T
table.style.format("{:.0e}")

# %% [markdown]
# Rounding in float64 is about $10^{-15}$: what is larger by orders of magnitude is a difference that the model sees.
#
# ## What is it, then?
#
# Where text and image share one softmax, the text's *total* mass counts against the image: the order of the rows does
# not matter, but twice as many rows are heard twice as loud. Log-weights on the text's keys make up for it.


# %%
def seen_as(record):
    if record.measure_invariant:
        return "measure"
    return "set of rows" if record.permutation_invariant else "sequence"


pd.DataFrame(
    {
        record.details["title"]: {
            "sees a": seen_as(record),
            "because of": record.reason,
            "a measure again by": record.details["restored_by"],
        }
        for record in records
    }
).T

# %% [markdown]
# ## What the toolkit makes of it
#
# Every family says its symmetry. Rows of a sequence may not be matched anew: there `identity` is the only coupling
# that means anything, and all others are refused in one line.

# %%
pd.Series({family.name: family.symmetry for family in FAMILIES.values()}, name="symmetry").to_frame()

# %% [markdown]
# **Answer.** Cross-attention to text alone (Stable Diffusion 1 to XL, PixArt, Sana): a measure. One softmax for text
# and image (SD 3, Flux.1): a set whose total mass counts, and a measure again with log-weights. Positions on the text
# (Flux.2, Qwen-Image): a sequence. `whichway invariance --architectures all` takes the whole census. And can a word
# weigh more than another? → `08_weights_and_long_prompts`

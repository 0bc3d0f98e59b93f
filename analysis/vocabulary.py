"""The names of all choices, each with a few words on what it is; nothing heavy is imported here.

The command lists them in ``--help`` and refuses others; settings check against them; the functions that they stand for
are in the modules named beside them. A test holds names and functions together.
"""

#: ground metric between rows (:mod:`whichway.analysis.clouds.ground_metrics`)
GROUNDS = {
    "euclidean": "‖x − y‖",
    "cosine": "the chord between the rows' directions",
    "cross-attention": "how different the denoiser's keys and values are",
}
#: which rows a coupling may match (:data:`whichway.geometry.TOKENS`)
TOKENS = {
    "all": "all rows, padding included",
    "own": "the prompts' own tokens, up to the longer prompt's end token",
    "words": "own tokens without the start token",
}
#: when along a path its frames are taken (:mod:`whichway.analysis.runs.rendered_paths`)
PARAMETRISATIONS = {
    "uniform": "evenly in t",
    "constant-speed": "evenly in W_2 along the path, where it has a length in W_2",
    "beta": "at the quantiles of Beta(steps, steps): what AID's authors choose",
    "perceptual": "until consecutive frames look equally far apart",
}
#: perceptual distance between images (:mod:`whichway.analysis.smoothness.perceptual_distance`)
PERCEPTUAL_DISTANCES = {
    "efficientnet": "EfficientNet-Lite0 features, the LPIPS construction with uniform weights, rooted",
    "ssim": "1 − structural similarity",
    "flip": "ꟻLIP: difference seen when flipping between two images on a screen",
    "lpips": "LPIPS with AlexNet (optional extra: whichway[lpips])",
}
#: distance between conditionings, over all pairs of many (:mod:`whichway.analysis.clouds.distances`)
DISTANCES = {
    "wasserstein": "exact W_2: the optimal coupling of every pair",
    "frobenius": "RMS Frobenius: rows in their order",
    "linearised": "W_2 approximated: through the optimal maps from one cloud, never below W_2",
    "sliced": "W_2 approximated: √d times sliced W_2 over 64 random directions",
}
#: clouds on a plane (:mod:`whichway.analysis.clouds.projection`)
PROJECTIONS = {
    "pca": "principal components: straight paths stay straight",
    "mds": "multidimensional scaling: distances stay as far as they can",
    "umap": "neighbours stay neighbours; distances mean little",
}
#: what a projection takes a cloud for (:mod:`whichway.analysis.clouds.projection`)
VIEWS = {"frobenius": "rows in their order", "wasserstein": "rows in any order"}
#: schedulers that can stand in for the model's own (:mod:`whichway.analysis.images.schedulers`)
SCHEDULERS = {
    "own": "the model's",
    "ddim": "DDIM, without noise between steps",
    "dpm": "DPM-Solver++, multistep",
    "euler": "Euler",
    "euler-ancestral": "Euler with noise added in each step, the same for each frame",
    "unipc": "UniPC, multistep",
}
#: where a model runs (:mod:`whichway.analysis.models.loading`)
DEVICES = {"auto": "cuda where there is one, else mps, else cpu", "cpu": "", "cuda": "NVIDIA, AMD", "mps": "Apple"}
#: where a model's weights wait until they are needed (:mod:`whichway.analysis.models.placement`)
OFFLOADS = {
    "none": "all on the device",
    "model": "on the CPU; one whole component at a time is on the GPU",
    "sequential": "on the CPU; one layer at a time is on the GPU: least memory, slow",
}
#: of the weights of denoiser and text encoders (:mod:`whichway.analysis.models.quantization`)
QUANTIZATIONS = {
    "none": "",
    "bitsandbytes-8bit": "8 bits a weight",
    "bitsandbytes-4bit": "4 bits a weight (NF4)",
    "quanto-int8": "8 bits a weight, on a CPU too",
}
#: of weights and activations (:mod:`whichway.analysis.models.dtypes`)
DTYPES = {
    "auto": "on cuda bfloat16 for transformers and float16 for UNets, else float32",
    "float64": "",
    "float32": "",
    "float16": "",
    "bfloat16": "",
}

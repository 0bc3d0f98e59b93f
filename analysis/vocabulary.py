"""The names of all choices, each with a few words on what it is; nothing heavy is imported here.

The command lists them in ``--help`` and refuses others; settings check against them; the functions that they stand for
are in the modules named beside them. A test holds names and functions together. Plugins
(:mod:`whichway.analysis.plugins`) add to perceptual distances and projections.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

#: ground metric between rows (:mod:`whichway.analysis.clouds.ground_metrics`)
GROUNDS = {
    "euclidean": "‖x − y‖",
    "cosine": "the chord between the rows' directions",
    "cross-attention": "how different the denoiser's keys and values are",
}
#: what of the clouds on the way a geodesic may move (:mod:`whichway.analysis.geodesics.descent`)
FREE = {
    "rows": "of a geodesic: rows move, weights stay",
    "weights": "of a geodesic: weights move, rows stay",
    "both": "of a geodesic: rows and weights move",
}
#: whether a geodesic pays for leaving the encoder's rows (:mod:`whichway.analysis.geodesics.encoder_prior`)
PENALTIES = {
    "penalised": "a geodesic is kept near the encoder's rows",
    "unpenalised": "a geodesic goes wherever images are near, nonsense included",
}
#: where an inversion's sampling starts from (:mod:`whichway.analysis.inversion`)
INVERSION_NOISES = {
    "seed": "the noise of the sampling's seed",
    "ddim": "noise found for the photograph, by DDIM run backwards",
}
#: which rows a coupling may match (:data:`whichway.geometry.TOKENS`)
TOKENS = {
    "all": "all rows, padding included",
    "own": "the prompts' own tokens, up to the longer prompt's end token",
    "words": "own tokens without the start token",
}
#: how a pooled vector goes from A to B (:mod:`whichway.analysis.paths.vector_path`)
POOLED = {
    "auto": "as the method's rows move: spherical for spherical and slerp, else linear",
    "linear": "straight",
    "spherical": "along its great circle",
    "start": "not at all: held at A's",
    "end": "not at all: held at B's",
}
#: when along a path its frames are taken (:mod:`whichway.analysis.runs.rendered_paths`)
PARAMETRISATIONS = {
    "uniform": "evenly in t",
    "constant-speed": "evenly in W_2 along the path, where it has a length in W_2",
    "beta": "at the quantiles of Beta(steps, steps): what AID's authors choose",
    "perceptual": "until consecutive frames look equally far apart",
}
#: how more than two prompts are joined (:mod:`whichway.analysis.paths.keyframes`)
INTERPOLATIONS = {
    "linear": "from each prompt to the next by the method, with a kink at every prompt",
    "spline": "cubic splines along the rows' trajectories: smooth at the prompts, too",
}
#: perceptual distance between images (:mod:`whichway.analysis.smoothness.perceptual_distance`), the paper's first
PERCEPTUAL_DISTANCES = {
    "lpips": "LPIPS v0.1 with AlexNet, as published: squared differences, no metric; 64×64 is its own scale",
    "efficientnet": "EfficientNet-Lite0 features, the LPIPS construction with uniform weights, rooted: a metric",
    "ssim": "1 − structural similarity",
    "flip": "ꟻLIP: difference seen when flipping between two images on a screen",
    "lpips-vgg": "LPIPS v0.1 with VGG16 (with the optional packages lpips and torchvision)",
}
PERCEPTUAL_DISTANCE = "lpips"  # the default, everywhere
#: those with a gradient (:mod:`whichway.analysis.smoothness.differentiable_distance`): what a geodesic can be one of
DIFFERENTIABLE = ("lpips", "efficientnet")


@dataclass(frozen=True)
class Measure:
    """What is measured of a path's frames.

    Attributes:
        title: what tables and figures call it.
        axis: the kind of quality that it speaks of, as in AID's paper (arXiv:2403.17924): a path may be short because
            its middle is mush, so that none of the three stands for another.
        better: which values win.
        of: "steps", measured once for each perceptual distance; "frames", once for each path; "pool", once for each
            method, over the frames of many pairs together.
        summary: its formula.
    """

    title: str
    axis: Literal["smoothness", "consistency", "fidelity"]
    better: Literal["low", "high"]
    of: Literal["steps", "frames", "pool"]
    summary: str

    @property
    def low_is_better(self) -> bool:
        return self.better == "low"

    def column(self, name: str, distance: str) -> str:
        """What tables of results call the measure ``name`` under a perceptual distance."""
        return f"{name}_{distance}" if self.of == "steps" else name


#: measure → what it is; d_k: perceptual distance from frame k to frame k + 1, k = 0 … T − 1
#: (:mod:`whichway.analysis.smoothness.measures`, :mod:`whichway.analysis.fidelity`)
MEASURES = {
    "ppl": Measure("PPL", "smoothness", "low", "steps", "Σ d_k, the perceptual path length"),
    "energy": Measure("energy", "smoothness", "low", "steps", "T·Σ d_k²"),
    "directness": Measure(
        "directness", "smoothness", "high", "steps", "chord / path: D(I_0, I_T) / Σ d_k, of √LPIPS where D is LPIPS"
    ),
    "worst_step": Measure("worst step", "smoothness", "low", "steps", "max d_k / mean d_k"),
    "gini": Measure("Gini", "smoothness", "low", "steps", "inequality of the d_k"),
    "curvature": Measure("curvature", "smoothness", "low", "steps", "mean turning in D's feature space, in degrees"),
    "consistency": Measure("consistency", "consistency", "low", "steps", "mean d_k: how far apart neighbours look"),
    "scene_confidence": Measure(
        "scene confidence",
        "fidelity",
        "high",
        "frames",
        "probability of the likeliest scene, by the miniature's judge; mean over the frames in between",
    ),
    "scene_agreement": Measure(
        "scene agreement",
        "fidelity",
        "high",
        "frames",
        "cosine with the caption of the scene that the judge sees, by the miniature's towers; mean over the same",
    ),
    "text_image_score": Measure(
        "text–image score",
        "fidelity",
        "high",
        "frames",
        "cosine with the caption of the nearer end, by the miniature's towers or CLIP; mean over the frames in between",
    ),
    "kernel_distance": Measure(
        "kernel distance",
        "fidelity",
        "low",
        "pool",
        "KID's estimate of MMD² between features of frames in between and of real images",
    ),
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
FEWEST_FOR_UMAP = 5  # clouds
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
#: how brackets and BREAK in a prompt are read (:mod:`whichway.analysis.reading.prompt_syntax`)
SYNTAXES = {
    "plain": "as they stand: characters like others",
    "weighted": "as AUTOMATIC1111 reads them: (word:1.3), ((word)), [word], \\(, BREAK",
}
#: what the weight of a word does (:mod:`whichway.analysis.families.word_weights`)
WORD_WEIGHTS = {
    "mass": "multiplies the mass of the word's rows: the logits of its keys grow by log w",
    "rows": "scales the word's rows away from the empty prompt's, as compel does",
}
#: what becomes of a prompt that is longer than its encoder (:mod:`whichway.analysis.families.chunks`)
LONG_PROMPTS = {
    "truncate": "its end is cut off, with a warning",
    "chunks": "it is read in chunks of the encoder's length: a cloud with more rows",
}
#: how much each chunk weighs against the others (:mod:`whichway.analysis.families.chunks`)
CHUNK_MASSES = {
    "own-rows": "as many rows' worth as it has tokens of its own, on those tokens' rows: padding is left out",
    "own-tokens": "the same, spread evenly over all its positions, padding too",
    "equal": "each as much as any other, however few tokens it has: rows as they come",
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


def require_free_name(kind: str, name: str, known: Container[str]) -> None:
    """Raise a ValueError for a name that is taken, or that would be two on the command line or in a column."""
    if name in known:
        raise ValueError(f"the name {name!r} is taken by another {kind}")
    if not name or set(name) & set("+@, "):
        raise ValueError(f"a {kind} cannot be called {name!r}: wanted a name without spaces, commas, + and @")

"""The metric that images put on clouds: G = JᵀJ at one conditioning, J the Jacobian of features of the image.

‖φ(image of X + δ) − φ(image of X)‖ = √(δᵀGδ) to first order in the movement δ of the rows, φ the features of a
perceptual distance (for LPIPS, whose square it is, √LPIPS). G is n·d by n·d and never formed: products with J and Jᵀ
are all that is needed, Jᵀu by a backward pass, Jv by a backward pass through that (what a forward pass of dual numbers
would give; several layers have none).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, svds
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError
from whichway.analysis.images.differentiable_rendering import memory_in_one_line, render_differentiably
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model
from whichway.analysis.smoothness.differentiable_distance import find_embedding
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE
from whichway.geometry import EUCLIDEAN, GroundMetric, PointCloud

TOGETHER = 4  # products that are computed at once
TOLERANCE = 0.01  # relative, of the largest stretches (squared), by ARPACK's Lanczos iterations


class Jacobian:
    """J of the features of a cloud's image with respect to its rows, as products.

    Args:
        distance: the perceptual distance whose features are taken.
        on_product: called after each batch of products.

    Raises:
        UserError: a distance without a gradient, or what
            :func:`~whichway.analysis.images.differentiable_rendering.render_differentiably` refuses.
    """

    def __init__(
        self,
        model: Model,
        cloud: PointCloud,
        sampling: Sampling = Sampling(),
        *,
        distance: str = PERCEPTUAL_DISTANCE,
        on_product: Callable[[], object] = lambda: None,
    ) -> None:
        self.model, self.cloud, self.sampling, self.on_product = model, cloud, sampling, on_product
        self.embed, _ = find_embedding(distance)
        self.rows = cloud.rows.detach().to(torch.float64 if model.dtype == torch.float64 else torch.float32).clone()
        with torch.no_grad():
            self.features = self._features(self.rows[None]).shape[1]

    def _features(self, rows: Float[Tensor, "k n d"]) -> Float[Tensor, "k features"]:
        clouds = [PointCloud(each, self.cloud.weights.clone()) for each in rows]
        return self.embed(render_differentiably(self.model, clouds, self.sampling, batch_size=TOGETHER))

    def transposed_times(self, u: Float[Tensor, "k features"]) -> Float[Tensor, "k n d"]:
        """Jᵀu for each of k vectors of features."""
        return torch.cat([self._transposed_times(chunk, differentiable=False) for chunk in u.split(TOGETHER)])

    def times(self, v: Float[Tensor, "k n d"]) -> Float[Tensor, "k features"]:
        """Jv for each of k movements of the rows."""
        products = []
        for chunk in v.split(TOGETHER):
            zero = torch.zeros(len(chunk), self.features, dtype=self.rows.dtype, requires_grad=True)
            with sdpa_kernel(SDPBackend.MATH):  # the fused ones cannot be differentiated twice
                transposed = self._transposed_times(zero, differentiable=True)
                products.append(torch.autograd.grad(transposed, [zero], chunk.to(transposed))[0])
        return torch.cat(products)

    def _transposed_times(self, u: Tensor, *, differentiable: bool) -> Float[Tensor, "k n d"]:
        rows = self.rows.expand(len(u), -1, -1).clone().requires_grad_()
        features = self._features(rows)
        with memory_in_one_line(len(u)):
            [product] = torch.autograd.grad(features, [rows], u.to(features), create_graph=differentiable)
        self.on_product()
        return product

    def operator(self) -> LinearOperator:
        """J as SciPy has it, (features, n·d)."""
        n, d = self.rows.shape

        def times(v: np.ndarray) -> np.ndarray:
            movements = torch.from_numpy(np.ascontiguousarray(v.T.reshape(-1, n, d))).to(self.rows)
            return self.times(movements).detach().double().numpy().T

        def transposed_times(u: np.ndarray) -> np.ndarray:
            vectors = torch.from_numpy(np.ascontiguousarray(u.T.reshape(-1, self.features)))
            return self.transposed_times(vectors).flatten(1).double().numpy().T

        return LinearOperator(
            (self.features, n * d),
            matvec=lambda v: times(v.reshape(-1, 1))[:, 0],
            rmatvec=lambda u: transposed_times(u.reshape(-1, 1))[:, 0],
            matmat=times,
            rmatmat=transposed_times,
            dtype=np.float64,
        )


@dataclass(frozen=True)
class PullBack:
    """What the metric says at one cloud.

    Attributes:
        cloud: where.
        sensitivity: (n,), of each row: how far the image moves, in √ of mean squares over directions, when the row
            moves by 1: √(‖J_i‖²_F/d), J_i the row's columns of J.
        sensitivity_error: (n,), its standard error: it is estimated (Hutchinson 1990).
        stretches: (k,), J's largest singular values: how far the image moves along the directions that move it most.
        directions: (k, n, d), these directions, of length 1.
        trace: tr G = Σ_i ‖J_i‖²_F, estimated.
    """

    cloud: PointCloud
    sensitivity: Float[np.ndarray, " n"]
    sensitivity_error: Float[np.ndarray, " n"]
    stretches: Float[np.ndarray, " k"]
    directions: Float[np.ndarray, "k n d"]
    trace: float

    @property
    def shares(self) -> Float[np.ndarray, " k"]:
        """Of the trace, along each direction: all equal, 1/(n·d), if the metric were isotropic."""
        shares: np.ndarray = self.stretches**2 / self.trace
        return shares

    @property
    def anisotropy(self) -> float:
        """The largest stretch over the root mean square one: 1 if the metric were isotropic, √(n·d) at most."""
        return float(self.stretches[0] / (self.trace / self.cloud.rows.numel()) ** 0.5)


def measure_pull_back(jacobian: Jacobian, *, directions: int = 4, probes: int = 16, seed: int = 0) -> PullBack:
    """The metric at the Jacobian's cloud.

    Args:
        directions: k, of the largest stretches.
        probes: random vectors by which rows' sensitivities are estimated; the relative error falls like 1/√probes.
        seed: of everything that is random here.

    Raises:
        UserError: more directions than Lanczos' vectors find room for: 2k + 2 of what the image, or the rows, can vary
            in.
    """
    generator = torch.Generator().manual_seed(seed)
    d = jacobian.rows.shape[1]
    operator = jacobian.operator()
    most = (min(operator.shape) - 2) // 2
    if directions > most:
        raise UserError(f"directions: wanted {most} at most, of this model's {min(operator.shape)}, got {directions}")
    left, stretches, transposed = svds(
        operator,
        directions,
        ncv=2 * directions + 2,
        tol=TOLERANCE,
        v0=np.random.default_rng(seed).normal(size=min(operator.shape)),
    )
    order = np.argsort(-stretches)
    left, stretches, transposed = left[:, order].copy(), stretches[order], transposed[order]
    along = transposed.reshape(directions, *jacobian.rows.shape)
    # Hutch++ (Meyer, Musco, Musco and Woodruff 2021): what the largest stretches do is known; only the rest, which
    # varies less, is estimated. E ‖J_iᵀu‖² is the squared norm of J_i without them, for u of covariance 1 − UUᵀ
    of_largest = np.einsum("k,knd->n", stretches**2, along**2) / d
    u = torch.randn(probes, jacobian.features, generator=generator, dtype=torch.float64)
    basis = torch.from_numpy(left)
    products = jacobian.transposed_times(u - u @ basis @ basis.T)
    squares = products.double().square().sum(dim=2).numpy() / d
    mean = of_largest + squares.mean(axis=0)
    sensitivity = np.sqrt(mean)
    error = squares.std(axis=0, ddof=1) / np.sqrt(probes) / (2 * np.maximum(sensitivity, 1e-300))
    return PullBack(jacobian.cloud, sensitivity, error, stretches, along, float(mean.sum() * d))


@dataclass(frozen=True)
class Prediction:
    """How well a ground metric between rows predicts how far the image moves when one row moves.

    Attributes:
        moved: (k,), √(δᵀGδ) of k movements δ of one row each.
        predicted: name of the ground metric → (k,), its distance between the row before and after.
        spearman: name of the ground metric → rank correlation of the two.
    """

    moved: Float[np.ndarray, " k"]
    predicted: dict[str, Float[np.ndarray, " k"]]
    spearman: dict[str, float]


def predict_by_ground(
    jacobian: Jacobian, others: PointCloud, *, count: int = 48, step: float = 0.01, seed: int = 0
) -> Prediction:
    """Move one row at a time towards a row of another cloud, by a small share of the way.

    Args:
        others: of the same encoder: its rows say where rows may want to go.
        count: k, of pairs of rows that are not equal, drawn at random; the first among the prompt's own rows.
        step: share of the way, small enough for first order.
        seed: of the choice of rows.
    """
    rng, rows = np.random.default_rng(seed), jacobian.rows
    own = np.arange(jacobian.cloud.size)
    sources = rng.choice(own, count)
    targets = others.rows.to(rows)[torch.from_numpy(rng.choice(len(others), count))]
    differences = step * (targets - rows[torch.from_numpy(sources)])
    movements = rows.new_zeros(count, *rows.shape)
    movements[torch.arange(count), torch.from_numpy(sources)] = differences
    moved = jacobian.times(movements).detach().double().norm(dim=1).numpy()
    grounds: tuple[GroundMetric, ...] = (EUCLIDEAN, cross_attention_metric(jacobian.model))
    before = rows[torch.from_numpy(sources)].double()
    predicted = {
        ground.name: (ground.features(before + differences.double()) - ground.features(before)).norm(dim=1).numpy()
        for ground in grounds
    }
    spearman = {name: float(spearmanr(values, moved).statistic) for name, values in predicted.items()}
    return Prediction(moved, predicted, spearman)

"""Ground metrics by name (:data:`whichway.analysis.vocabulary.GROUNDS`)."""

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError
from whichway.analysis.models.model import Model
from whichway.geometry import EUCLIDEAN, Cosine, GroundMetric


def find_ground(name: str, model: Model | None = None) -> GroundMetric:
    """The ground metric called ``name``; cross-attention is that of ``model``.

    Raises:
        UserError: cross-attention without a model.
    """
    if name == "cross-attention":
        if model is None:
            raise UserError("ground: cross-attention is a metric of the model, and there is none here")
        return cross_attention_metric(model)
    return Cosine() if name == "cosine" else EUCLIDEAN

"""What one check of invariance measured, and the verdict that follows from it."""

from dataclasses import asdict, dataclass, field
from typing import Any

#: control → how many times the tolerance it has to exceed: a text by far, the broken attention by being caught
REQUIRED = {"different_text": 5, "word_order": 5, "other_pooled": 5, "more_mass": 1, "broken_attention": 1}


@dataclass(frozen=True)
class InvarianceRecord:
    """One check: a level of one model in one dtype, or one architecture of the census.

    All errors are relative: ‖changed − plain‖ / ‖plain‖.

    Attributes:
        architecture: the diffusers class and its configuration.
        level: "layer …", "denoiser" or "image" (the latents after all steps).
        dtype: of weights and activations.
        errors: property → relative error (:data:`whichway.analysis.invariance.rewriting.REWRITINGS`); None where the
            class takes only a fixed number of rows.
        tolerance: what rounding may cause (:mod:`whichway.analysis.models.dtypes`).
        controls: control → relative error; each has to exceed the tolerance (:data:`REQUIRED`).
        reason: why the property holds or does not, in a few words.
        floor: relative error when only the features of the rows are summed in another order; None: not measured.
        growth: property or control → relative error after each sampling step.
        details: more numbers, by name.

    Raises:
        ValueError: no control with another text: whatever ignores its text is invariant to everything.
    """

    architecture: str
    level: str
    dtype: str
    errors: dict[str, float | None]
    tolerance: float
    controls: dict[str, float]
    reason: str
    floor: float | None = None
    growth: dict[str, list[float]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if "different_text" not in self.controls:
            raise ValueError(f"controls: wanted different_text at least, got {', '.join(self.controls) or 'none'}")

    @property
    def failed_controls(self) -> list[str]:
        """Controls that did not change the output by more than rounding may: with one of them nothing is shown."""
        return [name for name, change in self.controls.items() if not change > REQUIRED[name] * self.tolerance]

    def holds(self, *properties: str) -> bool:
        """The named properties hold, and all controls show that the check could have failed."""
        errors = [self.errors[name] for name in properties]
        return not self.failed_controls and all(error is not None and error <= self.tolerance for error in errors)

    @property
    def permutation_invariant(self) -> bool:
        return self.holds("permutation")

    @property
    def measure_invariant(self) -> bool:
        return self.holds(*self.errors)

    def as_json(self) -> dict[str, Any]:
        """All attributes, and the verdicts."""
        verdicts = {
            "permutation_invariant": self.permutation_invariant,
            "measure_invariant": self.measure_invariant,
            "failed_controls": self.failed_controls,
        }
        return asdict(self) | verdicts

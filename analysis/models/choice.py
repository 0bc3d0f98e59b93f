"""Which model, and how it is held in memory: the settings that every command which needs a model offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from whichway.analysis.errors import require_at_least, require_known
from whichway.analysis.reading.prompt_reading import PromptReading
from whichway.analysis.vocabulary import DEVICES, DTYPES, OFFLOADS, QUANTIZATIONS

if TYPE_CHECKING:
    from whichway.analysis.models.model import Model

MINIATURE = "miniature"
#: the same with a denoiser that was trained from another seed: is what was found of one network true of another?
SECOND_MINIATURE = "miniature-second"
#: of the choices: how prompts become clouds
READING = ("clip_skip", "syntax", "word_weights", "long_prompts", "chunk_masses")
OWN = "your own "  # how the name of a pipeline begins that the user has built


@dataclass(frozen=True)
class ModelChoice:
    """The arguments of :func:`whichway.analysis.models.model.load_model`.

    Attributes:
        name: "miniature", "miniature-second", a hub id, a folder in diffusers' format, or a .safetensors file.
        device: :data:`whichway.analysis.vocabulary.DEVICES`.
        dtype: :data:`whichway.analysis.vocabulary.DTYPES`.
        variant: of the weights' files: "fp16" reads ``….fp16.safetensors``; None: the plain ones.
        compiled: put ``torch.compile`` before the denoiser.
        loras: .safetensors files or hub ids of LoRAs, each perhaps with ":scale" behind it.
        embeddings: .safetensors files of textual inversion, each perhaps with ":token" behind it.
        offload: :data:`whichway.analysis.vocabulary.OFFLOADS`.
        quantize: :data:`whichway.analysis.vocabulary.QUANTIZATIONS`.
        clip_skip: last layers of CLIP's text encoders that are left out; None: as the pipeline does.
        vae_slicing: decode one image of a batch after the other.
        vae_tiling: decode large images tile by tile; seams are blended, so pixels change a little.
        free_text_encoders: let go of the text encoders when the first frame is rendered; other prompts than those
            encoded by then cannot be encoded any more.
        syntax, word_weights, long_prompts, chunk_masses: how prompts are read
            (:class:`whichway.analysis.reading.prompt_reading.PromptReading`).

    Raises:
        UserError: a value that makes no sense, with what would.
    """

    name: str = MINIATURE
    device: str = "auto"
    dtype: str = "auto"
    variant: str | None = None
    compiled: bool = False
    loras: Sequence[str] = ()
    embeddings: Sequence[str] = ()
    offload: str = "none"
    quantize: str = "none"
    clip_skip: int | None = None
    vae_slicing: bool = False
    vae_tiling: bool = False
    free_text_encoders: bool = False
    syntax: str = PromptReading.syntax
    word_weights: str = PromptReading.word_weights
    long_prompts: str = PromptReading.long_prompts
    chunk_masses: str = PromptReading.chunk_masses

    def __post_init__(self) -> None:
        require_known("device", self.device, DEVICES)
        require_known("dtype", self.dtype, DTYPES)
        require_known("offload", self.offload, OFFLOADS)
        require_known("quantize", self.quantize, QUANTIZATIONS)
        if self.clip_skip is not None:
            require_at_least("clip_skip", self.clip_skip, 1)
        _ = self.reading

    @property
    def reading(self) -> PromptReading:
        return PromptReading(self.syntax, self.word_weights, self.long_prompts, self.chunk_masses)

    def as_loaded(self, model: "Model") -> "ModelChoice":
        """This choice, with how ``model`` really reads prompts: the user may have loaded it in another way."""
        return replace(self, clip_skip=model.clip_skip, **asdict(model.reading))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ModelChoice":
        """What ``dataclasses.asdict`` made, read back from a file.

        Raises:
            TypeError: settings of other names.
            UserError: as the constructor.
        """
        lists = {name: tuple(content[name]) for name in ("loras", "embeddings") if name in content}
        return cls(**dict(content) | lists)

    def load(self, report: Callable[[str], object] = lambda line: None) -> "Model":
        """The model; ``report`` is called with lines that say what is going on.

        Raises:
            UserError: as :func:`whichway.analysis.models.model.load_model`.
        """
        from whichway.analysis.models.model import load_model

        options = asdict(self)
        return load_model(options.pop("name"), **options, report=report)

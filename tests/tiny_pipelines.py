"""Tiny pipelines of every family with random weights, built without a network; classes and layers are the real ones."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

WIDTH = 32  # of CLIP's rows
WORDS = (
    "a large fox on a blue background",
    "a panda on a pink background",
    "a red car at night",
    "a blue boat",
    "a painting of a squirrel eating a burger",
)


def _t5_tokenizer(*, start: str | None = None) -> Any:
    """Like SentencePiece's: pieces of words, an end token (or a start token), padding on the right with id 0."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>", "<bos>"]
    tokenizer.train_from_iterator(
        WORDS * 3, trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    template, token = (f"{start}:0 $A:0", start) if start else ("$A:0 </s>:0", "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, tokenizer.token_to_id(token))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token=start,
        model_max_length=512,
        padding_side="right",
    )


def clip_tokenizer() -> Any:
    from whichway.miniature import MODEL
    from whichway.miniature.tokenizer import load_tokenizer

    return load_tokenizer(MODEL)


def _clip(tokenizer: Any, *, projection: bool, width: int = WIDTH, layers: int = 3, seed: int = 1) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=layers,
        num_attention_heads=4,
        projection_dim=width,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def _t5(width: int, *, multilingual: bool = False) -> Any:
    from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

    torch.manual_seed(3)
    config_class, model_class = (UMT5Config, UMT5EncoderModel) if multilingual else (T5Config, T5EncoderModel)
    config = config_class(vocab_size=256, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, dropout_rate=0.0)
    return model_class(config)


def _autoencoder(*, shift: float | None = None, quant: bool = True) -> Any:
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    return AutoencoderKL(
        sample_size=32,
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        use_quant_conv=quant,
        use_post_quant_conv=quant,
        shift_factor=shift,
        scaling_factor=1.5,
    )


def _flow_matching(**options: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**options)


def _finished(pipeline: Any, randomised: Iterable[str]) -> Any:
    """With weights that switch nothing off, in evaluation mode, silent."""
    from whichway.analysis.invariance.architectures.architecture import randomize

    for seed, name in enumerate(randomised):
        randomize(getattr(pipeline, name), seed)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def stable_diffusion() -> Any:
    """Stable Diffusion's classes with random weights and one tiny layer of each kind: loads and renders in no time."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = clip_tokenizer()
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        **special,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=[8], norm_num_groups=4, latent_channels=4),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=[8, 16],
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
            layers_per_block=1,
            norm_num_groups=4,
            attention_head_dim=2,
            cross_attention_dim=16,
        ),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with torch.no_grad():  # so that another text is another image, also in whole levels of 255
        for name, parameter in pipeline.unet.named_parameters():
            if name.endswith("attn2.to_v.weight"):
                parameter *= 8
    return pipeline


def stable_diffusion_xl(
    unet_size: Mapping[str, Any] | None = None,
    *,
    widths: tuple[int, int] = (WIDTH, WIDTH),
    layers: int = 3,
    **config: Any,
) -> Any:
    """With a UNet, text encoders and their number of layers of another size where it is said.

    Args:
        unet_size: the UNet's arguments that make it larger than tiny.
        widths: of the rows of both text encoders.
        layers: of the second text encoder.
    """
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    tokenizer = clip_tokenizer()
    size: dict[str, Any] = {
        "sample_size": 16,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4),
        "transformer_layers_per_block": (1, 2),
        "norm_num_groups": 1,
    }
    unet = UNet2DConditionModel(
        **size | dict(unet_size or {}),
        use_linear_projection=True,
        cross_attention_dim=sum(widths),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + widths[1],
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, steps_offset=1, beta_schedule="scaled_linear", timestep_spacing="leading"
    )
    pipeline = StableDiffusionXLPipeline(
        vae=_autoencoder(),
        text_encoder=_clip(tokenizer, projection=False, width=widths[0]),
        text_encoder_2=_clip(tokenizer, projection=True, width=widths[1], layers=layers, seed=2),
        tokenizer=tokenizer,
        tokenizer_2=clip_tokenizer(),
        unet=unet,
        scheduler=scheduler,
        add_watermarker=False,
        **config,
    )
    return _finished(pipeline, ("unet", "text_encoder", "text_encoder_2"))


def stable_diffusion_3(
    *, t5: bool = True, dual: bool = True, layers: int = 2, widths: tuple[int, int] = (WIDTH // 2, WIDTH // 2)
) -> Any:
    """``layers``: of the transformer; ``widths``: of the rows of both CLIP encoders, 32 together."""
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    tokenizer = clip_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=48,
        pooled_projection_dim=WIDTH,
        pos_embed_max_size=16,
        qk_norm="rms_norm",
        dual_attention_layers=(0,) if dual else (),  # as in 3.5 medium: an attention of the image to itself
    )
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=_flow_matching(shift=3.0),
        vae=_autoencoder(shift=0.06, quant=False),
        text_encoder=_clip(tokenizer, projection=True, width=widths[0]),
        tokenizer=tokenizer,
        text_encoder_2=_clip(tokenizer, projection=True, width=widths[1], seed=2),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=_t5(48) if t5 else None,
        tokenizer_3=_t5_tokenizer() if t5 else None,
    )
    encoders = ("text_encoder", "text_encoder_2", *(("text_encoder_3",) if t5 else ()))
    return _finished(pipeline, ("transformer", *encoders))


def flux(*, guidance: bool = True) -> Any:
    from diffusers import FluxPipeline, FluxTransformer2DModel

    tokenizer = clip_tokenizer()
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guidance,
    )
    pipeline = FluxPipeline(
        transformer=transformer,
        scheduler=_flow_matching(),
        vae=_autoencoder(shift=0.06, quant=False),
        text_encoder=_clip(tokenizer, projection=False),
        tokenizer=tokenizer,
        text_encoder_2=_t5(48),
        tokenizer_2=_t5_tokenizer(),
    )
    pipeline.default_sample_size = 16  # of latents; 128 is in its code and in no configuration
    return _finished(pipeline, ("transformer", "text_encoder", "text_encoder_2"))


def pixart(*, alpha: bool = False) -> Any:
    from diffusers import DDIMScheduler, PixArtAlphaPipeline, PixArtSigmaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=16,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=24,
        norm_num_groups=1,
    )
    pipeline = (PixArtAlphaPipeline if alpha else PixArtSigmaPipeline)(
        transformer=transformer,
        vae=_autoencoder(),
        scheduler=DDIMScheduler(),
        text_encoder=_t5(32),
        tokenizer=_t5_tokenizer(),
    )
    return _finished(pipeline, ("transformer", "text_encoder"))


def sana() -> Any:
    from diffusers import AutoencoderDC, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model

    transformer = SanaTransformer2DModel(
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=16,
        sample_size=16,
    )
    torch.manual_seed(0)
    autoencoder = AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    torch.manual_seed(0)
    gemma = Gemma2Model(
        Gemma2Config(
            head_dim=8,
            hidden_size=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=2,
            num_key_value_heads=2,
            vocab_size=256,
            attn_implementation="eager",
        )
    )
    pipeline = SanaPipeline(
        transformer=transformer,
        vae=autoencoder,
        scheduler=_flow_matching(shift=3.0),
        text_encoder=gemma,
        tokenizer=_t5_tokenizer(start="<bos>"),
    )
    return _finished(pipeline, ("transformer", "text_encoder"))


def auraflow() -> Any:
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel

    transformer = AuraFlowTransformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pos_embed_max_size=256,
    )
    pipeline = AuraFlowPipeline(
        transformer=transformer,
        vae=_autoencoder(),
        scheduler=_flow_matching(),
        text_encoder=_t5(32, multilingual=True),
        tokenizer=_t5_tokenizer(),
    )
    pipeline = _finished(pipeline, ("transformer", "text_encoder"))
    for block in pipeline.transformer.joint_transformer_blocks:  # most rows are zeros: so that the others are seen
        block.attn.add_v_proj.weight.mul_(32)
    return pipeline


#: family → its tiny pipeline
BUILDERS: dict[str, Callable[[], Any]] = {
    "sdxl": stable_diffusion_xl,
    "sd3": stable_diffusion_3,
    "flux": flux,
    "pixart": pixart,
    "sana": sana,
    "auraflow": auraflow,
}

#: steps and sizes of a quick image; where the pipeline's own call has a size of 1024, a small one
SAMPLING: dict[str, dict[str, Any]] = {
    name: {
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
        **({"height": 32, "width": 32} if name in {"sana", "auraflow"} else {}),
    }
    for name in BUILDERS
}

"""Everything of a pipeline that somebody could notice, so that tests can say that it was left as it was."""

import hashlib

import numpy as np
import torch


def content(value) -> object:
    """A value as it compares: tensors by dtype, device, layout and bytes, objects by identity and attributes."""
    if isinstance(value, torch.Tensor):
        raw = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return str(value.dtype), str(value.device), value.stride(), hashlib.sha256(raw).hexdigest()
    if isinstance(value, dict):
        return {key: content(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [content(element) for element in value]
    return repr(value) if isinstance(value, str | int | float | bool | None | np.ndarray) else id(value)


def state_of(pipeline) -> dict:
    state = {
        "attributes": content(vars(pipeline)),
        "config": content(dict(pipeline.config)),
        "scheduler": content(vars(pipeline.scheduler)),
        "adapters": (pipeline.get_list_adapters(), pipeline.get_active_adapters())
        if hasattr(pipeline, "get_list_adapters")
        else None,
        "tokenizers": {
            part: (len(tokenizer), tokenizer.model_max_length)
            for part, tokenizer in pipeline.components.items()
            if part.startswith("tokenizer") and tokenizer is not None
        },
    }
    for part, component in pipeline.components.items():
        if isinstance(component, torch.nn.Module):
            for name, module in component.named_modules():
                state[f"{part}.{name}"] = {
                    "module": id(module),
                    "attributes": content({key: value for key, value in vars(module).items() if key != "_modules"}),
                    "scaling": content(getattr(module, "scaling", None)),
                    "parameters": {key: (id(p), p.requires_grad) for key, p in module.named_parameters(recurse=False)},
                    "processor": id(getattr(module, "processor", None)),
                }
    return state

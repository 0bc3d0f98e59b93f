"""A CLIP tokenizer for the world's captions: byte-level BPE in the layout of OpenAI's, so any text can be encoded."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from whichway.miniature.captions import describe
from whichway.miniature.world import sample_scene

MERGES = 512
START, END = "<|startoftext|>", "<|endoftext|>"
POSITIONS = 77


def train_tokenizer(model: Path, captions: int = 20_000, seed: int = 0) -> CLIPTokenizer:
    """Learn the merges on random captions and write ``tokenizer/`` (both the fast and the vocab/merges format).

    Vocabulary, as OpenAI's: 256 bytes, the same with ``</w>`` (end of word), the merges, then the two specials.
    """
    rng = np.random.default_rng(seed)
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    pre_tokenizer = CLIPTokenizer().backend_tokenizer.pre_tokenizer  # the real one's word splitting
    trained.pre_tokenizer = pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + MERGES,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    trained.train_from_iterator((describe(sample_scene(rng), rng) for _ in range(captions)), trainer)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]][:MERGES]

    symbols = [*alphabet, *(byte + "</w>" for byte in alphabet), *("".join(pair) for pair in merges), START, END]
    vocabulary = {symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=POSITIONS)
    tokenizer.save_pretrained(model / "tokenizer")
    tokenizer.backend_tokenizer.model.save(str(model / "tokenizer"))
    return tokenizer


def load_tokenizer(model: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(model / "tokenizer")

"""A tiny CLAP checkpoint of transformers' real class, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch


def write(folder: Path) -> Path:
    """A CLAP model of two layers with random weights, its feature extractor and a tokenizer of letters."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789", "Ġ"]
    vocab = {piece: n for n, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters])}
    text = {
        "vocab_size": len(vocab), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 40, "projection_dim": 8,
    }  # fmt: skip
    audio = {
        "spec_size": 64, "num_mel_bins": 16, "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
        "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 16,
        "num_classes": 4, "projection_dim": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=8)).eval().save_pretrained(folder)
    extractor = ClapFeatureExtractor(feature_size=16, max_length_s=2, truncation="rand_trunc")
    ClapProcessor(extractor, RobertaTokenizer(vocab=vocab, merges=[])).save_pretrained(folder)
    return folder

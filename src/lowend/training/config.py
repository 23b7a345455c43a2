"""Section `train` of params.yaml: what a step is, and what it may change."""

from __future__ import annotations

from dataclasses import dataclass

_CHOICES = {
    "crops": ("bars", "anywhere"),
    "precision": ("fp32", "bf16"),
    "schedule": ("cosine", "constant", "inverse_sqrt"),
    "method": ("full", "lora", "dora"),
    "optimizer": ("adamw", "adamw8bit"),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Section `train` of params.yaml."""

    steps: int
    batch_size: int
    accumulate: int  # forward passes in an optimizer step, shared out among the processes
    segment_s: float
    shortest_s: float  # shorter passages are left out; up to segment_s they are padded, and padding never counts
    crops: str  # where sequences begin: where a bar does, in tracks that have a beat, or anywhere
    precision: str
    checkpointing: bool
    compile: bool  # torch.compile of each layer
    method: str
    rank: int  # of lora and dora
    alpha: float  # of lora and dora: the update is scaled by alpha / rank
    freeze: int  # first layers of the decoder that stay as they are
    band_weights: tuple[float, float, float]  # low, mid, high
    codebook_weights: tuple[float, ...]  # of the parts of the loss, or none: they count alike
    optimizer: str
    schedule: str
    warmup: int
    weight_decay: float
    betas: tuple[float, float]
    clip_norm: float
    ema: float
    cfg_dropout: float
    word_dropout: float
    scheduled_sampling: float  # share of what the model reads that it has drawn itself; what it is to predict stays
    validate_every: int
    patience: int
    keep: int
    skips: int  # batches in a stage whose loss is not finite that are left out before it gives up

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "rank", "validate_every", "patience", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name} must be 1 or more, got {getattr(self, name)}")
        for name in ("freeze", "skips"):
            if getattr(self, name) < 0:
                raise ValueError(f"train.{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("ema", "cfg_dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"train.{name} must be in 0..1, got {getattr(self, name)}")
        if not 0 <= self.scheduled_sampling <= 0.5:
            raise ValueError(f"train.scheduled_sampling must be in 0..0.5, got {self.scheduled_sampling}")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"train.{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"train.warmup must be in 0..train.steps, got {self.warmup}")
        if self.alpha <= 0:
            raise ValueError(f"train.alpha must be above 0, got {self.alpha}")
        if not 0 < self.shortest_s <= self.segment_s:
            raise ValueError(f"train.shortest_s must be above 0 and at most train.segment_s, got {self.shortest_s}")
        if min(self.band_weights) < 0 or max(self.band_weights) == 0:
            raise ValueError(f"train.band_weights must be 0 or more and not all 0, got {list(self.band_weights)}")
        if self.codebook_weights and (min(self.codebook_weights) < 0 or max(self.codebook_weights) == 0):
            raise ValueError(
                f"train.codebook_weights must be 0 or more and not all 0, got {list(self.codebook_weights)}"
            )

    @property
    def band_weighted(self) -> bool:
        """Whether the bands differ in weight: equal weights are the plain loss."""
        return len(set(self.band_weights)) > 1

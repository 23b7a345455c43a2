"""How much memory a step of training takes, found without taking it.

The step's own code runs on torch's fake tensors, which have shapes and no contents, and every storage
that lives is counted from its first use to its end. So a change of the model or of the loss is a change
of the prediction, and no formula has to be kept true by hand.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lowend.models import musicgen
from lowend.models.musicgen import MusicGen
from lowend.training import methods, optimizers
from lowend.training.config import TrainConfig

TEXT_TOKENS = 32
"""Length of a caption in tokens, as the prediction assumes."""

_HOLES = 1.07
"""What a processor's allocator holds beyond what lives: 3 to 12 % in benchmarks/plan.py."""

_COLLECTED = 6
"""How many times the weights are in the first process's main memory while it writes what several share."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process while it trains, by part.

    A step needs `step`: activations and gradients at their worst moment together, less than their sum,
    because gradients come as activations go.
    """

    parameters: int  # a count, not bytes
    trainable: int  # a count
    weights: int
    averaged: int
    best: int  # in main memory: copies of the best averaged and raw weights, and what is collected of shared ones
    optimizer: int
    gradients: int
    activations: int  # what the forward pass leaves for the backward pass
    step: int
    copies: int  # weights in bfloat16: what autocast keeps on a GPU, and kernels pack for both passes on a CPU
    text: int  # the text encoder
    program: int  # the process before it holds a model

    @property
    def peak(self) -> int:
        """All of it at the worst moment, where main memory is the only one, as on a CPU or a DGX Spark."""
        return round(_HOLES * (self.on_device + self.best + self.program))

    @property
    def on_device(self) -> int:
        """What of it a GPU with a memory of its own holds."""
        return self.weights + self.averaged + self.optimizer + self.step + self.copies + self.text


class _Meter(TorchDispatchMode):
    """Counts the bytes of storages from the first operation that returns them until nothing holds them."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        """`known` are the tensors that are there already, and are not counted."""
        super().__init__()
        self.live = self.peak = 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet(tensor.untyped_storage() for tensor in known)

    def _free(self, size: int) -> None:
        self.live -= size

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self._seen:
            self._seen.add(storage)
            self.live += (size := storage.nbytes())
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._free, size)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._add(leaf)
        return out


def predict(
    model: Mapping[str, Any], t5: Path | None, config: TrainConfig, on_gpu: bool, program: int, shards: int = 1
) -> Memory:
    """The memory that training a model takes, given its `xp.cfg` and its text encoder's folder, if it has one.

    Of a model that `shards` processes share out it is that of the first, which collects what is saved.
    """
    lm = musicgen.build(model, t5, "meta")
    count = sum(p.numel() for p in lm.parameters())
    methods.prepare(lm, lm.transformer.layers, config, "plan")
    learning = [p for p in lm.parameters() if p.requires_grad]
    trainable, held_by_optimizer = sum(p.numel() for p in learning), optimizers.state_bytes(learning, config)
    held, gathered = _bytes(lm), 2 * _largest_part(lm) if shards > 1 else 0  # a part's weights and gradients are whole
    activations, step, made = _step(lm, config, shards == 1 and not on_gpu)
    gradients = made // shards
    return Memory(
        parameters=count,
        trainable=trainable,
        weights=held // shards,
        averaged=held // shards,
        best=(2 if shards == 1 else _COLLECTED) * held,
        optimizer=held_by_optimizer // shards,
        gradients=gradients,
        activations=activations,
        step=max(step - made + gradients, activations, gradients) + gathered,
        copies=_copies(config, on_gpu, shards > 1) * count,
        text=4 * text_parameters(model, t5),
        program=program,
    )


def _bytes(module: torch.nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in module.state_dict().values())


def _largest_part(lm: MusicGen) -> int:
    """Bytes of what `sharding.split` gathers at a time: a layer, or all that is in none."""
    layers = [_bytes(layer) for layer in lm.transformer.layers]
    return max(*layers, _bytes(lm) - sum(layers))


def _copies(config: TrainConfig, on_gpu: bool, sharded: bool) -> int:
    """Bytes of copies in bfloat16 for each weight. Shared ones are copied anew in both passes where layers are."""
    if config.precision != "bf16" or (sharded and config.checkpointing):
        return 0
    return 2 if on_gpu else 4


def _step(lm: MusicGen, config: TrainConfig, narrow: bool) -> tuple[int, int, int]:
    """Bytes left by the forward pass of a micro-batch, at the worst moment of both passes, and of gradients.

    Consumes `lm`. `narrow`: gradients keep their types where training lets them.
    """
    states = {name: (value.shape, value.dtype) for name, value in lm.state_dict().items()}
    frames = round(config.segment_s * musicgen.FRAME_RATE)
    text = lm.condition_provider.get_submodule("conditioners.description.output_proj")
    assert isinstance(text, torch.nn.Linear), "texts are projected"
    with FakeTensorMode():
        fresh = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in states.items()}
        lm.load_state_dict(fresh, assign=True)
        lm.train()
        if narrow:
            optimizers.keep_types(lm, config)
        lm.transformer.checkpointing = config.checkpointing
        codes = torch.zeros(config.batch_size, lm.num_codebooks, frames, dtype=torch.long)
        heard = torch.zeros(config.batch_size, TEXT_TOKENS, text.in_features)
        with _Meter(lm.state_dict().values()) as meter:
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                mask = torch.ones(config.batch_size, TEXT_TOKENS)
                losses = musicgen.cross_entropy(lm, codes, {"description": (text(heard), mask)}).mean(0)
            left = meter.live
            losses.mean().backward()
        gradients = sum(p.grad.numel() * p.grad.element_size() for p in lm.parameters() if p.grad is not None)
        return left, meter.peak, gradients


def text_parameters(model: Mapping[str, Any], t5: Path | None) -> int:
    """Parameters of the text encoder: of its folder, or of the published T5 that the config names."""
    from transformers import T5Config, T5EncoderModel

    if t5 is not None and t5.is_dir():
        shape = T5Config.from_pretrained(t5)
    else:
        name = str(model["conditioners"]["description"]["t5"]["name"])
        width, layers, heads, hidden = _PUBLISHED_T5.get(name, _PUBLISHED_T5["t5-base"])
        shape = T5Config(d_model=width, num_layers=layers, num_heads=heads, d_ff=hidden)
    with torch.device("meta"):
        return sum(p.numel() for p in T5EncoderModel(shape).parameters())


_PUBLISHED_T5 = {"t5-small": (512, 6, 8, 2048), "t5-base": (768, 12, 12, 3072), "t5-large": (1024, 24, 16, 4096)}
"""Width, layers, heads and feed-forward width."""

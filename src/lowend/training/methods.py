"""What of a model trains: all of it, all but its first layers, or low-rank updates of its layers' matrices.

The updates are parametrisations of the weights themselves (torch.nn.utils.parametrize), because the
decoder's attention keeps queries, keys and values in one plain matrix, which libraries that replace
linear modules pass by. What is saved is merged: everything downstream sees an ordinary checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrize

from lowend.errors import UserError
from lowend.seeds import seed
from lowend.training.config import TrainConfig

State = dict[str, Tensor]


class LowRank(nn.Module):
    """W + scale B A, with B zero at first: https://arxiv.org/abs/2106.09685, section 4.1."""

    def __init__(self, weight: Tensor, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        bound = 1 / math.sqrt(columns)  # Kaiming's uniform with a = sqrt(5), as torch and peft draw it
        drawn = torch.rand(rank, columns, generator=generator).mul(2).sub(1).mul(bound)
        self.a = nn.Parameter(drawn.to(weight.device))
        self.b = nn.Parameter(torch.zeros(rows, rank, device=weight.device))
        self.scale = alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        """The weight [R, C] as it is used; in float32 also under autocast, because the update is small."""
        kind = "cpu" if weight.is_meta else weight.device.type  # autocast knows no meta device
        with torch.autocast(kind, enabled=False):
            return weight + self.scale * (self.b @ self.a)


class Directed(LowRank):
    """m (W + scale B A) / ‖W + scale B A‖ by rows: https://arxiv.org/abs/2402.09353, equation 5."""

    def __init__(self, weight: Tensor, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__(weight, rank, alpha, generator)
        self.magnitude = nn.Parameter(weight.detach().norm(dim=1, keepdim=True))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight [R, C] as it is used; the norm gets no gradient (section 4.3), and is one ratio at first."""
        moved = super().forward(weight)
        return self.magnitude / moved.detach().norm(dim=1, keepdim=True) * moved


KINDS = {"lora": LowRank, "dora": Directed}


def prepare(lm: nn.Module, layers: nn.ModuleList, config: TrainConfig, name: str) -> None:
    """Freeze what `config` keeps of the model's `layers`, in place, and add the updates that train; `name` seeds them.

    Raises:
        UserError: more layers are to be frozen than there are.
    """
    if config.freeze > len(layers) or (config.freeze == len(layers) and config.method != "full"):
        raise UserError(
            f"params.yaml: `train.freeze` is {config.freeze}, and the model has {len(layers)} layers; lower it"
        )
    if config.method == "full":
        layers[: config.freeze].requires_grad_(False)
        return
    lm.requires_grad_(False)
    for at, layer in enumerate(layers[config.freeze :], config.freeze):
        for path, weight in list(layer.named_parameters()):
            if weight.ndim == 2:
                generator = torch.Generator().manual_seed(seed(name, config.method, at, path))
                update = KINDS[config.method](weight, config.rank, config.alpha, generator)
                owner, _, leaf = path.rpartition(".")
                parametrize.register_parametrization(layer.get_submodule(owner), leaf, update)


def merged(lm: nn.Module, state: Mapping[str, Tensor]) -> State:
    """The state as an ordinary checkpoint: names and shapes of the model before `prepare`.

    `lm` only tells which updates there are; its weights do not matter. Values without one are the state's own.
    """
    plain: State = {}
    for path, value in state.items():
        if ".parametrizations." not in path:
            plain[path] = value
        elif path.endswith(".original"):
            place = path.removesuffix(".original")
            update = lm.get_submodule(f"{place}.0")
            own = {name: state[f"{place}.0.{name}"] for name, _ in update.named_parameters()}
            owner, _, leaf = place.rpartition(".parametrizations.")
            with torch.no_grad():
                plain[f"{owner}.{leaf}"] = functional_call(update, own, (value,))
    return plain


def strip(lm: nn.Module) -> None:
    """Take the updates of `prepare` off again, merged into the weights, and let everything train."""
    for module in list(lm.modules()):
        if parametrize.is_parametrized(module):
            for leaf in list(module.get_submodule("parametrizations")._modules):
                parametrize.remove_parametrizations(module, leaf, leave_parametrized=True)
    lm.requires_grad_(True)

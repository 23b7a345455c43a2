"""Low-rank updates: they start at the base, are what peft computes, and merge into an ordinary checkpoint."""

from __future__ import annotations

import mini
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from lowend.errors import UserError
from lowend.models import musicgen
from lowend.training import methods

METHODS = ("lora", "dora")


def losses(lm: musicgen.MusicGen) -> torch.Tensor:
    codes = torch.from_numpy(mini.sampler().at(0).codes).long()
    return musicgen.cross_entropy(lm, codes, musicgen.embed(lm, list(mini.TEXTS)))


def moved(lm: nn.Module) -> None:
    """Give every update something to say."""
    with torch.no_grad():
        for n, (name, p) in enumerate(lm.named_parameters()):
            if name.endswith((".b", ".magnitude")):
                p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(n)))


@pytest.mark.parametrize("method", METHODS)
def test_training_starts_at_the_base_to_the_bit(method: str) -> None:
    lm, base = mini.lm(), mini.lm()
    methods.prepare(lm, lm.transformer.layers, mini.config(method=method), "0/test")
    assert torch.equal(losses(lm), losses(base))
    assert mini.same(methods.merged(lm, lm.state_dict()), base.state_dict())


@pytest.mark.parametrize("method", METHODS)
def test_merged_weights_are_the_model_that_was_trained(method: str) -> None:
    lm, plain = mini.lm(), mini.lm(seed=1)
    methods.prepare(lm, lm.transformer.layers, mini.config(method=method), "0/test")
    moved(lm)
    state, expected = lm.state_dict(), losses(lm)
    other = mini.lm(seed=2)
    methods.prepare(other, other.transformer.layers, mini.config(method=method), "1/test")
    assert mini.same(methods.merged(other, state), methods.merged(lm, state)), "the state's weights, not the model's"
    plain.load_state_dict(methods.merged(lm, state))
    assert torch.equal(losses(plain), expected) and not torch.equal(losses(mini.lm()), expected)
    methods.strip(lm)
    assert lm.state_dict().keys() == plain.state_dict().keys() and torch.equal(losses(lm), expected)
    assert all(p.requires_grad for p in lm.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_the_update_is_peft_s(method: str) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    layer = nn.Linear(12, 20, bias=False)
    x, target = torch.randn(7, 12), torch.randn(7, 20)
    theirs = peft.get_peft_model(
        nn.Sequential(nn.Linear(12, 20, bias=False)),
        peft.LoraConfig(r=4, lora_alpha=8, target_modules=["0"], use_dora=method == "dora"),
    )
    reference = theirs.base_model.model[0]
    with torch.no_grad():
        reference.base_layer.weight.copy_(layer.weight)
    if method == "dora":
        reference.dora_init("default") if hasattr(reference, "dora_init") else None
        with torch.no_grad():
            reference.lora_magnitude_vector["default"].weight.copy_(layer.weight.norm(dim=1))
    update = methods.KINDS[method](layer.weight, 4, 8.0, torch.Generator().manual_seed(0))
    parametrize.register_parametrization(layer, "weight", update)
    with torch.no_grad():
        update.b.copy_(torch.randn(20, 4))
        reference.lora_A["default"].weight.copy_(update.a)
        reference.lora_B["default"].weight.copy_(update.b)
    for model in (layer, theirs):
        ((model(x) - target) ** 2).mean().backward()
    torch.testing.assert_close(layer(x), theirs(x), rtol=0, atol=1e-5)
    torch.testing.assert_close(update.a.grad, reference.lora_A["default"].weight.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(update.b.grad, reference.lora_B["default"].weight.grad, rtol=1e-4, atol=1e-6)
    if method == "dora":
        magnitude = reference.lora_magnitude_vector["default"].weight
        torch.testing.assert_close(update.magnitude.grad[:, 0], magnitude.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "freeze", "trains"),
    [
        ("full", 0, {"emb", "transformer", "out_norm", "linears", "condition_provider"}),
        ("full", 1, {"emb", "transformer", "out_norm", "linears", "condition_provider"}),
        ("lora", 1, {"transformer"}),
    ],
)
def test_only_what_was_asked_trains(method: str, freeze: int, trains: set[str]) -> None:
    lm = mini.lm()
    methods.prepare(lm, lm.transformer.layers, mini.config(method=method, freeze=freeze), "0/test")
    names = [name for name, p in lm.named_parameters() if p.requires_grad]
    assert {name.split(".")[0] for name in names} == trains
    assert any(name.startswith("transformer.layers.0.") for name in names) == (freeze == 0)
    if method != "full":
        matrices = [n for n, p in mini.lm().named_parameters() if n.startswith("transformer.layers.1.") and p.ndim == 2]
        assert len(names) == 2 * len(matrices), "every matrix of the layer, attention's joined one included"


def test_adapters_hold_few_numbers_and_are_drawn_by_name() -> None:
    made = []
    for name in ("0/test", "0/test", "1/test"):
        lm = mini.lm()
        methods.prepare(lm, lm.transformer.layers, mini.config(method="lora"), name)
        made.append({k: v for k, v in lm.state_dict().items() if k.endswith(".a")})
    assert mini.same(made[0], made[1]) and not any(torch.equal(made[0][k], made[2][k]) for k in made[0])


@pytest.mark.parametrize(("method", "freeze"), [("full", 3), ("lora", 2)])
def test_freezing_more_than_there_is_is_refused(method: str, freeze: int) -> None:
    lm = mini.lm()
    with pytest.raises(UserError, match=rf"`train.freeze` is {freeze}, and the model has 2 layers; lower it"):
        methods.prepare(lm, lm.transformer.layers, mini.config(method=method, freeze=freeze), "0/test")

"""The language model against audiocraft's own, what captions change, and clips that are independent of their batch."""

from __future__ import annotations

from pathlib import Path

import audiocraft.utils.utils as audiocraft_utils
import kit
import numpy as np
import oracles
import pytest
import torch
import torch.nn.functional as F
import transformers as hf
from audiocraft.modules.conditioners import ConditioningAttributes

from lowend import captions
from lowend.errors import UserError
from lowend.models import codec, musicgen
from lowend.models.sampling import Sampling
from lowend.synth import song as synth
from lowend.tracks import Track

ROOT = Path(__file__).resolve().parents[2]
TEXT = "trap hip-hop at 140 BPM in F minor"
FORMS = {
    "mono": oracles.config(oracles.MONO),
    "stereo": oracles.config(oracles.STEREO),
    "rope": oracles.config(oracles.MONO, positions="rope"),
    "sin_rope": oracles.config(oracles.MONO, positions="sin_rope", scale=0.7),
}
forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.unpack(tmp_path_factory.mktemp("models"))


def pair(form: str) -> tuple[oracles.LMModel, musicgen.MusicGen, torch.Tensor]:
    """audiocraft's model, ours with its weights, and codes."""
    theirs = oracles.audiocraft(FORMS[form])
    ours = musicgen.build(FORMS[form], None, "cpu").eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours, oracles.codes(list(ours.delays), len(oracles.TEXTS), 17)


def their_conditions(lm: oracles.LMModel, texts: list[str | None]) -> musicgen.Conditions:
    attributes = [ConditioningAttributes(text={"description": text}) for text in texts]
    return lm.condition_provider(lm.condition_provider.tokenize(attributes))


def solver_loss(logits: torch.Tensor, codes: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """audiocraft's MusicGenSolver: mean over codebooks of the mean over valid positions."""
    per_codebook = []
    for k in range(codes.shape[1]):
        valid = mask[:, k].reshape(-1)
        flat = logits[:, k].reshape(-1, logits.shape[-1])[valid]
        per_codebook.append(F.cross_entropy(flat, codes[:, k].reshape(-1)[valid]))
    return torch.stack(per_codebook).mean()


@forms
def test_the_state_has_audiocrafts_names_and_shapes(form: str) -> None:
    theirs, ours, _ = pair(form)
    assert {k: v.shape for k, v in theirs.state_dict().items()} == {k: v.shape for k, v in ours.state_dict().items()}


@forms
def test_logits_loss_and_gradients_equal_audiocrafts(form: str) -> None:
    theirs, ours, codes = pair(form)
    conditions = musicgen.embed(ours, oracles.TEXTS)
    for found, wanted in zip(
        conditions["description"], their_conditions(theirs, oracles.TEXTS)["description"], strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    sequence = F.pad(codes, (1, 0), value=oracles.CARD)
    torch.testing.assert_close(ours(sequence, conditions), theirs(sequence, [], conditions), rtol=1e-5, atol=1e-5)
    loss = musicgen.cross_entropy(ours, codes, conditions)
    loss.mean().backward()
    out = theirs.compute_predictions(codes, [], their_conditions(theirs, oracles.TEXTS))
    wanted = solver_loss(out.logits, codes, out.mask)
    wanted.backward()
    assert loss.shape == (len(codes), len(ours.delays))
    torch.testing.assert_close(loss.mean(), wanted, rtol=1e-5, atol=1e-5)
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_melody_comes_before_the_text_and_the_codes() -> None:
    settings = oracles.config(oracles.MONO, melody=True)
    theirs = oracles.audiocraft(settings)
    ours = musicgen.build(settings, None, "cpu").eval()
    state = theirs.state_dict()
    ours.load_state_dict(state | {k: v for k, v in ours.state_dict().items() if ".self_wav." in k})
    chroma = F.one_hot(torch.arange(5).expand(3, 5), 12).float()
    conditions = musicgen.embed(ours, oracles.TEXTS, chroma)
    # one second at 32 kHz in hops of 4096 samples; audiocraft's provider lists texts first and waves last
    assert list(conditions) == ["description", "self_wav"] and conditions["self_wav"][0].shape[1] == 8
    codes = oracles.codes(oracles.MONO, 3, 9)
    logits = ours(codes, conditions)
    torch.testing.assert_close(logits, theirs(codes, [], conditions), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(logits, ours(codes, musicgen.embed(ours, oracles.TEXTS)))


def test_no_melody_is_a_silent_one() -> None:
    ours = musicgen.build(oracles.config(oracles.MONO, melody=True), None, "cpu")
    silence = F.one_hot(torch.zeros(2, 3, dtype=torch.long), 12).float()
    found, wanted = (musicgen.embed(ours, ["a", "b"], chroma)["self_wav"][0] for chroma in (None, silence))
    torch.testing.assert_close(found, wanted)


def test_checkpointing_changes_no_gradient() -> None:
    _, ours, codes = pair("mono")
    gradients = []
    for ours.transformer.checkpointing in (False, True):
        ours.zero_grad()
        musicgen.cross_entropy(ours, codes, musicgen.embed(ours, oracles.TEXTS)).mean().backward()
        gradients.append([p.grad.clone() for p in ours.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_bfloat16_stays_near_float32() -> None:
    """The bar is the one that training in bfloat16 is held to."""
    _, ours, codes = pair("mono")
    exact = musicgen.cross_entropy(ours, codes, musicgen.embed(ours, oracles.TEXTS))
    with torch.autocast("cpu", torch.bfloat16):
        rough = musicgen.cross_entropy(ours, codes, musicgen.embed(ours, oracles.TEXTS))
    assert rough.dtype == torch.float32
    assert (rough.mean() - exact.mean()).abs() < 1e-2
    rough.mean().backward()
    by_half = [p.grad.clone() for p in ours.parameters()]
    ours.zero_grad()
    exact.mean().backward()
    for half, p in zip(by_half, ours.parameters(), strict=True):
        assert F.cosine_similarity(half.flatten(), p.grad.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("chunks", [(12,), (1,) * 12, (5, 1, 6)])
@pytest.mark.parametrize("settings", [*FORMS.values(), oracles.config(oracles.MONO, melody=True)])
def test_cached_logits_match_full_forward(settings: dict[str, object], chunks: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    lm = musicgen.build(settings, None, "cpu")
    codes = oracles.codes(list(lm.delays), 3, 12)
    with torch.no_grad():
        conditions = musicgen.embed(lm, [TEXT, TEXT, TEXT])
        cache = lm.new_cache(conditions, 12)
        found = []
        for part in codes.split(chunks, -1):
            before = cache.steps - 12 if cache.length == 0 else 0
            found.append(lm(part, conditions, cache))
            cache.length += part.shape[2] + before
        torch.testing.assert_close(torch.cat(found, 2), lm(codes, conditions), rtol=1e-5, atol=1e-5)


def test_steps_that_do_not_fit_into_the_cache_are_refused() -> None:
    lm = musicgen.build(FORMS["mono"], None, "cpu")
    conditions = musicgen.embed(lm, [TEXT])
    with pytest.raises(ValueError, match="0 \\+ 5 steps do not fit into a cache of 4"):
        lm(oracles.codes(oracles.MONO, 1, 5), conditions, lm.new_cache(conditions, 4))


@pytest.mark.parametrize("form", ["mono", "stereo", "rope"])
def test_the_likeliest_codes_equal_audiocrafts(form: str) -> None:
    theirs, ours, _ = pair(form)
    with torch.no_grad():
        for head in (*theirs.linears, *ours.linears):
            head.weight *= 20  # apart enough that rounding decides nothing
    attributes = [ConditioningAttributes(text={"description": text}) for text in (TEXT, "dubstep")]
    wanted = [theirs.generate(None, [one], max_gen_len=10, use_sampling=False, cfg_coef=3.0) for one in attributes]
    found = musicgen.generate(ours, [TEXT, "dubstep"], [0, 1], 10, Sampling(0, 0.0, 0.0, 3.0))
    assert torch.equal(found, torch.cat(wanted))


@pytest.mark.parametrize(
    ("theirs_say", "ours_say"),
    [
        pytest.param({"temp": 0.9, "top_k": 5}, Sampling(5, 0.0, 0.9, 3.0), id="the likeliest five"),
        pytest.param({"temp": 0.9, "top_k": 5, "top_p": 0.3}, Sampling(5, 0.3, 0.9, 3.0), id="a share of 0.3"),
        pytest.param({"temp": 0.9, "top_k": 0}, Sampling(0, 0.0, 0.9, 3.0), id="all"),
    ],
)
def test_sampled_codes_equal_audiocrafts(
    theirs_say: dict[str, float], ours_say: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours, _ = pair("mono")
    generator = torch.Generator().manual_seed(7)
    monkeypatch.setattr(
        audiocraft_utils,
        "multinomial",
        lambda p, num_samples: torch.multinomial(p[0], num_samples, generator=generator)[None],
    )
    attributes = [ConditioningAttributes(text={"description": TEXT})]
    wanted = theirs.generate(None, attributes, max_gen_len=10, cfg_coef=3.0, **theirs_say)
    assert torch.equal(musicgen.generate(ours, [TEXT], [7], 10, ours_say), wanted)


@pytest.mark.parametrize(
    ("width", "layers", "heads", "delays", "melody", "count"),
    [
        pytest.param(1024, 24, 16, oracles.MONO, False, 420_371_456, id="small"),
        pytest.param(1536, 48, 24, oracles.MONO, False, 1_838_737_920, id="medium"),
        pytest.param(2048, 48, 32, oracles.MONO, False, 3_256_956_928, id="large"),
        pytest.param(1536, 48, 24, oracles.MONO, True, 1_385_625_600, id="melody"),
        pytest.param(1024, 24, 16, oracles.STEREO, False, 437_152_768, id="stereo-small"),
        pytest.param(2048, 48, 32, oracles.STEREO, False, 3_290_519_552, id="stereo-large"),
    ],
)
def test_published_sizes(width: int, layers: int, heads: int, delays: list[int], melody: bool, count: int) -> None:
    """Counted here, and by transformers' own class of the same sizes (with the projections of text and melody)."""
    settings = oracles.config(delays, melody)
    settings["transformer_lm"] |= {"card": 2048, "dim": width, "num_layers": layers, "num_heads": heads}
    settings["conditioners"]["description"]["t5"]["name"] = "t5-base"
    lm = musicgen.build(settings, None, "meta")
    sizes = {"hidden_size": width, "ffn_dim": 4 * width, "num_hidden_layers": layers, "num_attention_heads": heads}
    kind = "MusicgenMelody" if melody else "Musicgen"
    with torch.device("meta"):
        decoder = getattr(hf, f"{kind}ForCausalLM")(
            getattr(hf, f"{kind}DecoderConfig")(num_codebooks=len(delays), **sizes)
        )
    projections = (768 + 1) * width + (12 + 1) * width * melody
    assert sum(p.numel() for p in lm.parameters()) == count
    assert sum(p.numel() for p in decoder.parameters()) + projections == count


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("transformer_lm", {"norm_first": False}, "transformer_lm.norm_first is False; only True"),
        ("fuser", {"sum": ["description"]}, "fuser may only hold"),
        ("codebooks_pattern", {"modeling": "parallel"}, "codebooks_pattern must be"),
        ("transformer_lm", {"n_q": 5}, "4 delays for 5 codebooks"),
        ("conditioners", {"genre": {"model": "lut"}}, "conditioners.genre is 'lut'"),
    ],
)
def test_a_config_of_another_network_is_refused(section: str, change: dict[str, object], message: str) -> None:
    settings = oracles.config(oracles.MONO)
    settings[section] |= change
    with pytest.raises(UserError, match=message):
        musicgen.build(settings, None, "meta")


def test_text_changes_what_is_predicted_and_dropping_it_is_the_null_condition(models: Path) -> None:
    lm = musicgen.load(models / "base")
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (1, 4, 30)))
    with torch.no_grad():
        found = [musicgen.cross_entropy(lm, codes, musicgen.embed(lm, [t])) for t in (TEXT, "ambient", None, "")]
    assert not torch.allclose(found[0], found[1])
    torch.testing.assert_close(found[2], found[3])


def test_a_clip_does_not_depend_on_its_batch(models: Path) -> None:
    lm = musicgen.load(models / "base")
    args = {"frames": 12, "sampling": Sampling(50, 0.0, 1.0, 3.0)}
    other = "drill"  # fewer tokens than TEXT: padded where they are together
    both = musicgen.generate(lm, [TEXT, other], [5, 6], **args)
    torch.testing.assert_close(both[1:], musicgen.generate(lm, [other], [6], **args))
    assert not torch.equal(both[1:], musicgen.generate(lm, [other], [7], **args))
    assert both.shape == (2, 4, 12) and both.min() >= 0 and both.max() < lm.card


def test_the_starters_base_listens_to_captions(models: Path) -> None:
    """Their own captions predict unheard songs better than each other's (0.08 nats over many songs)."""
    lm, enc = musicgen.load(models / "base"), codec.load(models / "codec")
    template = captions.load_template(ROOT / captions.TEMPLATE)
    songs = [synth.song(9001, name, 0, 8.0) for name in ("trap", "dubstep", "lo-fi", "riddim")]
    codes = torch.stack([torch.from_numpy(codec.encode(enc, s.mix.mean(0, keepdims=True))[:, :400]) for s in songs])
    texts = [captions.caption(Track(id="", file_path="", **s.info), template) for s in songs]  # type: ignore[arg-type]
    with torch.no_grad():
        right, wrong = (
            musicgen.cross_entropy(lm, codes.long(), musicgen.embed(lm, said)).mean()
            for said in (texts, [*texts[1:], texts[0]])
        )
    assert wrong - right > 0.02

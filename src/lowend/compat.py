"""The only place that knows what audiocraft and its relatives do at import.

audiocraft imports spaCy for a tokenizer that nobody here uses, and xformers for an attention that
is not the default; `laion_clap` asks a model hub for three tokenizers as soon as it is imported.
Stand-ins take their places: the lazy ones import the real module when somebody asks for what is used of it.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from types import ModuleType
from typing import Any

_LAZY = {"laion_clap": ("CLAP_Module",), "spacy": ("load", "cli")}


class _Lazy(ModuleType):
    """A module that imports its real self on the first attribute that somebody uses.

    Others are looked for in every module by whoever pickles a function, torch's compiler for one.
    """

    def __getattr__(self, name: str) -> object:
        if name not in _LAZY[self.__name__]:
            raise AttributeError(name)
        del sys.modules[self.__name__]
        try:
            real = importlib.import_module(self.__name__)
        except ImportError:
            sys.modules[self.__name__] = self
            raise
        return getattr(real, name)


class _LowerTriangularMask:
    """A marker: audiocraft's torch backend only asks whether there is a mask, and then is causal."""


def _no_xformers(*_: object, **__: object) -> None:
    raise RuntimeError(
        "this model asks for xformers attention, which lowend does not install: "
        "set efficient_attention_backend to 'torch' in its config"
    )


def _unbind(*args: Any, **kwargs: Any) -> Any:
    import torch

    return torch.unbind(*args, **kwargs)


def _xformers() -> ModuleType:
    """The three names that audiocraft's transformer imports from xformers."""
    ops = ModuleType("xformers.ops")
    ops.unbind = _unbind  # type: ignore[attr-defined]
    ops.memory_efficient_attention = _no_xformers  # type: ignore[attr-defined]
    ops.LowerTriangularMask = _LowerTriangularMask  # type: ignore[attr-defined]
    package = ModuleType("xformers")
    package.ops = ops  # type: ignore[attr-defined]
    sys.modules["xformers.ops"] = ops
    return package


def prepare() -> None:
    """Put the stand-ins in place; `import lowend` does it, and so comes before audiocraft and FAD."""
    for name in _LAZY:
        sys.modules.setdefault(name, _Lazy(name))
    if "xformers" not in sys.modules:
        sys.modules["xformers"] = _xformers()
    if os.environ.get("LOWEND_OFFLINE"):
        os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", message=r".*weight_norm.* is deprecated")

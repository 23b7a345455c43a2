"""MusicGen as a family of models once it is trained: clips through its codec, and releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lowend.audio.io import Wave
from lowend.models import audiocraft_format, devices, families, transformers_release
from lowend.models.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Settings(families.Sampling):
    """How codes are sampled."""

    top_k: int
    top_p: float
    temperature: float
    guidance: float

    def __post_init__(self) -> None:
        self.of_codes()

    def of_codes(self) -> Sampling:
        """How each code is drawn.

        Raises:
            ValueError: a setting is out of its range.
        """
        return Sampling(self.top_k, self.top_p, self.temperature, self.guidance)


class MusicGenOutput:
    """See `families.Family`."""

    settings = Settings

    def generate(
        self,
        model: Path,
        codec: Path,
        prompts: Sequence[str],
        seeds: Sequence[int],
        settings: Settings,
        on_progress: Callable[[int, int], None],
    ) -> tuple[Wave, int]:
        """Clips in as many channels as the codec has; a step is a frame of codes."""
        from lowend.models import codec as codecs  # audiocraft, which takes seconds to import and no export needs
        from lowend.models import musicgen

        device = devices.best()
        lm, decoder = musicgen.load(model, device), codecs.load(codec, device)
        frames = round(settings.seconds * musicgen.FRAME_RATE)
        codes = musicgen.generate(lm, prompts, seeds, frames, settings.of_codes(), on_progress)
        return codecs.decode(decoder, codes), decoder.sample_rate

    def export(self, model: Path, codec: Path, out: Path) -> families.Release:
        """audiocraft's format, and transformers' where it can express model and codec."""
        formats = [audiocraft_format.write(out / audiocraft_format.NAME, model, codec)]
        lacking = transformers_release.obstacle(model, codec)
        if lacking:
            return families.Release(formats, [f"The model is not there in transformers' format: {lacking}."])
        return families.Release(
            [*formats, transformers_release.write(out / transformers_release.NAME, model, codec)], []
        )


FAMILY: families.Family[Settings] = MusicGenOutput()

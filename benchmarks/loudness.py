"""Loudness and true peak after normalisation, by two independent meters, over 200 varied files.

By hand: python benchmarks/loudness.py [--files 200]
Each file is split into two stems that get the normalize stage's gain, with the limiter and without, and
goes through libav's loudnorm in one pass, which is what most scripts do. Both meters read the results:
pyloudnorm with fourfold oversampling, and libav's ebur128. Loudness without the limiter counts where
peaks allow it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import av
import numpy as np
import soundfile as sf
from scipy.signal import butter, sosfilt

from lowend.audio.io import read_flac, resample
from lowend.audio.loudness import Target, integrated_lufs, track_gain, true_peak_dbtp
from lowend.seeds import rng
from lowend.workers import parallel_map

KINDS = ("music", "square", "quiet", "offset", "mono", "clicks", "swell", "one second", "bass", "wide")
RATES = (8000, 16000, 22050, 32000, 44100, 48000, 96000, 192000)
OUT_RATE = 32000
LUFS, PEAK_DBTP = -16.0, -1.5


def synthesise(index: int) -> tuple[bytes, str]:
    """One file as 24-bit WAV bytes, and what it is."""
    draw = rng("benchmark/loudness", index)
    kind, rate = KINDS[index % len(KINDS)], int(RATES[draw.integers(len(RATES))])
    seconds = 1.0 if kind == "one second" else float(draw.uniform(3, 9))
    t = np.arange(int(seconds * rate)) / rate
    beat = np.exp(-((t * draw.uniform(1.2, 2.6)) % 1) * draw.uniform(4, 14))
    tone = np.sin(2 * np.pi * draw.uniform(45, 900) * t)
    noise = draw.standard_normal((2, len(t)))
    sos = butter(2, min(6000, 0.45 * rate), fs=rate, output="sos")
    wav = beat * (0.6 * tone + 0.25 * sosfilt(sos, noise)) + 0.05 * noise
    if kind == "square":
        wav = np.sign(wav + 1e-9)
    elif kind == "clicks":
        wav = 0.02 * noise + (draw.random(len(t)) < 6 / rate) * draw.uniform(0.5, 1.0)
    elif kind == "swell":
        wav *= np.linspace(0.01, 1, len(t))
    elif kind == "bass":
        wav = np.sin(2 * np.pi * 50 * t) * np.ones((2, 1)) * (0.4 + 0.6 * beat)
    elif kind == "wide":
        wav = wav * np.array([[1.0], [-0.8]])
    wav *= 0.98 / np.abs(wav).max()
    if kind == "quiet":
        wav *= 10 ** (-50 / 20)
    elif kind == "offset":
        wav = 0.5 * wav + 0.4
    elif kind == "mono":
        wav = wav[:1]
    file = io.BytesIO()
    sf.write(file, wav.T, rate, format="WAV", subtype="PCM_24")
    return file.getvalue(), f"{kind}, {rate} Hz, {seconds:.1f} s"


def libav(wav: np.ndarray, rate: int, name: str, options: str) -> list[av.AudioFrame]:
    """Frames that a filter of libav makes of [C, S]."""
    layout = "mono" if len(wav) == 1 else "stereo"
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout, time_base=f"1/{rate}")
    graph.link_nodes(source, graph.add(name, options), graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wav, np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    frames = []
    while True:
        try:
            frames.append(graph.pull())
        except (av.error.EOFError, av.error.BlockingIOError):
            return frames


def libav_meter(wav: np.ndarray, rate: int) -> tuple[float, float]:
    """Integrated LUFS and true peak in dBTP of [C, S] by libav's ebur128."""
    frames = libav(wav, rate, "ebur128", "metadata=1:peak=true")
    found = [frame.metadata for frame in frames if "lavfi.r128.I" in frame.metadata]  # not of the last 100 ms
    peaks = [float(v) for m in found for k, v in m.items() if k.startswith("lavfi.r128.true_peaks_ch")]
    return float(found[-1]["lavfi.r128.I"]), 20 * np.log10(max(*peaks, 1e-6))


def loudnorm(wav: np.ndarray, rate: int) -> np.ndarray:
    """What people use: libav's loudnorm in one pass, [C, S] at 192 kHz brought back to `rate`."""
    frames = libav(wav, rate, "loudnorm", f"I={LUFS}:TP={PEAK_DBTP}:LRA=11")
    planar = [f.to_ndarray().reshape(-1, len(wav)).T if not f.format.is_planar else f.to_ndarray() for f in frames]
    return resample(np.concatenate(planar, 1).astype(np.float32), frames[0].sample_rate, rate)


def readings(wav: np.ndarray) -> dict[str, list[float]]:
    """LUFS and dBTP, by ours and by libav's meter."""
    level, peak = libav_meter(wav, OUT_RATE)
    return {
        "lufs": [round(integrated_lufs(wav, OUT_RATE), 3), round(level, 3)],
        "dbtp": [round(true_peak_dbtp(wav), 3), round(peak, 3)],
    }


def measure(index: int) -> dict[str, Any]:
    """One file through the stage's gain, with and without the limiter, and through loudnorm."""
    data, what = synthesise(index)
    wav, rate = read_flac(data)
    mix = resample(wav, rate, OUT_RATE)
    mix -= mix.mean(1, keepdims=True)
    part = mix * np.float32(0.4)
    found: dict[str, Any] = {"file": what}
    for name, limiter in (("limiter", True), ("gain", False)):
        gain, factor = track_gain(mix, [mix, part, mix - part], OUT_RATE, Target(LUFS, PEAK_DBTP, limiter, 0.0))
        np.testing.assert_allclose(part * factor + (mix - part) * factor, mix * factor, atol=1e-5)
        found[name] = {**readings(mix * factor), "short_db": gain.short_of_target_db}
    found["loudnorm"] = readings(loudnorm(mix, OUT_RATE))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    rows = list(parallel_map(measure, range(parser.parse_args().files), "files"))
    cases = []
    for way in ("limiter", "gain", "loudnorm"):
        reached = [row for row in rows if row[way].get("short_db", 0.0) <= 0.3]
        off = np.array([[abs(x - LUFS) for x in row[way]["lufs"]] for row in reached])
        over = np.array([[x - PEAK_DBTP for x in row[way]["dbtp"]] for row in rows])
        worst = reached[int(off.max(1).argmax())]
        print(f"{way}: worst is {worst['file']}: {json.dumps(worst[way])}")
        cases.append(
            {
                "way": way,
                "files": len(rows),
                "loudness_reached": len(reached),
                "largest_error_lu": off.max(0).round(3).tolist(),
                "largest_excess_db": over.max(0).round(3).tolist(),
            }
        )
    ours, reference = (max(cases[n]["largest_error_lu"]) for n in (0, 2))
    unit = "largest error in LU by pyloudnorm and libav's ebur128; ours with the limiter, reference loudnorm"
    result = {"name": "loudness", "unit": unit, "ours": ours, "reference": reference}
    print(json.dumps({**result, "ratio": round(reference / ours, 2), "cases": cases}))


if __name__ == "__main__":
    main()

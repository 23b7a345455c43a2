"""Write musicnn.npz: what TensorFlow makes of the signals with musicnn's own network and weights.

TensorFlow is no dependency of ours, so this runs in an environment of its own:
  python -m venv tf && tf/bin/pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0 librosa==0.11.0
  tf/bin/pip install --no-deps musicnn==0.1.0
  TF_USE_LEGACY_KERAS=1 tf/bin/python tests/models/golden/make_musicnn.py

The input is the package's, except that only the mel energies are float16: its `10000 * mel` in float16
overflows on loud audio. `original` says what the package itself answers, as it is, overflow and all.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import librosa
import numpy as np
import signals
import soundfile as sf
import tensorflow as tf
from musicnn import configuration, models
from musicnn.extractor import extractor

HERE = Path(__file__).parent
FRAMES = 187


def windows(sound):
    mels = librosa.feature.melspectrogram(y=sound, sr=signals.RATE, n_fft=512, hop_length=256, n_mels=96).T
    mels = np.log10(10000 * mels.astype(np.float16).astype(np.float32) + 1)
    return np.stack([mels[s : s + FRAMES] for s in range(0, len(mels) - FRAMES + 1, FRAMES)])


def main():
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("MSD_musicnn", "MTT_musicnn"):
            tf.compat.v1.reset_default_graph()
            x = tf.compat.v1.placeholder(tf.float32, [None, FRAMES, configuration.N_MELS])
            outputs = models.define_model(x, tf.constant(False), name, 50)
            logits, pooled, embedding = outputs[0], outputs[6], outputs[8]
            with tf.compat.v1.Session() as session:
                where = str(Path(models.__file__).parent / name) + "/"
                tf.compat.v1.train.Saver().restore(session, where)
                for kind in signals.KINDS:
                    for level in signals.LEVELS:
                        key = f"{name}/{kind}/{level}"
                        fed = windows(signals.signal(kind, level))
                        asked = [tf.nn.sigmoid(logits), embedding, pooled]
                        answers = session.run(asked, {x: fed})
                        for part, value in zip(("tags", "embedding", "pooled"), answers, strict=True):
                            found[f"{key}/{part}"] = value
                        found[f"{key}/mel"] = fed.mean(1)
            for kind in signals.KINDS:
                for level in signals.LEVELS:
                    file = str(Path(folder) / "sound.wav")
                    sf.write(file, signals.signal(kind, level), signals.RATE, subtype="FLOAT")
                    found[f"{name}/{kind}/{level}/original"] = extractor(file, name, extract_features=False)[0]
    found["versions"] = np.array([f"{m.__name__} {m.__version__}" for m in (tf, np, librosa)])
    np.savez_compressed(HERE / "musicnn.npz", **found)


if __name__ == "__main__":
    main()

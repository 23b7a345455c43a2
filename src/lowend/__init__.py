"""Staged fine-tuning of text-to-music models on hip-hop and dubstep, with the proof."""

from lowend import compat

compat.prepare()

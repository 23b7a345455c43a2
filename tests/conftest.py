"""Every test computes as the scripts do: with one thread."""

from lowend.workers import set_threads

set_threads()

"""The codec, the language model and the checkpoints that hold them."""

"""Audio in the library is float32 [C, S] with its sample rate in Hz beside it."""

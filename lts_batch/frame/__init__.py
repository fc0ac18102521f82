"""The constant-Q frame: the filterbank and its inverse, slices of it, level and shape, envelopes; and the STFT beside it."""

"""Latent Timbre Synthesis as published: its frames by librosa's CQT, its runs and networks, read without TensorFlow."""

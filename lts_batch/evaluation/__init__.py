"""What a model is worth: its reconstructions, and its paths between clips beside those of simpler ways."""

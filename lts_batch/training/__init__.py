"""From a folder of sounds to a model: frames, batches, losses, the training itself, and short adaptations."""

"""From magnitudes to coefficients that can sound: phase carried from the clips, rebuilt, or moved with a warp."""

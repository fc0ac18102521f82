"""From clips to stems: the plan of a render, targets between the clips, phase, audio. ``pipeline`` says it in one piece."""

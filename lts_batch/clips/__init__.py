"""What is found out about a clip before its first frame: loudness, attacks, loops, pitch."""

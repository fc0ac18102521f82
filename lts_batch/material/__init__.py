"""Sound to train on, all made here: our own synthesis, instruments of a SoundFont, and what is played on them."""

"""Audio files and other files: read in pieces, written whole or not at all, moved without loss."""

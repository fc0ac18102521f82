"""Stems as people meet them: names, files, manifests, pictures."""

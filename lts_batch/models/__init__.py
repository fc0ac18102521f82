"""The variational autoencoders: networks, their files, and the shelf they stand on."""

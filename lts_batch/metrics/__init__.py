"""Independent measures: of spectra, of stems, and of how well what lies between lies between."""

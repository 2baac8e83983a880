"""Trained models: saved, loaded, imported from CLMR, exchanged with a hub."""

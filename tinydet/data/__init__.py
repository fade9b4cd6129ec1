"""Labelled images: reading, checking, splitting, preprocessing and augmenting them."""

"""The quadratus femoris: in come an image, landmarks and neighbors in RAS millimeter, out come its mask and its numbers."""

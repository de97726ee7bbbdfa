"""The quadratus femoris: in come image, landmarks and neighbors, out come its mask and its numbers; RAS millimeter."""

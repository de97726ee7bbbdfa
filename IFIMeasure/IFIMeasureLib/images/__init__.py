"""Voxels in memory, [i, j, k] with an affine to RAS millimeter: grids, volumes, masks, surfaces, distances."""

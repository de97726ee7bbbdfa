"""Hips made from equations: in come a few numbers, out come images, label maps and true values.

Shapes and truth lie in the side frame, images and label maps on grids in RAS millimeter.
"""

"""Hips made from equations: in come a few numbers, out come images, label maps and true values (side frame; RAS millimeter on grids)."""

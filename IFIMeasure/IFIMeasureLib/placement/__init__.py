"""Bones to landmarks: in come masks of femur and hip bone in the side frame, out come points in the side frame."""

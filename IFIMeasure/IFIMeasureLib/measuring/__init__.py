"""Landmarks, surfaces and muscle to measurements: the registry, and what it computes; spaces in the side frame, results in RAS millimeter."""

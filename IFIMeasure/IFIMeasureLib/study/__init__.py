"""One examination: its segmentation prepared and measured, its results with their provenance; follow-up and repeatability. RAS millimeter."""

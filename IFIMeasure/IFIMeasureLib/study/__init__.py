"""One examination: its segmentation prepared and measured, its results with their provenance.

Follow-up compares examinations of one person, repeatability measurements of one thing; all in RAS millimeter.
"""

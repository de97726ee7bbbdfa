"""What a hip is made of: structures, landmarks, regions, findings, published values.

In come definitions from Resources and names, out come these as values; the geometry of a person stands elsewhere.
"""

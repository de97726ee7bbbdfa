"""Results to what people read: tables, report, charts, pictures; exported points are LPS millimeter and say so."""

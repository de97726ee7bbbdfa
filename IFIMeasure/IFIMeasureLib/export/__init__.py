"""A measured study to files and archives: results folder, workbook, DICOM, FHIR, collected tables."""

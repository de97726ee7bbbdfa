"""Dates and persons as files give them: what cannot be is not known, everywhere."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from IFIMeasureLib.anatomy.reference_values import Subject
from IFIMeasureLib.export.fhir import fhir_bundle
from IFIMeasureLib.files.results import from_document
from IFIMeasureLib.study.document import study_document
from IFIMeasureLib.study.follow_up import parse_date
from IFIMeasureLib.values import IFIMeasureError, iso_date

NO_DATES = ("", "0000-00-00", "00000000", "2026-13-01", "20261301", "2026-02-30", "20230229", "unknown", "ANONYMIZED")
NO_DATES += ("2024", "202403", "2024-3-1", "20240301120000", "0001-01-01", "18000101", "2024-0301", "２０２４０３０１")


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_not_known(text, study):
    assert iso_date(text) == ""
    with pytest.raises(IFIMeasureError, match="date"):
        parse_date(text, "study")
    document = json.loads(json.dumps(study_document(study)))
    assert from_document({**document, "date": text}, "study").date == ""
    bundle = json.dumps(fhir_bundle(replace(study, date=text)))
    assert "effectiveDateTime" not in bundle


@pytest.mark.parametrize("text", ["2024-02-29", "20240229", "2024.02.29", " 20240229 ", "20240229\0"])
def test_dates_of_dicom_and_iso_are_read(text):
    assert iso_date(text) == "2024-02-29"


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "041Y"}, 41.0),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "999Y"}, None),
        ({"PatientAge": "41"}, None),
        ({"PatientBirthDate": "19800615", "StudyDate": "20240614"}, 43.0),
        ({"PatientBirthDate": "19800615", "StudyDate": "20240615"}, 44.0),
        ({"PatientBirthDate": "00000000", "StudyDate": "20240615"}, None),
        ({"PatientBirthDate": "19801399", "StudyDate": "20240615"}, None),
        ({"PatientBirthDate": "20250101", "StudyDate": "20240615"}, None),
        ({"PatientAge": "000Y", "PatientBirthDate": "19800615", "StudyDate": "20240615"}, 44.0),
    ],
)
def test_an_age_is_one_that_a_person_can_have_or_is_not_known(tags, age):
    assert Subject.from_tags(tags).age_years == age


@pytest.mark.parametrize(("text", "sex"), [("F", "F"), ("m ", "M"), ("O", None), ("female", None), ("0", None)])
def test_a_sex_is_one_of_two_or_is_not_known(text, sex, study):
    assert Subject.from_tags({"PatientSex": text}).sex == sex
    document = json.loads(json.dumps(study_document(study)))
    document["subject"]["sex"] = text
    assert from_document(document, "study").subject.sex == sex

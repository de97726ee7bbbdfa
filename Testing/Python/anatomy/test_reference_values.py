"""Published values: which apply to whom, and what is said."""

from __future__ import annotations

import pytest
from IFIMeasureLib.anatomy.reference_values import Subject, reference_rows, statements


def test_the_cutoff_of_torriani_is_stated_as_published():
    texts = [s.text for s in statements("ifs_axial", 12.3, Subject("F", 54))]
    assert "below the published cutoff of 17 mm (Torriani 2009)" in texts
    assert not any("impingement" in t or "diagnos" in t for t in texts)


@pytest.mark.parametrize(("value", "word"), [(16.99, "below"), (17.0, "at"), (17.01, "above")])
def test_a_value_at_the_cutoff_is_said_to_be_at_it(value, word):
    assert f"{word} the published cutoff of 17 mm (Torriani 2009)" in [
        s.text for s in statements("ifs_axial", value, Subject())
    ]


def test_z_scores_follow_the_norm_of_the_sex():
    z = {s.row.study: s.z for s in statements("ifs_axial", 13.9 - 6.5, Subject("F", 40)) if s.kind == "z"}
    assert z["Mimura 2019"] == pytest.approx(-1.0)
    men = {s.row.study: s.z for s in statements("ifs_axial", 20.5 + 7.3, Subject("M", 40)) if s.kind == "z"}
    assert men["Mimura 2019"] == pytest.approx(1.0)
    (qfs,) = [s for s in statements("qfs_axial", 12.42, Subject("F", 40)) if s.row.sex == "F"]
    assert qfs.z == pytest.approx(0.0) and "bjr.20190556" in qfs.row.citation


def test_of_unknown_sex_no_norm_by_sex_is_used():
    assert all(s.row.sex is None for s in statements("ifs_axial", 20.0, Subject(None, 40)))


def test_children_get_the_cutoff_of_their_age_and_none_of_adults():
    nine = {s.row.cutoff_mm for s in statements("ifs_axial", 20.0, Subject("F", 9))}
    assert nine == {14.9}
    assert {s.row.cutoff_mm for s in statements("ifs_axial", 20.0, Subject("F", 15))} == {19.0}


def test_a_childs_cutoff_says_that_it_predicts_edema_and_not_impingement():
    (said,) = statements("ifs_axial", 14.0, Subject("F", 9))
    assert said.text == (
        "below the published cutoff of 14.9 mm for edema of the quadratus femoris, not impingement"
        " (Goldberg-Stein 2018)"
    )


def test_the_norm_of_models_in_stance_stands_beside_the_3d_distance_alone_and_no_cutoff():
    (said,) = statements("ifs_3d", 22.2 - 4.3, Subject("F", 50))
    assert said.text == "z = -1.0 against women 22.2 ± 4.3 mm (Audenaert 2020, stance)"
    assert not any("Audenaert" in row.study for row in reference_rows() if row.measurement != "ifs_3d")
    assert not any(row.cutoff_mm for row in reference_rows() if row.measurement.endswith("_3d"))
    assert statements("ifs_3d", 12.0, Subject(None, 50)) == []


def test_no_published_ischial_angle_stands_beside_ours_which_is_of_another_line():
    assert not any("angle" in row.measurement for row in reference_rows())


def test_small_groups_and_full_citations_are_named():
    citations = {row.study: row.citation for row in reference_rows()}
    assert "6 women" in citations["Barros 2019"]
    for study, doi in (("Audenaert 2020", "hnab004"), ("Schröder 2015", "hnv067"), ("Mimura 2019", "hnz044")):
        assert f"doi 10.1093/jhps/{doi}" in citations[study]
    women = [row for row in reference_rows() if row.study == "Mimura 2019" and row.sex == "F"]
    assert [(row.mean_mm, row.sd_mm) for row in women] == [(13.9, 6.5)]


def test_every_row_has_a_citation():
    assert all(row.citation and row.study for row in reference_rows())


def test_age_comes_from_dicom_in_any_of_its_units_or_from_dates():
    assert Subject.from_tags({"PatientAge": "009Y", "PatientSex": "F"}) == Subject("F", 9)
    assert Subject.from_tags({"PatientAge": "018M"}).age_years == pytest.approx(1.5)
    assert Subject.from_tags({"PatientBirthDate": "19700615", "StudyDate": "20260614"}).age_years == 55
    assert Subject.from_tags({"PatientSex": "O"}) == Subject()

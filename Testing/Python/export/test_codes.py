"""Codes of measurements, units, methods and landmarks: one code has one meaning, no longer than DICOM allows."""

from __future__ import annotations

import pytest
from IFIMeasureLib.anatomy.landmarks import landmark_definitions
from IFIMeasureLib.export.dicom_report import method_code, unit_code
from IFIMeasureLib.export.dicom_sources import dicom_code
from IFIMeasureLib.export.fhir import SYSTEMS
from IFIMeasureLib.measuring.registry import MEASUREMENTS, measurement
from IFIMeasureLib.measuring.units import unit_of
from IFIMeasureLib.values import Measured


def codes_in_use(study):
    for m in MEASUREMENTS:
        yield from (m.code, m.quantity)
        unit = unit_code(m.unit)
        yield (unit.scheme_designator, unit.value, unit.meaning)
    yield from (definition.code for definition in landmark_definitions().values())
    for hip in study.hips.values():
        yield from (method_code(r.method) for r in hip.results.values() if isinstance(r, Measured))


def test_one_code_has_one_meaning(study):
    meanings: dict[tuple[str, str], str] = {}
    for scheme, value, meaning in codes_in_use(study):
        assert meanings.setdefault((scheme, value), meaning) == meaning
        assert 0 < len(scheme) <= 16 and 0 < len(meaning) <= 64
    assert len({m.code[1] for m in MEASUREMENTS}) == len(MEASUREMENTS)


def test_a_quantity_has_one_unit_and_a_grade_is_no_fraction():
    units: dict[str, set[str]] = {}
    for m in MEASUREMENTS:
        units.setdefault(":".join(m.quantity[:2]), set()).add(m.unit)
    assert {code: of for code, of in units.items() if len(of) > 1} == {}
    for key in ("qf_fat_grade", "qf_edema_grade"):
        grade = measurement(key)
        assert "grade" in grade.quantity[2].lower() and grade.unit == "1"
        assert [m.id for m in MEASUREMENTS if m.quantity == grade.quantity] == [key]


def test_methods_have_short_codes_of_their_own():
    codes = {
        method_code(f"a method whose sixty-four characters are not enough to tell number {n} apart") for n in (1, 2)
    }
    assert len(codes) == 1  # the same words are left of both: one meaning, one code
    codes |= {method_code("in 3D"), method_code("axial")}
    assert len({code[1] for code in codes}) == 3 and all(len(code[1]) <= 16 for code in codes)


def test_ids_of_more_than_16_characters_become_long_code_values():
    import highdicom as hd

    for m in MEASUREMENTS:
        code = dicom_code(m.code)
        item = hd.sr.CodedConcept(code.value, code.scheme_designator, code.meaning)
        assert ("CodeValue" in item) == (len(code.value) <= 16) and ("LongCodeValue" in item) == (len(code.value) > 16)
        assert item.value == m.id.upper()


def test_the_schemes_of_all_codes_have_a_system_in_fhir():
    for m in MEASUREMENTS:
        assert {m.code[0], m.quantity[0]} <= SYSTEMS.keys(), m.id


@pytest.mark.parametrize(
    ("unit", "column", "meaning", "text"),
    [
        ("mm", "mm", "millimeter", " mm"),
        ("1", "", "no units", ""),
        ("deg", "deg", "degree", "°"),
        ("mm/mL", "mm_per_ml", "mm/mL", " mm/mL"),
        ("mm2/m", "mm2_per_m", "mm2/m", " mm2/m"),
        ("%/a", "percent_per_a", "%/a", " %/a"),
    ],
)
def test_units_that_are_not_listed_are_named_by_their_code(unit, column, meaning, text):
    assert (unit_of(unit).column, unit_code(unit).meaning, unit_of(unit).text) == (column, meaning, text)

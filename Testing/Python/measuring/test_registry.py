"""The registry: what is registered is whole, dependencies come first, and what is wrong is refused with a sentence."""

from __future__ import annotations

import dataclasses

import pytest
from IFIMeasureLib.anatomy.landmarks import empty_landmarks
from IFIMeasureLib.measuring.definition import DefinitionError, HipData, Kind, MeasurementDefinition
from IFIMeasureLib.measuring.evaluation import measure_hip, measure_pair
from IFIMeasureLib.measuring.registry import MEASUREMENTS, Registry, measurement
from IFIMeasureLib.measuring.units import RATIO
from IFIMeasureLib.values import IFIMeasureError, Measured, NotMeasurable, Side


def entry(measurement_id: str, **fields: object) -> MeasurementDefinition:
    """A whole definition, of the number 2 where nothing else is given."""
    whole = {
        "id": measurement_id,
        "title": f"Title of {measurement_id}",
        "kind": Kind.LENGTH,
        "unit": "1",
        "decimals": 1,
        "quantity": RATIO,
        "definition": "What it is.",
        "citation": "defined here",
    }
    if "compute_pair" not in fields:
        whole["compute"] = lambda data: Measured(2.0, "1")
    return MeasurementDefinition(**{**whole, **fields})


def hip(side: Side = Side.RIGHT) -> HipData:
    reason = NotMeasurable("not part of this test.")
    return HipData(side, empty_landmarks(), {"ifs": reason, "qfs": reason})


def test_a_measurement_is_computed_after_those_it_depends_on_and_stands_where_it_was_registered():
    last = entry("first_in_tables", depends=("b",), compute=lambda data: Measured(10 * data.value("b"), "1"))
    middle = entry("b", depends=("a",), compute=lambda data: Measured(data.value("a") + 1, "1"))
    with MEASUREMENTS.with_also(last, middle, entry("a")):
        results = measure_hip(hip())
        assert results["first_in_tables"].value == 30.0
        assert list(results)[-3:] == ["first_in_tables", "b", "a"]
        assert [m.id for m in MEASUREMENTS.basis(last)] == ["first_in_tables", "b", "a"]
    assert "a" not in measure_hip(hip())


def test_a_measurement_whose_dependency_is_not_measurable_names_it():
    with MEASUREMENTS.with_also(entry("doubled", depends=("ifs_axial",))):
        result = measure_hip(hip())["doubled"]
    assert result == NotMeasurable(
        'it depends on "Ischiofemoral space, axial", which is not measurable: not part of this test.'
    )


def test_a_measurement_between_both_hips_depends_on_those_of_each_and_on_others_between_them():
    def total(pair):
        return Measured(pair.right.value("one") + pair.left.value("one"), "1")

    ratio = entry(
        "over_total",
        depends=("total", "one"),
        compute_pair=lambda pair: Measured(pair.left.value("one") / pair.value("total"), "1"),
    )
    one = entry("one", compute=lambda data: Measured(3.0 if data.side is Side.LEFT else 1.0, "1"))
    with MEASUREMENTS.with_also(ratio, entry("total", depends=("one",), compute_pair=total), one):
        hips = {side: hip(side) for side in Side}
        measured = {side: measure_hip(data) for side, data in hips.items()}
        assert measure_pair(hips, measured)["over_total"].value == 0.75
        measured[Side.LEFT]["one"] = NotMeasurable("it hides.", ("hip",))
        lacking = measure_pair(hips, measured)["over_total"]
    assert lacking.reason == 'left side: it depends on "Title of one", which is not measurable: it hides.'
    assert lacking.missing == ("left hip",)


def test_a_measurement_that_fails_on_its_numbers_takes_no_other_with_it():
    with MEASUREMENTS.with_also(
        entry("by_zero", compute=lambda data: Measured(1.0 / 0.0, "1")),
        entry("endless", compute=lambda data: Measured(float("inf"), "1")),
        entry("fine"),
    ):
        results = measure_hip(hip())
    assert "division by zero" in results["by_zero"].reason and "inf" in results["endless"].reason
    assert results["fine"].value == 2.0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (entry("qf_volume"), "two measurements 'qf_volume'"),
        (entry("new", title="Femoral offset"), "'femoral_offset' and 'new' have one title"),
        (entry("new", needs=("nose_tip",)), "'new': it needs the landmark 'nose_tip', which is not in"),
        (entry("new", depends=("nothing",)), "'new': it depends on 'nothing', which is no measurement"),
        (entry("new", depends=("new",)), "in a circle: 'new' on 'new'"),
        (entry("new", depends=("intertuberous_distance",)), "single hip and cannot depend on 'intertuberous_distance'"),
        (entry("New"), "small letters"),
        (entry("new", title="T" * 65), "1 to 64 characters"),
        (entry("new", unit=""), "UCUM code"),
        (entry("new", definition="no stop"), "full stop"),
        (entry("new", citation=""), "citation is empty"),
        (entry("new", compute=None), "one of 'compute' and 'compute_pair'"),
        (entry("new", space="xyz"), "None or one of ifs, qfs"),
        (entry("new", structure="nose"), "structures.json"),
    ],
)
def test_a_wrong_definition_is_refused_in_a_sentence_and_nothing_is_added(wrong, told):
    before = tuple(MEASUREMENTS)
    with pytest.raises(DefinitionError) as refused:
        MEASUREMENTS.register(entry("a_good_one"), wrong)
    assert told in str(refused.value) and str(refused.value).endswith(".")
    assert tuple(MEASUREMENTS) == before


def test_a_circle_of_three_is_told_in_its_order():
    registry = Registry()
    with pytest.raises(DefinitionError, match="'a' on 'b' on 'c' on 'a'"):
        registry.register(entry("a", depends=("b",)), entry("b", depends=("c",)), entry("c", depends=("a",)))


@pytest.mark.parametrize(
    ("compute", "told"),
    [
        (lambda data: data.measured("qf_volume"), "asks for the result of 'qf_volume'; name that in 'depends'"),
        (lambda data: data.at("femoral_head_center"), "'femoral_head_center', which has none; name that in 'needs'"),
        (lambda data: Measured(2.0, "mm"), "its unit is '1', its function gave another"),
        (lambda data: Measured(2.0, "1", ((0.0, 0.0, 0.0),)), "must be two or three points"),
        (lambda data: 2.0, "its function gave 2.0, and must give Measured or NotMeasurable"),
    ],
)
def test_a_function_that_does_not_keep_to_its_definition_is_told_so(compute, told):
    with MEASUREMENTS.with_also(entry("new", compute=compute)), pytest.raises(DefinitionError) as refused:
        measure_hip(hip())
    assert str(refused.value).startswith("Measurement 'new': ") and told in str(refused.value)


def test_a_measurement_that_is_not_there_is_told_by_its_id():
    with pytest.raises(IFIMeasureError, match="no measurement 'qf_mass'; known: ifs_axial, "):
        measurement("qf_mass")


def test_a_definition_is_never_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MEASUREMENTS[0].title = "another"

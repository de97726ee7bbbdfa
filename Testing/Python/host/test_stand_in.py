"""The stand-in allows what the application's PythonQt allows, and nothing else."""

from __future__ import annotations

import host.driver  # noqa: F401  skips where there is no Qt
import pytest


@pytest.fixture
def qt(panel):
    import qt

    return qt


def test_a_property_that_pythonqt_takes_for_a_static_method_cannot_be_assigned_and_reads_as_the_method(qt):
    timer = qt.QTimer()
    with pytest.raises(AttributeError, match="Slot 'singleShot' can not be overwritten on QTimer object"):
        timer.singleShot = True
    assert callable(timer.singleShot)
    timer.setSingleShot(True)
    assert timer.isSingleShot() is True
    timer.interval = 5
    assert timer.interval == 5


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        ("QTimer", "start", "Slot 'start' can not be overwritten on QTimer object"),
        ("QTimer", "timeout", "Signal 'timeout' can not be overwritten on QTimer object"),
        ("QTimer", "active", "Property 'active' of QTimer object is not writable"),
        ("QTimer", "singleshot", "'singleshot' does not exist on QTimer"),
        ("QDialog", "exec", "Slot 'exec' can not be overwritten on QDialog object"),
        ("QProgressDialog", "cancel", "Slot 'cancel' can not be overwritten on QProgressDialog object"),
        ("QProgressDialog", "wasCanceled", "Property 'wasCanceled' of QProgressDialog object is not writable"),
        ("QSettings", "value", "Slot 'value' can not be overwritten on QSettings object"),
        ("QMessageBox", "Ok", "EnumValue 'Ok' can not be overwritten on QMessageBox object"),
        ("QLabel", "setText", "Slot 'setText' can not be overwritten on QLabel object"),
        ("QTableWidget", "item", "Slot 'item' can not be overwritten on QTableWidget object"),
        ("QTableWidgetItem", "text", "Slot 'text' can not be overwritten on QTableWidgetItem object"),
        ("QTableWidgetItem", "note", "'note' does not exist on QTableWidgetItem"),
    ],
)
def test_only_a_property_that_can_be_written_can_be_assigned(qt, make, name, words):
    made = getattr(qt, make)()
    with pytest.raises(AttributeError, match=words):
        setattr(made, name, 1)


def test_properties_are_attributes_and_hide_the_getter_of_their_name(qt):
    shortcut = qt.QShortcut(qt.QWidget())
    shortcut.enabled = False
    assert shortcut.enabled is False and shortcut.isEnabled() is False
    box = qt.QSpinBox()
    box.value = 7
    assert box.value == 7
    with pytest.raises(TypeError, match="not callable"):
        box.value()
    label = qt.QLabel()
    label.text = 5
    assert label.text == "5"


def test_unknown_signals_keywords_and_classes_are_refused(qt):
    with pytest.raises(AssertionError, match="QTimer has no signal timeout\\(int\\)"):
        qt.QTimer().connect("timeout(int)", print)
    with pytest.raises(ValueError, match="takes no keyword arguments"):
        qt.QTimer().start(msec=5)
    with pytest.raises(ValueError, match="takes no keyword arguments"):
        qt.QLabel(text="a")
    with pytest.raises(AttributeError, match="has no attribute 'QNothing'"):
        qt.QNothing()
    with pytest.raises(AttributeError, match="QLabel has no attribute named 'textt'"):
        qt.QLabel().textt  # noqa: B018
    with pytest.raises(AssertionError, match="QDial is not among the classes listed"):
        qt.QDial().value  # noqa: B018


def test_the_stand_in_has_no_file_that_tools_which_look_through_modules_could_take_for_theirs(qt):
    assert not hasattr(qt, "__file__") and not hasattr(qt, "__path__")

"""List what Python sees of the application's classes; run by 3D Slicer, which has no other way to say it.

    Slicer --testing --python-script list_api.py OUTPUT.json

Each class has its base among the listed ones, its own properties (and whether they can be written), signals, methods
and enumeration values. A property that PythonQt hides behind a method (``QTimer.singleShot``, which is a static
method, too) is listed as the method that Python gets: each name of an object is read, and what comes back counts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

QT_CLASSES = """
QObject QTimer QShortcut QSettings QEvent QWheelEvent QKeyEvent QMouseEvent QFile QDir QUrl QDate QKeySequence
QWidget QDialog QProgressDialog QMessageBox QFileDialog QInputDialog QMainWindow QFrame QLabel QAbstractButton
QPushButton QToolButton QCheckBox QRadioButton QGroupBox QComboBox QAbstractSpinBox QSpinBox QDoubleSpinBox QLineEdit
QDateTimeEdit QDateEdit QAbstractScrollArea QPlainTextEdit QTextEdit QTextBrowser QScrollArea QAbstractSlider QSlider
QScrollBar QProgressBar QAbstractItemView QTableView QTableWidget QTableWidgetItem QTreeView QTreeWidget
QTreeWidgetItem QListView QListWidget QListWidgetItem QHeaderView QTabWidget QTabBar QStackedWidget QSplitter QMenu
QAction QLayout QBoxLayout QVBoxLayout QHBoxLayout QGridLayout QFormLayout QLayoutItem QSpacerItem QSizePolicy QPixmap
QImage QIcon QColor QBrush QPalette QFont QFontMetrics QCursor QPoint QSize QRect QApplication Qt
""".split()
OTHER_CLASSES = """
qMRMLWidget qMRMLNodeComboBox qMRMLPlotView ctkCollapsibleButton ctkPathLineEdit
""".split()
ARGUMENTS = {
    "QShortcut": lambda qt: KEPT.append(qt.QWidget()) or (KEPT[-1],),
    "QHeaderView": lambda qt: (1,),
    "QBoxLayout": lambda qt: (0,),
    "QSpacerItem": lambda qt: (1, 1),
    "QFontMetrics": lambda qt: (qt.QFont(),),
    "QEvent": lambda qt: (0,),
    "QKeyEvent": lambda qt: (6, 0, 0),
}
KEPT: list[Any] = []  # parents, which take their children with them


def members(cls: Any, made: Any) -> dict[str, Any]:
    """Return what an object of a class (or the class, where none can be made) has, with what it inherits."""
    found: dict[str, Any] = {"properties": {}, "signals": [], "methods": [], "values": {}}
    meta = made.metaObject() if made is not None and hasattr(made, "metaObject") else None
    properties = {}
    if meta is not None:
        properties = {meta.property(n).name(): meta.property(n).isWritable() for n in range(meta.propertyCount())}
        for number in range(meta.methodCount()):
            method = meta.method(number)
            if int(method.methodType()) == 1:
                found["signals"].append(bytes(method.methodSignature().data()).decode())
    for name in sorted({*dir(cls), *(dir(made) if made is not None else ()), *properties}):
        if name.startswith("_"):
            continue
        try:
            value = getattr(made if made is not None else cls, name)
        except (AttributeError, ValueError):
            continue
        if "<qt signal" in repr(value) or isinstance(value, type):
            continue
        if callable(value):
            found["methods"].append(name)
        elif name in properties:
            found["properties"][name] = bool(properties[name])
        elif isinstance(value, int):
            found["values"][name] = int(value)
    return found


def main(qt: Any, others: dict[str, Any], path: str) -> None:
    """Write the list of all classes."""
    listed: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for name in [*QT_CLASSES, *others]:
        cls = others.get(name) or getattr(qt, name)
        try:
            made = None if name == "QApplication" else cls(*ARGUMENTS.get(name, lambda qt: ())(qt))
        except (TypeError, ValueError):
            made = None
        whole[name] = members(cls, made)
        base = None
        meta = made.metaObject() if made is not None and hasattr(made, "metaObject") else None
        meta = meta.superClass() if meta is not None else None
        while meta is not None and base is None:
            known = str(meta.getClassName())
            base = known if known in whole else None
            meta = meta.superClass()
        inherited = whole.get(base, {"properties": {}, "signals": [], "methods": [], "values": {}})
        own = whole[name]
        listed[name] = {
            "base": base,
            "properties": {k: v for k, v in own["properties"].items() if k not in inherited["properties"]},
            "signals": [s for s in own["signals"] if s not in inherited["signals"]],
            "methods": [m for m in own["methods"] if m not in inherited["methods"]],
            "values": {k: v for k, v in own["values"].items() if k not in inherited["values"]},
        }
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("{\n" + ",\n".join(f'"{k}": {json.dumps(v, sort_keys=True)}' for k, v in listed.items()) + "\n}\n")


if __name__ == "__main__":
    import ctk
    import qt
    import slicer

    main(qt, {n: getattr(ctk, n, None) or getattr(slicer, n) for n in OTHER_CLASSES}, sys.argv[-1])
    slicer.util.exit(0)

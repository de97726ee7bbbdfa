"""Draw the panel with the sample study, on the tests' stand-in of the application: python Docs/panel_picture.py

Writes ``module_panel.png``: the panel at a width of 400 pixels, in columns.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Testing" / "Python"))

from host import driver
from IFIMeasureLib.values import Side
from PySide6 import QtCore, QtGui, QtWidgets

WIDTH, COLUMNS = 400, 4


def main() -> int:
    """Measure the sample in the panel and draw it."""
    panel = driver.Panel()
    panel.choose_sample()
    panel.place()
    panel.ui.landmarkTable.setCurrentCell(driver.ROW["lesser_trochanter_tip"], 2)
    panel.ui.measurementTable.setCurrentCell(driver.LINE["ifs_axial"], 2)
    panel.ui.dateLineEdit.text = "2024-03-01"
    panel.ui.dateLineEdit._raw.editingFinished.emit()
    second = panel.widget.logic.measure(driver.add_sample_bones(panel.scene))
    second.nodes.date = "2025-03-04"
    panel.ui.followUpButton.click()
    panel.turn()
    assert panel.value("ifs_axial", Side.LEFT).endswith("mm") and not driver.APP.HOST.errors
    widget: QtWidgets.QWidget = panel.parent._raw
    widget.resize(WIDTH, widget.sizeHint().height())
    widget.show()
    panel.turn()
    widget.resize(
        WIDTH,
        widget.layout().heightForWidth(WIDTH) if widget.layout().hasHeightForWidth() else widget.sizeHint().height(),
    )
    panel.turn()
    whole = widget.grab()
    tall = -(-whole.height() // COLUMNS)
    picture = QtGui.QPixmap(WIDTH * COLUMNS, tall)
    picture.fill(widget.palette().window().color())
    painter = QtGui.QPainter(picture)
    for column in range(COLUMNS):
        painter.drawPixmap(column * WIDTH, 0, whole.copy(QtCore.QRect(0, column * tall, WIDTH, tall)))
    painter.end()
    picture.save(str(Path(__file__).resolve().parent / "module_panel.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

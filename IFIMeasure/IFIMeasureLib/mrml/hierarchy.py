"""The subject hierarchy: a study's folders in it, and what it has of the patient."""

from __future__ import annotations

from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkIdList

from ..values import Side

_FOLDER = "IFIMeasure.folder"
"""Attribute of a folder that is a study's, or one of its sides'."""


def put_into_folder(record: Any, node: Any, side: Side | None = None) -> None:
    """Put a node into the folder of a study, or into the folder of the side within it; folders are made as needed.

    :param record: the study's record node.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(record.GetScene())
    folder = _folder(hierarchy, hierarchy.GetSceneItemID(), f"{record.GetID()} folder", record.GetName() or "study")
    if side is not None:
        uid = f"{record.GetID()} folder_{side.value}"
        folder = _folder(hierarchy, folder, uid, f"{side.value.capitalize()} hip")
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
    hierarchy.SetItemParent(item, folder)


def patient_tags(node: Any) -> dict[str, str]:
    """Return what is known of the patient and study that a node lies under, as DICOM import fills it, by DICOM keyword.

    :param node: a volume or segmentation; nothing is known where it is None.
    """
    if node is None:
        return {}
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    names = {
        "PatientSex": constants.GetDICOMPatientSexAttributeName(),
        "PatientBirthDate": constants.GetDICOMPatientBirthDateAttributeName(),
        "StudyDate": constants.GetDICOMStudyDateAttributeName(),
    }
    tags: dict[str, str] = {}
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        for tag, name in names.items():
            value = hierarchy.GetItemAttribute(item, name)
            if value:
                tags.setdefault(tag, value.replace("-", ""))
        item = hierarchy.GetItemParent(item)
    return tags


def _folder(hierarchy: Any, parent: int, uid: str, name: str) -> int:
    children = vtkIdList()
    hierarchy.GetItemChildren(parent, children)
    for number in range(children.GetNumberOfIds()):
        item = int(children.GetId(number))
        if hierarchy.GetItemAttribute(item, _FOLDER) == uid:
            return item
    item = int(hierarchy.CreateFolderItem(parent, name))
    hierarchy.SetItemAttribute(item, _FOLDER, uid)
    return item

"""The subject hierarchy: a study's folders in it, and what it has of the patient."""

from __future__ import annotations

from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkIdList

from ..values import Side

_FOLDER = "IFIMeasure.folder"
"""Attribute of a folder of ours; its value ends with what the folder is of."""

_STUDY = "folder"
_NOT_OURS = ("volume", "second_volume", "segmentation")
"""Roles of nodes that a person may have chosen from another study's folder."""


def put_into_folder(record: Any, node: Any, side: Side | None = None) -> None:
    """Put a node into the folder of a study, or into the folder of the side within it; folders are made as needed.

    A study's folder is the one that nodes made for it lie in: where one scene is added to another, ids change, and
    folders that are named by them would be taken for those of other studies.

    :param record: the study's record node.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(record.GetScene())
    folder = _study_folder(hierarchy, record, node)
    if folder is None:
        folder = _make_folder(hierarchy, hierarchy.GetSceneItemID(), record, _STUDY, record.GetName() or "study")
    if side is not None:
        kind = f"{_STUDY}_{side.value}"
        found = (item for item in _children(hierarchy, folder) if _is_folder(hierarchy, item, kind))
        inner = next(found, None)
        if inner is None:
            inner = _make_folder(hierarchy, folder, record, kind, f"{side.value.capitalize()} hip")
        folder = inner
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(folder, node)
    hierarchy.SetItemParent(item, folder)


def rename_folder(record: Any, before: str) -> None:
    """Let a study's folder, where there is one that is still called as it was, be called as the study is now."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(record.GetScene())
    folder = None if hierarchy is None else _study_folder(hierarchy, record, None)
    if folder is not None and hierarchy.GetItemName(folder) == before:
        hierarchy.SetItemName(folder, record.GetName())


def _study_folder(hierarchy: Any, record: Any, new: Any) -> int | None:
    """The folder that other nodes of a study than a new one lie in, else one made before them; None for none."""
    roles = [record.GetNthNodeReferenceRole(n) for n in range(record.GetNumberOfNodeReferenceRoles())]
    for role in roles:
        node = None if role in _NOT_OURS or role.startswith("measured_") else record.GetNodeReference(role)
        item = 0 if node is None or node is new else hierarchy.GetItemByDataNode(node)
        while item and item != hierarchy.GetSceneItemID():
            if _is_folder(hierarchy, item, _STUDY):
                return int(item)
            item = hierarchy.GetItemParent(item)
    made = f"{record.GetID()} {_STUDY}"
    top = _children(hierarchy, hierarchy.GetSceneItemID())
    return next((item for item in top if hierarchy.GetItemAttribute(item, _FOLDER) == made), None)


def _is_folder(hierarchy: Any, item: int, kind: str) -> bool:
    return bool((hierarchy.GetItemAttribute(item, _FOLDER) or "").split(" ")[-1] == kind)


def _children(hierarchy: Any, parent: int) -> list[int]:
    children = vtkIdList()
    hierarchy.GetItemChildren(parent, children)
    return [int(children.GetId(number)) for number in range(children.GetNumberOfIds())]


def _make_folder(hierarchy: Any, parent: int, record: Any, kind: str, name: str) -> int:
    item = int(hierarchy.CreateFolderItem(parent, name))
    hierarchy.SetItemAttribute(item, _FOLDER, f"{record.GetID()} {kind}")
    return item


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

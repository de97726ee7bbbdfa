"""What DICOM results take over from their source: what an archive needs, byte for byte, and no value that is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest
from IFIMeasureLib import api
from IFIMeasureLib.export.dicom import write_dicom
from IFIMeasureLib.export.dicom_pdf import write_encapsulated_pdf
from IFIMeasureLib.export.dicom_sources import KEPT
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import IFIMeasureError
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

JAPANESE = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
"""From DICOM PS3.5, H.3.1."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, api.Study]:
    folder = tmp_path_factory.mktemp("sample")
    dicom, segmentation = write_sample_study(folder, Phantom(seed=1), sample_grid((2.5, 2.5, 5.0)))
    return dicom, api.measure(segmentation, dicom, series=2, side="left")


def written(measured: tuple[Path, api.Study], folder: Path, **raw: bytes | None) -> dict[str, pydicom.Dataset]:
    """The results where the series' headers hold these bytes (None: where they lack the element)."""
    study = measured[1]
    changed = folder / "dicom"
    changed.mkdir()
    files = tuple(Path(shutil.copy(path, changed)) for path in study.result.volume.files)
    for path in files:
        dataset = pydicom.dcmread(path)
        for keyword, value in raw.items():
            tag = Tag(keyword)
            if value is None:
                dataset.pop(tag, None)
                continue
            padded = value + b" " * (len(value) % 2)
            dataset[tag] = RawDataElement(tag, pydicom.datadict.dictionary_VR(tag), len(padded), padded, 0, False, True)
        dataset.set_original_encoding(False, True, dataset._character_set)  # else pydicom writes the texts anew
        dataset.save_as(path)
    result = study.result.of_files(files)
    write_dicom(result, folder)
    write_encapsulated_pdf(result, b"%PDF-", folder / "report_pdf.dcm", False)
    return {name: pydicom.dcmread(folder / name) for name in ("segmentation.dcm", "report.dcm", "report_pdf.dcm")}


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (rb"\ISO 2022 IR 87", JAPANESE),
        (rb"ISO 2022 IR 13\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"),
        (rb"\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"),
        (b"ISO_IR 192", "Müller^Jörg".encode()),
        (b"GB18030", "王^小东".encode("gb18030")),
        (b"ISO 2022 IR 100", "Müller".encode("latin-1")),
        (b"NONSENSE", b"M\xfcller"),
    ],
)
def test_a_name_keeps_its_bytes_in_every_character_set(measured, tmp_path, charset, name):
    for kind, stored in written(measured, tmp_path, SpecificCharacterSet=charset, PatientName=name).items():
        assert stored.get_item("PatientName").value.rstrip() == name, kind
        padded = charset + b" " * (len(charset) % 2)
        element = b"\x08\x00\x05\x00CS" + len(padded).to_bytes(2, "little") + padded
        assert element in (tmp_path / kind).read_bytes(), kind
    saved = api.open_study(tmp_path / "segmentation.dcm")
    assert saved.provenance == measured[1].provenance.__class__.from_document(saved.provenance.to_document(), "")


@pytest.mark.parametrize(
    ("birth", "sex", "date", "time", "number", "identity"),
    [
        (b"\0" * 8, b"female", b"2026-01-15", b"12:00:00", b"4.1", None),
        (b"1981/03/02", b"W", b"20261301", b"250000", b"999999999999", b"\0"),
        (b"1981", b"\0", b"0000-00-00", b"noon", b"-3", b" "),
        (b"00000000", b"M\\F", b"text", b"99", None, b""),
    ],
)
def test_bad_values_of_the_source_are_left_empty_and_stop_nothing(
    measured, tmp_path, birth, sex, date, time, number, identity
):
    bad = {"PatientBirthDate": birth, "PatientSex": sex, "StudyDate": date, "StudyTime": time, "StudyID": identity,
           "PatientID": identity, "PatientName": identity, "AccessionNumber": identity}  # fmt: skip
    for kind, stored in written(measured, tmp_path, **bad, SeriesNumber=number).items():
        assert {keyword: stored.get_item(keyword).value for keyword in bad} == dict.fromkeys(bad, b""), kind
        assert 0 < int(stored.SeriesNumber) < 2**31


def test_good_values_of_the_source_are_kept(measured, tmp_path):
    good = {"PatientBirthDate": b"19660308", "PatientSex": b"O", "StudyDate": b"20240229", "StudyTime": b"120000.0000"}
    for kind, stored in written(measured, tmp_path, **good).items():
        assert {keyword: stored.get_item(keyword).value.rstrip() for keyword in good} == good, kind


def test_results_carry_of_the_patient_only_what_is_listed(measured, tmp_path):
    secret = dict.fromkeys(
        ("PatientAddress", "PatientComments", "OtherPatientIDs", "AdditionalPatientHistory", "PatientTelephoneNumbers",
         "StudyDescription", "InstitutionName", "PatientMotherBirthName", "OperatorsName", "Occupation"), b"SECRET"
    )  # fmt: skip
    results = written(measured, tmp_path, **secret)
    for name, stored in results.items():
        assert b"SECRET" not in (tmp_path / name).read_bytes(), name
        assert stored.PatientName == "IFIMeasure^Phantom" and set(KEPT) - set(dir(stored)) <= {
            "SpecificCharacterSet",
            "IssuerOfPatientID",
        }
    assert results["report_pdf.dcm"].BurnedInAnnotation == "NO"


def test_a_pdf_that_names_the_patient_says_so(measured, tmp_path):
    write_encapsulated_pdf(measured[1].result, b"%PDF-", tmp_path / "a.dcm", True)
    assert pydicom.dcmread(tmp_path / "a.dcm").BurnedInAnnotation == "YES"


def test_a_source_without_usable_uids_is_refused(measured, tmp_path):
    with pytest.raises(IFIMeasureError, match="it has no StudyInstanceUID that is one"):
        written(measured, tmp_path, StudyInstanceUID=b"1.2.x")

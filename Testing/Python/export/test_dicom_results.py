"""Results as DICOM, judged by other programs: dciodvfy of dicom3tools, and dcmqi's readers."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import scipy.ndimage
import SimpleITK as sitk
from additions import placed_by_hand
from conftest import pdf_can_be_made
from IFIMeasureLib.cli.main import main
from IFIMeasureLib.export.dicom import write_dicom
from IFIMeasureLib.export.dicom_report import show_report
from IFIMeasureLib.files.dicom_series import read_series, scan_folder
from IFIMeasureLib.files.segmentations import read_segmentation
from IFIMeasureLib.images.masks import Mask, placed
from IFIMeasureLib.muscle.masks import on_grid
from IFIMeasureLib.study.prepared import PreparedStudy
from IFIMeasureLib.study.structures import resolve_structures
from IFIMeasureLib.synthetic.phantom import Phantom
from IFIMeasureLib.synthetic.sample import sample_grid, write_sample_study
from IFIMeasureLib.values import Side
from scipy.spatial.transform import Rotation

DCMQI = Path(sys.executable).parent


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(DCMQI))
    if found is None:
        where = "Debian has it in dicom3tools" if name == "dciodvfy" else "PyPI has it in dcmqi"
        pytest.skip(f"the program {name} is missing ({where})")
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> tuple[Path, Path]:
    return write_sample_study(tmp_path_factory.mktemp("sample"), Phantom(seed=1), sample_grid((1.0, 1.0, 4.0)))


def turned(sample: tuple[Path, Path], folder: Path, how: str) -> tuple[Path, Path]:
    """The sample as a scanner would have written it of a prone or an obliquely lying patient."""
    if how == "supine":
        return sample
    turn = Rotation.from_euler("zx", [14, 5], degrees=True).as_matrix() if how == "oblique" else np.eye(3)
    dicom = folder / how
    dicom.mkdir()
    for path in sorted(sample[0].glob("t*.dcm")):
        d = pydicom.dcmread(path)
        rows, columns = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
        corner = np.array(d.ImagePositionPatient, float)
        if how == "prone":  # the same patient coordinates; the picture lies upside down
            pixels = d.pixel_array[::-1, ::-1]
            corner = corner + rows * d.PixelSpacing[1] * (d.Columns - 1) + columns * d.PixelSpacing[0] * (d.Rows - 1)
            rows, columns = -rows, -columns
            d.PixelData, d.PatientPosition = np.ascontiguousarray(pixels).tobytes(), "HFP"
        d.ImageOrientationPatient = [round(float(v), 9) for v in (*(turn @ rows), *(turn @ columns))]
        d.ImagePositionPatient = [round(float(v), 6) for v in turn @ corner]
        d.save_as(dicom / path.name)
    image = sitk.ReadImage(str(sample[1]))
    image.SetOrigin([float(v) for v in turn @ np.array(image.GetOrigin())])
    image.SetDirection([float(v) for v in (turn @ np.array(image.GetDirection()).reshape(3, 3)).ravel()])
    sitk.WriteImage(image, str(folder / f"{how}.seg.nrrd"), True)
    return dicom, folder / f"{how}.seg.nrrd"


@pytest.fixture(
    scope="module",
    params=[("supine", "2"), ("prone", "2"), ("oblique", "2"), ("supine", "3")],
    ids=["supine", "prone", "oblique", "second series"],
)
def results(request, sample, tmp_path_factory) -> tuple[Path, Path, str]:
    how, series = request.param
    folder = tmp_path_factory.mktemp(f"{how}{series}")
    dicom, segmentation = turned(sample, folder, how)
    call = [
        "measure",
        str(dicom),
        "--segmentation",
        str(segmentation),
        "--series",
        series,
        "--quiet",
        "--finding",
        "left:reader_tear=partial",
    ]
    assert (
        main(
            [*call, "--export", "tables,dicom" + (",pdf" if pdf_can_be_made() else ""), "--output", str(folder / "out")]
        )
        == 0
    )
    return folder / "out", dicom, series


def test_the_encapsulated_pdf_is_the_report_in_the_study_of_its_source(results):
    folder, dicom, series = results
    if not (folder / "report_pdf.dcm").exists():
        pytest.skip("no PDF can be made: the package weasyprint or the library Pango is missing")
    stored = pydicom.dcmread(folder / "report_pdf.dcm")
    source = next(
        d
        for d in (pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(dicom.glob("*.dcm")))
        if str(d.SeriesNumber) == series
    )
    assert (stored.StudyInstanceUID, stored.PatientID, stored.Modality) == (
        source.StudyInstanceUID,
        source.PatientID,
        "DOC",
    )
    assert (
        bytes(stored.EncapsulatedDocument)[: stored.EncapsulatedDocumentLength] == (folder / "report.pdf").read_bytes()
    )


def measured(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["measurement"], row["side"]): row for row in csv.DictReader(stream) if row["value"]}


def test_dciodvfy_finds_no_error(results):
    names = [path.name for path in results[0].glob("*.dcm")]
    assert {"report.dcm", "segmentation.dcm"} <= set(names)
    for name in names:
        done = subprocess.run(
            [program("dciodvfy"), str(results[0] / name)], capture_output=True, text=True, check=False
        )
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], name


def test_dcmqi_reads_the_values_of_the_tables(results, tmp_path):
    folder = results[0]
    subprocess.run(
        [
            program("tid1500reader"),
            "--inputDICOM",
            str(folder / "report.dcm"),
            "--outputMetadata",
            str(tmp_path / "sr.json"),
        ],
        check=True,
        capture_output=True,
    )
    groups = json.loads((tmp_path / "sr.json").read_text(encoding="utf-8"))["Measurements"]
    rows = measured(folder)
    found = {tuple(group["TrackingIdentifier"].split()): group for group in groups if group.get("measurementItems")}
    assert set(found) == set(rows)
    for key, group in found.items():
        (item,) = group["measurementItems"]
        assert float(item["value"]) == pytest.approx(float(rows[key]["value"]), rel=1e-12), key
        assert item["units"]["CodeValue"] == rows[key]["unit"]
        assert (
            group["Finding"]["CodeMeaning"] == rows[key]["title"][:64]
            and group["Finding"]["CodeValue"] == key[0].upper()
        )
        assert group.get("Laterality", {}).get("CodeMeaning", "both").lower() == key[1]


def test_points_of_the_report_are_those_of_the_tables_in_the_series_own_frame(results):
    report = pydicom.dcmread(results[0] / "report.dcm")
    series = next(
        d
        for d in (pydicom.dcmread(p, stop_before_pixels=True) for p in sorted(results[1].glob("t*.dcm")))
        if str(d.SeriesNumber) == results[2]
    )
    row = measured(results[0])["ifs_axial", "left"]
    wanted = [float(v) for v in (row["point_a_lps_mm"] + " " + row["point_b_lps_mm"]).split()]
    places = []

    def walk(item):
        if item.get("ValueType") == "SCOORD3D":
            places.append((str(item.ReferencedFrameOfReferenceUID), list(item.GraphicData)))
        for below in item.get("ContentSequence", []):
            walk(below)

    walk(report)
    assert {frame for frame, _ in places} == {str(series.FrameOfReferenceUID)}
    assert any(np.allclose(points, wanted, atol=1e-4) for _, points in places)
    assert report.StudyInstanceUID == series.StudyInstanceUID and report.PatientID == series.PatientID
    referenced = {
        str(i.ReferencedSOPInstanceUID)
        for s in report.CurrentRequestedProcedureEvidenceSequence
        for r in s.ReferencedSeriesSequence
        for i in r.ReferencedSOPSequence
    }
    assert str(series.SOPInstanceUID) in referenced
    assert str(pydicom.dcmread(results[0] / "segmentation.dcm", stop_before_pixels=True).SOPInstanceUID) in referenced


def test_what_the_planes_leave_open_stands_in_the_report_on_either_side_of_the_value(results):
    rows, found = measured(results[0]), []

    def walk(item):
        if item.get("ValueType") == "NUM":
            beside = {
                below.ConceptNameCodeSequence[0].CodeValue: below.MeasuredValueSequence[0]
                for below in item.get("ContentSequence", [])
                if below.ValueType == "NUM"
            }
            if beside:
                found.append((float(item.MeasuredValueSequence[0].NumericValue), beside))
        for below in item.get("ContentSequence", []):
            walk(below)

    walk(pydicom.dcmread(results[0] / "report.dcm"))
    ranged = {float(row["value"]): row for row in rows.values() if row["plane_low_mm"]}
    assert len(found) == len(ranged) >= 2
    for value, beside in found:
        row = next(row for known, row in ranged.items() if known == pytest.approx(value))
        upper, lower = beside["371886008"], beside["371885007"]
        assert value + float(upper.NumericValue) == pytest.approx(float(row["plane_high_mm"]))
        assert value - float(lower.NumericValue) == pytest.approx(float(row["plane_low_mm"]))
        assert {of.MeasurementUnitsCodeSequence[0].CodeValue for of in (upper, lower)} == {"mm"}


def test_dcmqi_reads_the_segments_with_their_codes_and_volumes(results, tmp_path):
    folder = results[0]
    call = [
        program("segimage2itkimage"),
        "--inputDICOM",
        str(folder / "segmentation.dcm"),
        "--outputDirectory",
        str(tmp_path),
        "--outputType",
        "nrrd",
    ]
    subprocess.run(call, check=True, capture_output=True)
    meta = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))
    segments = {s["SegmentLabel"]: s for group in meta["segmentAttributes"] for s in group}
    assert {
        f"{key}_{side}"
        for key in ("hip", "femur", "hamstring", "iliopsoas", "quadratus_femoris")
        for side in ("left", "right")
    } == set(segments)
    muscle = segments["quadratus_femoris_left"]
    assert muscle["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == "245020003"
    assert muscle["SegmentedPropertyTypeModifierCodeSequence"]["CodeValue"] == "7771000"
    image = sitk.ReadImage(str(tmp_path / f"{muscle['labelID']}.nrrd"))
    volume = int((sitk.GetArrayFromImage(image) > 0).sum()) * float(np.prod(image.GetSpacing())) / 1000
    assert volume == pytest.approx(float(measured(folder)["qf_volume", "left"]["value"]), rel=1e-4)


def test_overlapping_segments_keep_all_their_voxels_in_dicom_and_are_read_back_by_us(sample, tmp_path):
    segmentation = read_segmentation(sample[1])
    prepared = PreparedStudy(
        segmentation, resolve_structures(segmentation, None), read_series(scan_folder(sample[0])[0]), (Side.LEFT,)
    )
    muscle, femur = (prepared.bones[Side.LEFT].masks[key] for key in ("quadratus_femoris", "femur"))
    thicker = Mask(
        scipy.ndimage.binary_dilation(np.pad(muscle.array, 4), iterations=4),
        muscle.grid.cropped(tuple(slice(-4, n + 4) for n in muscle.array.shape)),
        muscle.cut,
    )
    prepared.set_muscle(Side.LEFT, on_grid(thicker, segmentation.grid), "segment")
    wanted = {key: int(prepared.bones[Side.LEFT].masks[key].array.sum()) for key in ("quadratus_femoris", "femur")}
    assert (placed(on_grid(thicker, segmentation.grid), femur.grid) & femur.array).sum() > 100
    write_dicom(prepared.measure(), tmp_path)
    subprocess.run(
        [
            program("segimage2itkimage"),
            "--inputDICOM",
            str(tmp_path / "segmentation.dcm"),
            "--outputDirectory",
            str(tmp_path),
            "--outputType",
            "nrrd",
        ],
        check=True,
        capture_output=True,
    )
    segments = {
        s["SegmentLabel"]: s
        for group in json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))["segmentAttributes"]
        for s in group
    }
    back = read_segmentation(tmp_path / "segmentation.dcm")
    for key, voxels in wanted.items():
        # dcmqi puts segments that do not overlap into one file, each with its label
        label = segments[f"{key}_left"]["labelID"]
        files = sorted(tmp_path.glob("*.nrrd"))
        assert voxels in [int((sitk.GetArrayFromImage(sitk.ReadImage(str(path))) == label).sum()) for path in files], (
            key
        )
        mask = back.mask([ref for ref in back.segments if ref.name == f"{key}_left"])
        assert mask is not None and int(mask.array.sum()) == voxels


def test_results_of_an_enhanced_multi_frame_source_pass_the_same_programs(sample, tmp_path):
    import highdicom.legacy

    sources = [pydicom.dcmread(path) for path in sorted(sample[0].glob("t1*.dcm"))]
    source = highdicom.legacy.LegacyConvertedEnhancedMRImage(
        sources,
        series_instance_uid=highdicom.UID(),
        series_number=12,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
    )
    (tmp_path / "dicom").mkdir()
    source.save_as(tmp_path / "dicom" / "all.dcm")
    out = tmp_path / "out"
    assert (
        main(
            [
                "measure",
                str(tmp_path / "dicom"),
                "--segmentation",
                str(sample[1]),
                "--quiet",
                "--export",
                "tables,dicom",
                "--output",
                str(out),
            ]
        )
        == 0
    )
    for name in ("report.dcm", "segmentation.dcm"):
        told = subprocess.run(
            [program("dciodvfy"), str(out / name)], capture_output=True, text=True, check=False
        ).stderr
        assert "Error" not in told, told
    subprocess.run(
        [
            program("tid1500reader"),
            "--inputDICOM",
            str(out / "report.dcm"),
            "--outputMetadata",
            str(tmp_path / "meta.json"),
        ],
        check=True,
        capture_output=True,
    )
    values = {
        float(item["value"])
        for group in json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))["Measurements"]
        for item in group["measurementItems"]
    }
    table = measured(out)
    assert table and all(
        any(abs(float(row["value"]) - value) <= 1e-6 * abs(value) for value in values)
        for key, row in table.items()
        if key[0].startswith(("ifs", "qfs"))
    )


def test_show_prints_a_report_and_refuses_what_is_none(results, capsys):
    assert main(["show", str(results[0] / "report.dcm")]) == 0
    printed = capsys.readouterr().out
    assert measured(results[0])["ifs_axial", "left"]["value"] in printed and "partial" in printed
    for path in (results[0] / "segmentation.dcm", results[0] / "measurements.csv"):
        assert main(["show", str(path)]) == 1
        assert "no structured report of measurements" in capsys.readouterr().err
    assert main(["show", str(results[0] / "none.dcm")]) == 1
    assert "none.dcm: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"FrameOfReferenceUID": None}, "has no FrameOfReferenceUID"),
        ({"SOPClassUID": "1.2.840.113619.4.2"}, "is private"),
    ],
)
def test_sources_that_cannot_be_referred_to_get_one_sentence_and_nothing_is_written(
    sample, tmp_path, capsys, damage, message
):
    folder = tmp_path / "dicom"
    folder.mkdir()
    for path in sorted(sample[0].glob("t1*.dcm")):
        d = pydicom.dcmread(path)
        for keyword, value in damage.items():
            if value is None:
                delattr(d, keyword)
            else:
                setattr(d, keyword, value)
                d.file_meta.MediaStorageSOPClassUID = value
        d.save_as(folder / path.name, enforce_file_format=False)
    call = [
        "measure",
        str(folder),
        "--segmentation",
        str(sample[1]),
        "--quiet",
        "--export",
        "dicom",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(call) == 1
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert (
        main(
            [
                "measure",
                "--segmentation",
                str(sample[1]),
                "--quiet",
                "--export",
                "dicom",
                "--output",
                str(tmp_path / "out"),
            ]
        )
        == 1
    )
    assert "measure with a DICOM folder as the image" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_new_measurement_stands_in_the_report_with_its_own_unit(additions, sample, tmp_path):
    image, segmentation = map(str, sample)
    call = ["measure", image, "--segmentation", segmentation, "--landmarks", str(placed_by_hand(tmp_path))]
    assert main([*call, "--output", str(tmp_path / "out"), "--quiet", "--export", "tables,dicom"]) == 0
    with (tmp_path / "out" / "measurements.csv").open(encoding="utf-8", newline="") as stream:
        values = {(row["title"], row["side"]): row["value"] for row in csv.DictReader(stream)}
    report = show_report(tmp_path / "out" / "report.dcm")
    told = {(finding, side): (text, method) for finding, side, text, method in report}
    for title, unit in (("Invented ratio", "1"), ("Invented unit", "mm/deg"), ("Invented distance", "mm")):
        assert told[title, "right"][0] == f"{values[title, 'right']} {unit}"
    assert told["Invented distance", "right"][1] == "between both points"
    assert ("Invented distance", "left") not in told

"""Benchmark suites: real data sets, described once, as `samdomains bench` finds them.

Paths are below ``--data-root``. The hash is that of the small subsets with which the figures in
``benchmarks/results`` of the project were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CT: Mapping[str, Any] = {
    "title": "Organs in CT of the trunk",
    "datasets": (
        {
            "name": "abdomen_nifti",
            "path": "ct/abdomen_nifti",
            "title": "CT of the trunk, 3 mm, with multi-organ labels",
            "source": (
                "GitHub wasserth/TotalSegmentator at commit 0e65a448d5, "
                "tests/reference_files/example_ct_sm.nii.gz, example_seg.nii.gz"
            ),
            "licence": (
                "Apache-2.0 (repository LICENSE; nothing separate is stated for the test scans)"
            ),
            "sha256": "5d4880ca9b320e8b0b3b392d648104b6ab81eabbd7047e71562fa7570deb0ffb",
            "split": "blocks of slices of the one volume",
        },
        {
            "name": "abdomen_dicom",
            "path": "ct/abdomen_dicom",
            "title": "CT of the upper abdomen / lower thorax as a DICOM series",
            "source": (
                "GitHub wasserth/TotalSegmentator at commit 0e65a448d5, "
                "tests/reference_files/example_ct_dicom, example_seg_dicom.nii.gz"
            ),
            "licence": (
                "Apache-2.0 (repository LICENSE; nothing separate is stated for the test scans)"
            ),
            "sha256": "2a40ccf2e983ddda9225108cd8a15506b8fa078d78e39db55a29eea6e50281a1",
            "split": "blocks of slices of the one volume",
        },
    ),
}

MRI: Mapping[str, Any] = {
    "title": "Organs and spinal cord in MRI",
    "datasets": (
        {
            "name": "abdomen_mr_nifti",
            "path": "mri/abdomen_mr_nifti",
            "title": "MRI of the abdomen, 3 mm, with multi-organ labels",
            "source": (
                "GitHub wasserth/TotalSegmentator at commit 0e65a448d5, "
                "tests/reference_files/example_mr_sm.nii.gz, example_seg_mr.nii.gz"
            ),
            "licence": (
                "Apache-2.0 (repository LICENSE; nothing separate is stated for the test scans)"
            ),
            "sha256": "e578abebe26537664e9bd69c88eb81d2e613169c82fe12dd80685f23b16c9110",
            "split": "blocks of slices of the one volume",
        },
        {
            "name": "spinal_cord_nifti",
            "path": "mri/spinal_cord_nifti",
            "title": "cervical spine MRI of one subject, three contrasts",
            "source": (
                "GitHub spinalcordtoolbox/sct_testing_data at commit af4c7e8783, t1/, t2/, t2s/"
            ),
            "licence": "MIT (repository LICENSE)",
            "sha256": "7094903fdbb9ccd1289f9fc6fb7f35aab41832f0ce75ecc6c43483010bc8ddf2",
            "split": "by seed, whole volumes",
        },
        {
            "name": "prostate_png",
            "path": "mri/prostate_png",
            "title": "axial T2 MRI slices of the prostate, several centres",
            "source": (
                "GitHub mazurowski-lab/finetune-SAM at commit e41f732873, datasets/MRI-Prostate"
            ),
            "licence": (
                "Apache-2.0 (repository LICENSE); the slices come from a public multi-centre "
                "prostate set whose own terms are not stated there"
            ),
            "sha256": "4b1d4a5396591fc8a9cdd38d10147e1699c52d67c09c5dd64e429421c5cb35b7",
        },
    ),
}

"""The smooth shading that MRI coils leave, and its removal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samdomains_ctmri.grid import Voxels

SHRINK = 4
"""The field is fitted on every fourth voxel of each axis with enough of them, as ITK's own examples
do: it is smooth, and the full grid takes minutes."""

ITERATIONS = (50, 50, 50, 50)
"""Of the four levels of the B-spline grid: the default of N4 (Tustison et al. 2010,
doi:10.1109/TMI.2010.2046908)."""


def correct_bias(voxels: Voxels) -> NDArray[np.float32]:
    """Remove the bias field of an MRI with N4.

    Args:
        voxels: (I, J, K), intensities; negative ones count as 0.

    Returns:
        (I, J, K), intensities divided by the field.

    Reference:
        Tustison et al. 2010, doi:10.1109/TMI.2010.2046908.
    """
    import SimpleITK

    intensities = np.clip(voxels, 0, None).astype(np.float32)
    if intensities.min() == intensities.max():
        return intensities
    image = SimpleITK.GetImageFromArray(intensities)
    body = SimpleITK.OtsuThreshold(image, 0, 1, 200)
    factors = [SHRINK if length >= 4 * SHRINK else 1 for length in image.GetSize()]
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(ITERATIONS)
    corrector.Execute(SimpleITK.Shrink(image, factors), SimpleITK.Shrink(body, factors))
    field = np.exp(SimpleITK.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)))
    corrected: NDArray[np.float32] = (intensities / field).astype(np.float32)
    return corrected

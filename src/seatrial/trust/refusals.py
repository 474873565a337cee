"""Why a license says no: one class a reason, so that whoever asks can tell them apart.

TrustError
  LicenseError        a license does not permit this
    BadLicense        it is no license, was changed, or is signed by somebody else
    NotYetValid       its term has not begun
    Expired           its term and its grace are over
    WrongMachine      it is for another device or another machine
    WrongBundle       it is for another bundle
    Revoked           whoever issued it took it back
    StaleRevocations  the list of revocations is older than the license allows
    OverQuota         its calls are used up
    ClockBack         the clock was set back
    Replayed          what is kept about its use is an older copy
    FeatureMissing    it permits something else
Unavailable
  OverRate            too much at once; later it is permitted
"""

from __future__ import annotations

from seatrial.errors import TrustError, Unavailable


class LicenseError(TrustError):
    """A license does not permit what was asked."""


class BadLicense(LicenseError):
    """It is no license, was changed after it was signed, or was signed by somebody else."""


class NotYetValid(LicenseError):
    """The term has not begun."""


class Expired(LicenseError):
    """The term is over, and so are the days of grace."""


class WrongMachine(LicenseError):
    """The license or the device file is for another machine."""


class WrongBundle(LicenseError):
    """The license is for another bundle."""


class Revoked(LicenseError):
    """Whoever issued the license took it back."""


class StaleRevocations(LicenseError):
    """Nobody can tell whether the license was revoked: the list is too old, or is not there."""


class OverQuota(LicenseError):
    """All calls are used up."""


class ClockBack(LicenseError):
    """The clock is behind a time that was seen before, for longer than grace allows."""


class Replayed(LicenseError):
    """What is kept about the use of a license was put back to an earlier state, or removed."""


class FeatureMissing(LicenseError):
    """The license does not name the feature."""


class OverRate(Unavailable):
    """More rows a second than the license permits.

    Args:
        message: What happened and what was expected.
        retry: Seconds until it is permitted.
        hint: What to do.
    """

    def __init__(self, message: str, *, retry: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry = retry

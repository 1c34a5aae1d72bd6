"""What tables say of a certificate.

Certificate -> (what, value) a row
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.cli.output import percent

if TYPE_CHECKING:
    from headgate.cascade.certificate import Certificate, GroupCertificate


def certificate_rows(certificate: Certificate) -> list[tuple[str, str]]:
    """Return the rows of a table; the first says whether it is certified, and for what."""
    rows = [
        ("certificate", certificate.sentence()),
        ("certificate id", certificate.id if certificate.certified else "-"),
        ("bad of kept, certification units", f"{certificate.bad}, {certificate.n}"),
        ("p-value", f"{certificate.p_value:.4f}"),
        ("answered by small models", percent(certificate.automation)),
    ]
    rows += [(f"class {group.group}", _group(group)) for group in certificate.groups]
    if certificate.labels_needed:
        rows.append(("labels needed, at least", str(certificate.labels_needed)))
    return rows


def _group(group: GroupCertificate) -> str:
    if group.certified:
        return f"at most {group.epsilon:.2%}: {group.bad} bad of {group.n}"
    return f"not certified: {group.n} labels, {group.labels_needed} needed at least"

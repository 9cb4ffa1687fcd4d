"""The names that a certificate gives its holder as URIs; a Common Name is never one."""

from __future__ import annotations

from cryptography import x509


def certificate_uris(pem: bytes) -> tuple[str, ...]:
    """Every URI among the subject's alternative names, in their order. Raises: ValueError if the bytes are no PEM certificate, or
    one whose extensions cannot be read.
    """
    try:
        names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as fault:
        raise ValueError("the certificate holds what cannot be read") from fault
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))

"""The certificate request that proves a key's owner: built, and read back, as PKCS #10 (RFC 2986).

The request is signed with the key itself and names, in a URI, the cluster and the user it is made for. So nobody can
put another person's request forward as their own: the API server stamps who asks, and the two must agree.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from k8sops.core.errors import EnrolmentError, K8sOpsError
from k8sops.policy.keys import PublicKey, SigningKey

URN: Final = "urn:k8sops:identity"
NAME_PREFIX: Final = "k8sops-identity-"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says, under the signature of the key it holds."""

    public_key: PublicKey
    cluster_uid: str
    username: str


def request_name(key_id: str) -> str:
    """The CertificateSigningRequest's name: one for each key."""
    return NAME_PREFIX + key_id


def build_request(key: SigningKey, *, cluster_uid: str, username: str) -> bytes:
    """The request as PEM."""
    uri = ":".join((URN, quote(cluster_uid, safe=""), quote(username, safe="")))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request_name(key.key_id))])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(names, critical=True)
        .sign(key.private, None)
    )
    return request.public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes, where: str) -> Claim:
    """What the request claims, once its own signature is found good. Raises EnrolmentError naming `where`."""
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise EnrolmentError(f"{where} holds a key of another kind than Ed25519")
        if not request.is_signature_valid:
            raise EnrolmentError(f"{where} is not signed with the key it holds")
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        public_key = PublicKey(key.public_bytes_raw())
    except K8sOpsError:
        raise
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise EnrolmentError(f"{where} is no request that `k8sops identity enrol` made") from error
    parts = uris[0].removeprefix(f"{URN}:").split(":") if len(uris) == 1 and uris[0].startswith(URN) else []
    if len(parts) != 2:
        raise EnrolmentError(f"{where} is no request that `k8sops identity enrol` made")
    return Claim(public_key=public_key, cluster_uid=unquote(parts[0]), username=unquote(parts[1]))

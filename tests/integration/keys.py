"""Keys, certificates and JWTs for the tests, made by openssl(1).

    key = Key.make(directory, "ES256")
    key.private, key.public, key.certificate     paths of PEM files
    key.jwt({"iss": ...})
"""

import base64
import json
import os
import subprocess

TIMEOUT_S = 60
P256_BYTES = 32
DAYS = 30

ALGORITHMS = {"RS256": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
              "ES256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, check=True, timeout=TIMEOUT_S,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def _number(der):
    """The first INTEGER of DER in 32 bytes, and what stands behind it."""
    end = 2 + der[1]
    return int.from_bytes(der[2:end], "big").to_bytes(P256_BYTES, "big"), der[end:]


class Key:
    """A private key, its public key, and a certificate that it has signed itself."""

    def __init__(self, directory, algorithm, name):
        self.algorithm = algorithm
        self.name = name
        self.private, self.public, self.certificate = (
            os.path.join(directory, f"{name}.{kind}") for kind in ("key", "pub", "pem"))

    @classmethod
    def make(cls, directory, algorithm="ES256", name=None, issuer=None, extensions=None):
        """Signed by issuer where one is given; extensions are lines as openssl's configuration has them."""
        key = cls(directory, algorithm, name or algorithm.lower())
        openssl("genpkey", "-algorithm", *ALGORITHMS[algorithm], "-out", key.private)
        os.chmod(key.private, 0o600)
        openssl("pkey", "-in", key.private, "-pubout", "-out", key.public)
        request = ["req", "-new", "-key", key.private, "-subj", "/CN=" + key.name]
        for extension in extensions.splitlines() if extensions else []:
            request += ["-addext", extension]
        if issuer:
            signing = openssl(*request)
            openssl("x509", "-req", "-days", DAYS, "-CA", issuer.certificate, "-CAkey", issuer.private,
                    "-copy_extensions", "copyall", "-out", key.certificate, data=signing)
        else:
            openssl(*request, "-x509", "-days", DAYS, "-out", key.certificate)
        return key

    def encrypt(self, directory, passphrase):
        """The path of a copy of the private key that needs a passphrase."""
        path = os.path.join(directory, self.name + ".encrypted.key")
        openssl("pkcs8", "-topk8", "-in", self.private, "-passout", "stdin", "-out", path, data=passphrase.encode())
        os.chmod(path, 0o600)
        return path

    def jwt(self, claims, **header):
        """A JWT of claims (RFC 7515 section 3.1)."""
        parts = ({"alg": self.algorithm, **header}, claims)
        text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        signature = openssl("dgst", "-sha256", "-sign", self.private, data=text.encode())
        if self.algorithm == "ES256":
            # ECDSA signs in DER; JWS wants r and s side by side (RFC 7518 section 3.4).
            r, rest = _number(signature[2:])
            signature = r + _number(rest)[0]
        return text + "." + base64url(signature)

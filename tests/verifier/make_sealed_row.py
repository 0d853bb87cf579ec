#!/usr/bin/env python3
"""Prints sealed_row_vector.hpp: one bootstrap row made without any code of this project.

hashlib derives the key, python3-cryptography seals and makes the certificates, so that the C++ opener is held against
another implementation of k3s's format (pkg/cluster/encrypt.go). Run by hand; the result is committed.
"""
import base64
import datetime
import hashlib
import json
import secrets
import textwrap

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

PASSWORD = "5f3c1b7e9a2d4c6850e1f2a3b4c5d6e7"


def make_ca(common_name):
    """A CA and its key, in the forms that k3s writes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begin = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), write_key(key)


def write_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


passwd = f"{PASSWORD},node,node,k3s:agent\n{PASSWORD},server,server,k3s:server\n".encode()


def entry(content):
    return {"Timestamp": "2026-11-20T10:00:00Z", "Content": base64.b64encode(content).decode()}


files = {"PasswdFile": passwd, "ServiceKey": write_key(rsa.generate_private_key(65537, 2048))}
for ca, common_name in {"ServerCA": "k3s-server-ca", "ClientCA": "k3s-client-ca", "RequestHeaderCA": "k3s-request-header-ca",
                        "ETCDServerCA": "etcd-server-ca", "ETCDPeerCA": "etcd-peer-ca"}.items():
    files[ca], files[ca + "Key"] = make_ca(common_name + "@1790000000")
pem = files["ServerCA"]
bundle = json.dumps({file: entry(content) for file, content in files.items()}).encode()
salt = secrets.token_bytes(8).hex()
sealing_key = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt.encode(), 4096, 32)
nonce = secrets.token_bytes(12)
sealed = salt + ":" + base64.b64encode(nonce + AESGCM(sealing_key).encrypt(nonce, bundle, None)).decode()

print("// Made by make_sealed_row.py. The CA and the password open nothing anywhere.")
print("#pragma once\n\nnamespace vector {\n")
print(f'constexpr const char* kPassword = "{PASSWORD}";')
print(f'constexpr const char* kKey = "/bootstrap/{hashlib.sha256(PASSWORD.encode()).hexdigest()[:12]}";')
print(f'constexpr const char* kCaHash = "{hashlib.sha256(pem).hexdigest()}";')
print("constexpr const char* kSealed =")
print("\n".join(f'    "{part}"' for part in textwrap.wrap(sealed, 110)) + ";")
print("\n}  // namespace vector")

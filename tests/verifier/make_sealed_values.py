#!/usr/bin/env python3
"""Prints sealed_values_vector.hpp: values sealed by encryption at rest, made without any code of this project.

python3-cryptography seals AES-CBC and AES-GCM, PyNaCl secretbox, in the forms of kube-apiserver
(pkg/storage/value/encrypt), so that the C++ opener is held against other implementations. Run by hand; the result is
committed.
"""
import base64
import json
import os

import nacl.secret
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ETCD_KEY = "/registry/secrets/team-a/login"
PLAINTEXT = b"k8s\0" + bytes(range(256)) + b"the end"


def aescbc(key, plaintext):
    iv = os.urandom(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return iv + encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def aesgcm(key, plaintext):
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, ETCD_KEY.encode())


def secretbox(key, plaintext):
    return bytes(nacl.secret.SecretBox(key).encrypt(plaintext))  # nonce first


SEALS = {"aescbc": aescbc, "aesgcm": aesgcm, "secretbox": secretbox}
KEYS = [
    ("aescbc", "aescbckey", 32),
    ("aescbc", "old", 16),
    ("aescbc", "old:24", 24),  # the name of another, and a colon
    ("aesgcm", "aesgcmkey", 32),
    ("aesgcm", "16", 16),
    ("aesgcm", "24", 24),
    ("secretbox", "secretboxkey", 32),
    ("secretbox", "secretboxkey-2026-11-24T10:00:00Z", 32),  # as k3s rotates
]

secrets = [(provider, name, os.urandom(size)) for provider, name, size in KEYS]
providers = [
    {provider: {"keys": [{"name": name, "secret": base64.b64encode(key).decode()}
                         for of, name, key in secrets if of == provider]}}
    for provider in SEALS
]
configuration = {
    "kind": "EncryptionConfiguration",
    "apiVersion": "apiserver.config.k8s.io/v1",
    "resources": [{"resources": ["secrets"], "providers": providers + [{"identity": {}}]}],
}


def literal(content):
    text = base64.b64encode(content).decode()
    return "\n".join(f'    "{text[i:i + 110]}"' for i in range(0, len(text), 110))


print("// Made by make_sealed_values.py. The keys open nothing anywhere. Everything but the names is base64.")
print("#pragma once\n\nnamespace sealed_values {\n")
print(f'constexpr const char* kEtcdKey = "{ETCD_KEY}";')
print(f"constexpr const char* kPlaintext =\n{literal(PLAINTEXT)};")
print(f"constexpr const char* kConfiguration =\n{literal(json.dumps(configuration, separators=(',', ':')).encode())};")
print("struct Value {\n  const char* provider;\n  const char* key_name;\n  const char* stored;\n};")
print("constexpr Value kValues[] = {")
for provider, name, key in secrets:
    stored = f"k8s:enc:{provider}:v1:{name}:".encode() + SEALS[provider](key, PLAINTEXT)
    print(f'    {{"{provider}", "{name}",\n{literal(stored)}}},')
print("};\n\n}  // namespace sealed_values")

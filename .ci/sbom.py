#!/usr/bin/env python3
"""The bill of materials of a binary that cargo-auditable built, in CycloneDX 1.6, on standard output.

    .ci/sbom.py BINARY

The list is read from the binary itself (section .dep-v0: zlib, JSON), so it is of what is shipped and not of what the lock
file could have given. Needs nothing but Python. The same binary always gives the same text.
"""

import json
import pathlib
import struct
import sys
import zlib


def section(binary: bytes, wanted: bytes) -> bytes:
    """One section of a 64-bit little-endian ELF file."""
    if binary[:6] != b"\x7fELF\x02\x01":
        raise SystemExit("not a 64-bit little-endian ELF file")
    (start,) = struct.unpack_from("<Q", binary, 0x28)
    size, number, names = struct.unpack_from("<HHH", binary, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", binary, start + index * size) for index in range(number)]
    texts = headers[names][4]
    for name, _, _, _, offset, length in headers:
        if binary[texts + name :].startswith(wanted + b"\0"):
            return binary[offset : offset + length]
    raise SystemExit(f"no section {wanted.decode()}: not built by `cargo auditable`")


def crates(binary: bytes) -> list[dict]:
    """Every crate: name, version, source, kind (`build` where it only ran while building), dependencies by their place."""
    return json.loads(zlib.decompress(section(binary, b".dep-v0")))["packages"]


def reference(crate: dict) -> str:
    return f"pkg:cargo/{crate['name']}@{crate['version']}"


def component(crate: dict) -> dict:
    kind = "application" if crate.get("root") else "library"
    known = {"type": kind, "bom-ref": reference(crate), "name": crate["name"], "version": crate["version"]}
    # deny.toml admits no other registry than the default one, and no git.
    if crate["source"] != "local":
        known["purl"] = reference(crate)
    # What only ran while building is not in the binary.
    return known | {"scope": "excluded" if crate.get("kind") == "build" else "required"}


def bill(packages: list[dict]) -> dict:
    """The document; without a time or a serial number, so that who builds the same has the same."""
    [root] = [crate for crate in packages if crate.get("root")]
    main = component(root)
    del main["scope"]
    needs = [
        {"ref": reference(crate), "dependsOn": sorted(reference(packages[place]) for place in crate.get("dependencies", []))}
        for crate in packages
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main},
        "components": [component(crate) for crate in packages if not crate.get("root")],
        "dependencies": needs,
    }


if __name__ == "__main__":
    print(json.dumps(bill(crates(pathlib.Path(sys.argv[1]).read_bytes())), indent=2))

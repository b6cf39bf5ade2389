# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The bill of materials keeps to CycloneDX 1.5's schema, its licences to SPDX, and it names what --licenses shows, with versions.
# RUN: rm -rf %t && mkdir %t && %cnxc compile %root/models/digits --emit=package -o %t/digits && %python %s %t/digits
import json
import re
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

FOLDER, = sys.argv[1:]
with open(f"{FOLDER}/sbom.cdx.json", encoding="utf-8") as f:
    text = f.read()
validator = JsonStrictValidator(SchemaVersion.V1_5)
assert validator.validate_str(text.replace("machine-learning-model", "model"))  # the test notices what it is there for
error = validator.validate_str(text)
assert not error, error
bill = json.loads(text)
with open(f"{FOLDER}/LICENSES.txt", encoding="utf-8") as f:
    noticed = set(re.findall("^==== (.*) ====$", f.read(), re.M))
named = {part["name"]: part for part in bill["components"]}
assert noticed - {"cnxc"} == set(named) - {"cnxrt"}, (noticed, set(named))
assert all(re.match(r"\d+(\.\d+)+", part["version"]) for part in named.values()), named

# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What `cnxc explain --json` says is what its text says: story.py JSON TEXT.
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    story = json.load(f)
with open(sys.argv[2], encoding="utf-8") as f:
    text = f.read()
parts = [story["from"], *story["passes"], story["error"]]
parts += [part for end in story["ends"] for part in [end["region"], *end["memory"]]]
missing = [part["text"] for part in parts if part["text"] not in text]
assert len(parts) >= 9 and not missing, missing
assert [change["how"] for change in story["passes"]] == ["turned", "scaled", "enters"], story["passes"]
assert story["from"]["bytes"] == 9216 and story["from"]["config"]["depths"] == [2, 2, 4, 2], story["from"]
packed = {place["buffer"]: place for end in story["ends"] for place in end["memory"]}
assert all(place["space"] == "weights" and place["offset"] % 64 == 0 for place in packed.values()) and len(packed) == 2, packed
assert story["error"]["ok"] and 0 < story["error"]["max_error"] < 1e-4 * story["error"]["max_magnitude"], story["error"]

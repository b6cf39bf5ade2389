# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Signal to noise beside what `cnxc verify --per-op` says; the bad layer first; what stayed float has a reason.
import json
import sys

good, bad, verify = (json.load(open(path)) for path in sys.argv[1:4])
measured = {value["name"]: min(value["snr_db"] if value["snr_db"] is not None else 200, 200) for value in verify}
found = 0
for region in good["regions"]:
    decibels = region["snr_db"]["int8"]
    assert region["snr_db"]["bf16"] is None
    assert decibels is None or abs(decibels - measured[region["output"]]) < 1e-4, region["output"]
    found += decibels is not None
assert found > 15
worst = good["precision"]["int8"]["worst"]
assert worst[0]["snr_db"] == min(w["snr_db"] for w in worst) and set(good["precision"]) == {"int8"}
stayed = {stay["output"]: stay["why"] for stay in good["precision"]["int8"]["stayed_float"]}
assert "depthwise" in stayed["encoder.stages.0.layers.0.dwconv_1"] and "channels" in stayed["embeddings.patch_embeddings_1"], stayed
assert any("the head" in why for why in stayed.values()) and all(stayed.values()), stayed
first = bad["comparison"]["findings"][0]
assert first["kind"] == "less precise" and first["output"] == "encoder.stages.2.layers.1_1" and first["before"] - first["after"] > 5, first

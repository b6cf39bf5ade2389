# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""serve run server:app model=MODEL, then: curl --data-binary @cat.jpg http://localhost:8000/"""
from ray import serve

import cnxc.ray


def app(arguments):
    server = serve.deployment(cnxc.ray.Server).options(num_replicas=2, ray_actor_options={"num_cpus": 1})
    return server.bind(arguments["model"])

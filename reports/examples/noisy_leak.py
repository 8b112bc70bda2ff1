"""A leak whose runs differ: it says itself what it holds, some 400 bytes more with each operation.

    leaklab run --name noisy --budget 16B/op --repeat 40 --jobs 8 --duration 6s --interval 50ms \\
        -- python3 reports/examples/noisy_leak.py

The bytes per operation are drawn for each run (2 % of standard deviation), the work of each tick is
drawn, and the heap has noise that is correlated.
"""

import json
import random
import time

KEEPS = 400 * (1 + 0.02 * random.gauss(0, 1))

ops, noise = 0, 0.0
while True:
    ops += random.randint(60, 140)
    noise = 0.6 * noise + random.gauss(0, 20_000)
    held = int(5e6 + ops * KEEPS + noise)
    print("leaklab: " + json.dumps({"ops": ops, "heap": {"allocated_bytes": held}}), flush=True)
    time.sleep(0.02)

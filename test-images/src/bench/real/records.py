# records.py ITERATIONS SEED: 300 records to JSON and back.
import json
import sys

seed = int(sys.argv[2])
records = [
    {"id": i * seed, "name": f"record {i}", "values": [i / 7, -i, i % 3 == 0, None], "nested": {"a": "x" * (i % 20), "é": i}}
    for i in range(300)
]
length = 0
for _ in range(int(sys.argv[1])):
    text = json.dumps(records, sort_keys=True)
    length += len(text)
    records = json.loads(text)
print(length, text[-200:] if length else "")

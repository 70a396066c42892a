# loop.py ITERATIONS SEED: integers, a list and a function in a plain loop, 20,000 times an iteration.
import sys


def step(x):
    return (x * 1103515245 + 12345) & 0x7FFFFFFF


def run(iterations, x):
    table = [0] * 64
    for _ in range(iterations):
        for i in range(20000):
            x = step(x)
            if x & 3:
                table[i & 63] += x >> 16
            else:
                table[x & 63] ^= i
    return table


print(run(int(sys.argv[1]), int(sys.argv[2])))

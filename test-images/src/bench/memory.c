/* Memory: chains of loads, streams, copies, the stack. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* One cycle through all `words` words in random order. */
static uint64_t *cycle(uint64_t words)
{
	uint64_t *follow = allocate(words * sizeof *follow);
	for (uint64_t i = 0; i < words; i++)
		follow[i] = i;
	for (uint64_t i = words - 1; i > 0; i--) {
		uint64_t j = next() % i, swap = follow[i];
		follow[i] = follow[j];
		follow[j] = swap;
	}
	return follow;
}

/* Follows the cycle: every load waits for the one before. */
static uint64_t follow(uint64_t words, int steps, long n)
{
	uint64_t *follow = cycle(words), at = 0, sum = 0;
	while (n--) {
		for (int i = 0; i < steps; i++)
			at = follow[at];
		sum = mix(sum, at);
	}
	free(follow);
	return sum;
}

static uint64_t chase_l1(long n) { return follow((16 << 10) / 8, 50000, n); }
static uint64_t chase_l2(long n) { return follow((256 << 10) / 8, 50000, n); }
static uint64_t chase(long n) { return follow((8 << 20) / 8, 500000, n); }

enum { STREAM = 1 << 16 };

/* Words one after the other, 512 KiB. */
static uint64_t read_words(long n)
{
	uint64_t *words = allocate(STREAM * sizeof *words), sum = 0;
	for (int i = 0; i < STREAM; i++)
		words[i] = next();
	while (n--) {
		uint64_t a = n, b = 0;
		for (int i = 0; i < STREAM; i += 2) {
			a += words[i];
			b ^= words[i + 1];
		}
		sum = mix(sum, a ^ b);
	}
	free(words);
	return sum;
}

static uint64_t write_words(long n)
{
	uint64_t *words = allocate(STREAM * sizeof *words), sum = 0, x = next();
	memset(words, 0, STREAM * sizeof *words);
	while (n--) {
		for (int i = 0; i < STREAM; i++) {
			words[i] = x += i;
			OPAQUE(x);
		}
		sum = mix(sum, words[n % STREAM]);
	}
	free(words);
	return sum;
}

enum { LARGE = 1 << 20, SMALL = 4096 };

static uint8_t *random_bytes(size_t size)
{
	uint8_t *bytes = allocate(size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = next();
	return bytes;
}

static uint64_t copy_large(long n)
{
	uint8_t *from = random_bytes(LARGE + 64), *to = allocate(LARGE + 64);
	uint64_t sum = 0;
	for (long i = 0; i < n; i++) {
		memcpy(to + i % 7, from + i % 5, LARGE);
		sum = mix(sum, to[(i * 4099) % LARGE + 8]);
	}
	free(from);
	free(to);
	return sum;
}

/* Lengths that the compiler does not know, from 1 to 64. */
static uint64_t copy_small(long n)
{
	uint8_t *from = random_bytes(SMALL + 64), *to = allocate(SMALL + 64);
	uint64_t sum = 0;
	memset(to, 0, SMALL + 64);
	while (n--) {
		for (size_t i = 0, length; i < 10000; i++) {
			length = 1 + (from[i % SMALL] & 63);
			memcpy(to + i * 37 % SMALL, from + i * 53 % SMALL, length);
		}
		for (int i = 0; i < SMALL; i += 256)
			sum = mix(sum, to[i]);
	}
	free(from);
	free(to);
	return sum;
}

static uint64_t fill_large(long n)
{
	uint8_t *to = allocate(LARGE + 64);
	uint64_t sum = 0;
	memset(to, 1, LARGE + 64);
	for (long i = 0; i < n; i++) {
		memset(to + i % 7, (int)i, LARGE);
		sum = mix(sum, to[(i * 4099) % LARGE + 8]);
	}
	free(to);
	return sum;
}

static uint64_t fill_small(long n)
{
	uint8_t *lengths = random_bytes(SMALL), *to = allocate(SMALL + 64);
	uint64_t sum = 0;
	memset(to, 0, SMALL + 64);
	while (n--) {
		for (size_t i = 0; i < 10000; i++)
			memset(to + i * 37 % SMALL, (int)i, 1 + (lengths[i % SMALL] & 63));
		for (int i = 0; i < SMALL; i += 256)
			sum = mix(sum, to[i]);
	}
	free(lengths);
	free(to);
	return sum;
}

struct four {
	uint64_t a, b, c, d;
};

/* Four of its arguments and its result are on the stack. */
static NOINLINE struct four shuffle(int depth, struct four x, uint64_t e, uint64_t f, uint64_t g, uint64_t h, uint64_t i)
{
	if (!depth)
		return (struct four){ x.d + e, x.a ^ f, x.b - g, x.c + (h ^ i) };
	struct four y = shuffle(depth - 1, (struct four){ x.b, x.c, x.d, x.a }, f, g, h, i, e + depth);
	return (struct four){ y.a + x.b, y.b ^ x.c, y.c + e, y.d - h };
}

static uint64_t stack(long n)
{
	struct four x = { next(), next(), next(), next() };
	uint64_t sum = 0;
	while (n--) {
		for (int i = 0; i < 200; i++)
			x = shuffle(20, x, x.a, x.b, x.c, x.d, i);
		sum = mix(sum, x.a ^ x.b ^ x.c ^ x.d);
	}
	return sum;
}

const struct row memory_rows[] = {
	{ "chase-l1", chase_l1 },       { "chase-l2", chase_l2 },       { "chase", chase },
	{ "read", read_words },         { "write", write_words },       { "memcpy", copy_large },
	{ "memcpy-small", copy_small }, { "memset", fill_large },       { "memset-small", fill_small },
	{ "stack", stack },             { NULL, NULL },
};

/* Small programs: a sieve, the C library's sort, SHA-256, and busybox's gzip. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Primes below a million, and a bitwise CRC-32 over the sieve. */
static uint64_t sieve(long n)
{
	enum { N = 1000000 };
	uint8_t *composite = allocate(N);
	uint64_t sum = 0;
	while (n--) {
		memset(composite, 0, N);
		for (uint32_t i = 2; i * i < N; i++)
			for (uint32_t j = i * i; !composite[i] && j < N; j += i)
				composite[j] = 1;
		uint32_t crc = ~0u, count = 0;
		for (uint32_t i = 2; i < N; i++) {
			count += !composite[i];
			crc ^= composite[i];
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
		}
		sum = mix(sum, (uint64_t)crc << 32 | count);
	}
	free(composite);
	return sum;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The C library's qsort of 200,000 words. */
static uint64_t sort(long n)
{
	enum { N = 200000 };
	uint64_t *words = allocate(N * sizeof *words), sum = 0;
	while (n--) {
		for (int i = 0; i < N; i++)
			words[i] = next();
		qsort(words, N, sizeof *words, compare);
		for (int i = 0; i < N; i += 1000)
			sum = mix(sum, words[i]);
	}
	free(words);
	return sum;
}

static uint32_t rotate(uint32_t x, int by) { return x >> by | x << (32 - by); }

/* FIPS 180-4, one block. */
static void sha256_block(uint32_t h[8], const uint32_t k[64], const uint8_t *block)
{
	uint32_t w[64], v[8];
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, h, sizeof v);
	/* Instead of moving the eight variables along, the names move: round i has its "a" at v[-i mod 8]. */
	for (int i = 0; i < 64; i++) {
		uint32_t a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7], e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7];
		uint32_t t1 = v[(7 - i) & 7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
		v[(3 - i) & 7] += t1;
		v[(7 - i) & 7] = t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

/* The first 32 bits of the fractional part of the root: the largest r with r^power <= prime << (32 * power). */
static uint32_t root_fraction(uint32_t prime, int power)
{
	unsigned __int128 low = 0, high = (unsigned __int128)32 << 32, target = (unsigned __int128)prime << (32 * power);
	while (high - low > 1) {
		unsigned __int128 middle = (low + high) / 2, product = middle * middle * (power == 3 ? middle : 1);
		if (product <= target)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

/* SHA-256's compression function over 64 KiB. */
static uint64_t sha256(long n)
{
	enum { N = 1 << 16 };
	uint32_t h[8], k[64], prime = 2;
	for (int i = 0; i < 64; prime++) {
		int divisors = 0;
		for (uint32_t d = 2; d < prime; d++)
			divisors += prime % d == 0;
		if (divisors)
			continue;
		if (i < 8)
			h[i] = root_fraction(prime, 2);
		k[i++] = root_fraction(prime, 3);
	}
	uint8_t *bytes = allocate(N);
	for (int i = 0; i < N; i++)
		bytes[i] = next();
	while (n--)
		for (int i = 0; i < N; i += 64)
			sha256_block(h, k, bytes + i);
	free(bytes);
	return (uint64_t)h[0] << 32 | h[1];
}

/* Sends bytes that repeat through "gzip -c" and sums up what a second one makes of it. */
static uint64_t gzip(long n)
{
	uint64_t sum = 0;
	while (n--) {
		FILE *file = fopen("bench.tmp", "w");
		if (!file)
			die("bench.tmp");
		for (int i = 0; i < 100000; i++)
			fprintf(file, "%u\n", (unsigned)(next() >> 50));
		if (fclose(file))
			die("bench.tmp");
		FILE *back = popen("gzip -c bench.tmp | gzip -dc", "r");
		if (!back)
			die("gzip");
		uint64_t word = 0;
		for (int c; (c = getc(back)) != EOF;)
			sum = mix(sum, word = word * 31 + c);
		if (pclose(back))
			die("gzip");
		unlink("bench.tmp");
	}
	return sum;
}

const struct row program_rows[] = {
	{ "sieve", sieve }, { "qsort", sort }, { "sha256", sha256 }, { "busybox-gzip", gzip }, { NULL, NULL },
};

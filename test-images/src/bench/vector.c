/* Floating point and vectors. */
#include "bench.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Products of 64 by 64 matrices and divisions, rounded as IEEE 754 says. */
static uint64_t fp(long n)
{
	enum { N = 64 };
	static double a[N][N], b[N][N], c[N][N];
	uint64_t sum = 0, bits;
	for (int i = 0; i < N * N; i++) {
		a[i / N][i % N] = (double)(next() >> 40) / (1 << 24);
		b[i / N][i % N] = (double)(next() >> 40) / (1 << 24);
	}
	while (n--) {
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				double dot = 0;
				for (int k = 0; k < N; k++)
					dot += a[i][k] * b[k][j];
				c[i][j] = dot / (1.0 + dot);
			}
		memcpy(a, c, sizeof a);
		for (int i = 0; i < N; i++) {
			memcpy(&bits, &c[i][i], sizeof bits);
			sum = mix(sum, bits);
		}
	}
	return sum;
}

static uint64_t bits_of(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

/* The Lorenz attractor: a chain of scalar operations in registers. */
static uint64_t lorenz(long n)
{
	double x = 1 + (double)(next() >> 40) / (1 << 24), y = 1, z = 1;
	uint64_t sum = 0;
	while (n--) {
		for (int i = 0; i < 10000; i++) {
			double dx = 10 * (y - x), dy = x * (28 - z) - y, dz = x * y - 8.0 / 3 * z;
			x += dx * 0.005;
			y += dy * 0.005;
			z += dz * 0.005;
		}
		sum = mix(sum, bits_of(x) ^ bits_of(y) ^ bits_of(z));
	}
	return sum;
}

enum { FLOATS = 4096 };

static void random_floats(float *to)
{
	for (int i = 0; i < FLOATS; i++)
		to[i] = (float)(next() >> 40) / (1 << 24);
}

static uint64_t sum_up(const void *bytes, size_t size)
{
	uint64_t sum = 0, word;
	for (size_t i = 0; i < size; i += 512) {
		memcpy(&word, (const char *)bytes + i, sizeof word);
		sum = mix(sum, word);
	}
	return sum;
}

static float xs[FLOATS] __attribute__((aligned(32))), ys[FLOATS] __attribute__((aligned(32)));

/* Four floats at a time: y = (x + y) / 2 with limits, then the integer unit on the same bits. */
static uint64_t sse(long n)
{
	uint64_t sum = 0;
	random_floats(xs);
	random_floats(ys);
	__m128i hash = _mm_setzero_si128();
	while (n--) {
		for (int i = 0; i < FLOATS; i += 4) {
			__m128 x = _mm_load_ps(xs + i), y = _mm_load_ps(ys + i);
			y = _mm_mul_ps(_mm_add_ps(x, y), _mm_set1_ps(0.5f));
			y = _mm_min_ps(_mm_max_ps(y, _mm_set1_ps(0.1f)), _mm_set1_ps(0.9f));
			_mm_store_ps(ys + i, y);
			hash = _mm_add_epi32(_mm_xor_si128(hash, _mm_castps_si128(y)), _mm_slli_epi32(hash, 3));
		}
		sum = mix(sum, (uint64_t)_mm_cvtsi128_si64(hash));
	}
	return sum ^ sum_up(ys, sizeof ys);
}

/* Bytes and words: sums of differences, products, shuffles, packs. */
static uint64_t sse_integer(long n)
{
	uint64_t sum = 0;
	random_floats(xs);
	__m128i total = _mm_setzero_si128(), last = _mm_set1_epi8(3);
	while (n--) {
		for (int i = 0; i < FLOATS; i += 4) {
			__m128i x = _mm_load_si128((const __m128i *)(xs + i));
			total = _mm_add_epi64(total, _mm_sad_epu8(x, last));
			total = _mm_add_epi32(total, _mm_madd_epi16(x, last));
			last = _mm_packus_epi16(_mm_srli_epi16(x, 8), _mm_and_si128(last, _mm_set1_epi16(255)));
			last = _mm_shuffle_epi32(_mm_adds_epu8(last, x), 0x39);
		}
		sum = mix(sum, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(total, _mm_srli_si128(total, 8))));
	}
	return sum;
}

__attribute__((target("avx2"))) static uint64_t avx2_rounds(long n)
{
	uint64_t sum = 0;
	__m256i hash = _mm256_setzero_si256();
	while (n--) {
		for (int i = 0; i < FLOATS; i += 8) {
			__m256 x = _mm256_load_ps(xs + i), y = _mm256_load_ps(ys + i);
			y = _mm256_mul_ps(_mm256_add_ps(x, y), _mm256_set1_ps(0.5f));
			y = _mm256_min_ps(_mm256_max_ps(y, _mm256_set1_ps(0.1f)), _mm256_set1_ps(0.9f));
			_mm256_store_ps(ys + i, y);
			__m256i bits = _mm256_permute4x64_epi64(_mm256_castps_si256(y), 0x39);
			hash = _mm256_add_epi32(_mm256_xor_si256(hash, bits), _mm256_slli_epi32(hash, 3));
		}
		__m128i half = _mm_xor_si128(_mm256_castsi256_si128(hash), _mm256_extracti128_si256(hash, 1));
		sum = mix(sum, (uint64_t)_mm_cvtsi128_si64(half));
	}
	return sum ^ sum_up(ys, sizeof ys);
}

/* The same with eight. */
static uint64_t avx2(long n)
{
	if (!__builtin_cpu_supports("avx2")) {
		fputs("bench: this processor has no AVX2\n", stderr);
		exit(3);
	}
	random_floats(xs);
	random_floats(ys);
	return avx2_rounds(n);
}

/* Continued fractions in the x87's registers. */
static uint64_t x87(long n)
{
	long double x = 1 + (long double)(next() >> 40) / (1 << 24);
	uint64_t sum = 0, bits;
	while (n--) {
		for (int i = 1; i <= 5000; i++)
			x = (x * 3 - 1) / (x + 0.5L) + x * 0.125L;
		memcpy(&bits, &x, sizeof bits);
		sum = mix(sum, bits);
	}
	return sum;
}

const struct row vector_rows[] = {
	{ "fp", fp }, { "lorenz", lorenz }, { "sse", sse }, { "sse-integer", sse_integer }, { "avx2", avx2 },
	{ "x87", x87 }, { NULL, NULL },
};

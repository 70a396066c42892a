/* Integer arithmetic in registers. */
#include "bench.h"

enum { STEPS = 50000 };

/* A chain of simple operations, each on the result of the one before. */
static uint64_t alu(long n)
{
	uint64_t x = next(), y = next(), sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS; i++) {
			x += y;
			x ^= x >> 5;
			y -= x;
			y |= 0x10001;
			x = ~x + (y << 3);
			OPAQUE(x);
		}
		sum = mix(sum, x ^ y);
	}
	return sum;
}

/* 64 by 64 bits to 128, both halves used. */
static uint64_t mul64(long n)
{
	uint64_t x = next() | 1, sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS; i++) {
			unsigned __int128 product = (unsigned __int128)x * (0x9e3779b97f4a7c15ULL + i);
			x = (uint64_t)product ^ (uint64_t)(product >> 64);
		}
		sum = mix(sum, x);
	}
	return sum;
}

/* Adds a number of eight words to another, with the carry through all of them. */
static void add512(uint64_t *to, const uint64_t *from)
{
	__asm__ volatile("movq (%1), %%rax\n\taddq %%rax, (%0)\n\t"
			 "movq 8(%1), %%rax\n\tadcq %%rax, 8(%0)\n\t"
			 "movq 16(%1), %%rax\n\tadcq %%rax, 16(%0)\n\t"
			 "movq 24(%1), %%rax\n\tadcq %%rax, 24(%0)\n\t"
			 "movq 32(%1), %%rax\n\tadcq %%rax, 32(%0)\n\t"
			 "movq 40(%1), %%rax\n\tadcq %%rax, 40(%0)\n\t"
			 "movq 48(%1), %%rax\n\tadcq %%rax, 48(%0)\n\t"
			 "movq 56(%1), %%rax\n\tadcq %%rax, 56(%0)"
			 : : "r"(to), "r"(from) : "rax", "cc", "memory");
}

/* Fibonacci numbers of 512 bits. */
static uint64_t adc(long n)
{
	uint64_t a[8] = { next() }, b[8] = { next() }, sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS / 5; i += 2) {
			add512(a, b);
			add512(b, a);
		}
		for (int i = 0; i < 8; i++)
			sum = mix(sum, a[i] ^ b[i]);
	}
	return sum;
}

/* Divisions of 64 bits, by what came out of the one before. */
static uint64_t divide(long n)
{
	uint64_t x = next(), sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS / 5; i++)
			x = (x ^ 0x9e3779b97f4a7c15ULL) / (x % 1000003 + 3) * 0x2545f4914f6cdd1dULL;
		sum = mix(sum, x);
	}
	return sum;
}

const struct row integer_rows[] = {
	{ "alu", alu }, { "mul64", mul64 }, { "adc", adc }, { "divide", divide }, { NULL, NULL },
};

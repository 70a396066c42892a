/* Transfers of control: branches, calls, indirect jumps, code that is spread out. */
#include "bench.h"

#include <stdlib.h>

enum { STEPS = 20000 };

/* Conditional branches on bits that no predictor knows. */
static uint64_t branches(long n)
{
	uint64_t x = next(), a = 0, b = 0, sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			if (x >> 63) {
				a += x;
				OPAQUE(a);
			}
			if (x >> 62 & 1) {
				b ^= a;
				OPAQUE(b);
			} else if (x >> 61 & 1) {
				a = b - i;
				OPAQUE(a);
			}
		}
		sum = mix(sum, a ^ b);
	}
	return sum;
}

static NOINLINE uint64_t leaf(uint64_t x) { return x ^ x << 7; }
static NOINLINE uint64_t middle(uint64_t x) { return leaf(x + 1) + leaf(x >> 3); }

/* Direct calls of small functions, two deep. */
static uint64_t calls(long n)
{
	uint64_t x = next(), sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS; i++)
			x = middle(x) + i;
		sum = mix(sum, x);
	}
	return sum;
}

static NOINLINE uint64_t fibonacci(uint64_t n)
{
	OPAQUE(n);
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

/* 21,891 calls of a function by itself. */
static uint64_t recursion(long n)
{
	uint64_t sum = 0;
	while (n--)
		sum = mix(sum, fibonacci(20));
	return sum;
}

static uint64_t op_add(uint64_t x) { return x + 0x9e3779b9; }
static uint64_t op_xor(uint64_t x) { return x ^ x >> 7; }
static uint64_t op_mul(uint64_t x) { return x * 0x2545f491; }
static uint64_t op_rot(uint64_t x) { return x << 13 | x >> 51; }

/* Calls through a table in an order that depends on the data. */
static uint64_t indirect(long n)
{
	static uint64_t (*const volatile table[])(uint64_t) = { op_add, op_xor, op_mul, op_rot };
	uint64_t x = next(), sum = 0;
	while (n--) {
		for (int i = 0; i < 100000; i++)
			x = table[x >> 30 & 3](x);
		sum = mix(sum, x);
	}
	return sum;
}

/* A jump table of sixteen cases, in an order that depends on the data. */
static uint64_t jump_table(long n)
{
	uint64_t x = next(), sum = 0;
	while (n--) {
		for (int i = 0; i < STEPS; i++) {
			switch (x >> 40 & 15) {
			case 0: x += 0x9e3779b97f4a7c15ULL; break;
			case 1: x ^= x >> 9; break;
			case 2: x *= 0x2545f4914f6cdd1dULL; break;
			case 3: x = x << 11 | x >> 53; break;
			case 4: x -= i; break;
			case 5: x = ~x; break;
			case 6: x ^= 0x5555555555555555ULL; break;
			case 7: x += x << 5; break;
			case 8: x ^= x << 17; break;
			case 9: x = -x; break;
			case 10: x += x >> 12; break;
			case 11: x = x * 5 + 1; break;
			case 12: x ^= i; break;
			case 13: x = x >> 23 | x << 41; break;
			case 14: x -= x >> 30; break;
			case 15: x = x * 9 + 7; break;
			}
			x = x * 6364136223846793005ULL + 1;
		}
		sum = mix(sum, x);
	}
	return sum;
}

/* Codes of the stack machine below. */
enum { PUSH, DUP, SWAP, OVER, ADD, MUL, AND, SHIFT, LOAD, STORE, JUMP_IF, HALT };

/* A program for it: local 0 counts down from what it was; local 1 is a hash of the numbers on the way. */
static const int8_t program[] = {
	LOAD, 1, PUSH, 31, MUL, LOAD, 0, ADD, DUP, SHIFT, ADD, STORE, 1, /* hash */
	LOAD, 0, PUSH, -1, ADD, DUP, STORE, 0, JUMP_IF, -22,             /* count */
	LOAD, 1, HALT,
};

/* A machine of twelve operations, run by one switch. */
static NOINLINE uint64_t interpret(const int8_t *at, uint64_t count)
{
	uint64_t stack[16], locals[2] = { count, 0 }, *top = stack, swap;
	for (;;)
		switch (*at++) {
		case PUSH: *++top = (int64_t)*at++; break;
		case DUP: top[1] = *top; top++; break;
		case SWAP: swap = *top; *top = top[-1]; top[-1] = swap; break;
		case OVER: top[1] = top[-1]; top++; break;
		case ADD: top[-1] += *top; top--; break;
		case MUL: top[-1] *= *top; top--; break;
		case AND: top[-1] &= *top; top--; break;
		case SHIFT: *top >>= 7; break;
		case LOAD: *++top = locals[*at++]; break;
		case STORE: locals[*at++] = *top--; break;
		case JUMP_IF: at += *top-- ? *at : 1; break;
		case HALT: return *top;
		default: abort();
		}
}

/* The loop of an interpreter: one indirect jump for every operation of its program. */
static uint64_t interpreter(long n)
{
	uint64_t sum = 0, count = 1000 + next() % 16;
	while (n--)
		sum = mix(sum, interpret(program, count));
	return sum;
}

/*
 * 2,000 blocks, each on a line of its own, 512 bytes apart; each jumps to the one that a generator of full period names
 * (x -> 781 x + 7 mod 2000), so that one cycle runs through all of them. The first counts the rounds.
 */
__asm__(".altmacro\n"
	".macro one_block here, there\n"
	"	.balign 512\n"
	"block\\here:\n"
	"	.if \\here == 0\n"
	"	subq $1, %rdi\n"
	"	js blocks_end\n"
	"	.endif\n"
	"	addq $\\here + 1, %rax\n"
	"	testb $1 << (\\here % 8), %al\n"
	"	jz 1f\n"
	"	xorq %rsi, %rax\n"
	"1:	rolq $3, %rax\n"
	"	jmp block\\there\n"
	".endm\n"
	".text\n"
	".globl dispersed_blocks\n"
	"dispersed_blocks:\n"
	"	movq %rsi, %rax\n"
	"	jmp block0\n"
	".set number, 0\n"
	".rept 2000\n"
	"	one_block %number, %((number * 781 + 7) % 2000)\n"
	".set number, number + 1\n"
	".endr\n"
	"blocks_end:\n"
	"	ret\n"
	".noaltmacro\n");

uint64_t dispersed_blocks(uint64_t rounds, uint64_t x);

static uint64_t dispersed(long n)
{
	uint64_t x = next(), sum = 0;
	while (n--)
		sum = mix(sum, x = dispersed_blocks(10, x));
	return sum;
}

const struct row control_rows[] = {
	{ "branches", branches }, { "calls", calls },         { "recursion", recursion },     { "indirect", indirect },
	{ "switch", jump_table }, { "interpreter", interpreter }, { "dispersed", dispersed }, { NULL, NULL },
};

/*
 * bench WORKLOAD ITERATIONS: does one kind of work that often and prints "WORKLOAD ITERATIONS CHECKSUM".
 * The output depends on the arguments alone: no time, address or process number goes into it.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

/* xorshift64*: the same numbers on every machine. */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

/* FNV-1a over the bytes of a word. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		sum = (sum ^ (word >> (8 * i) & 0xff)) * 0x100000001b3ULL;
	return sum;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *allocate(size_t size)
{
	void *p = malloc(size);
	if (!p)
		die("malloc");
	return p;
}

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

/* One cycle through 8 MiB in random order: every load waits for the one before. */
static uint64_t chase(long n)
{
	enum { N = 1 << 20 };
	uint64_t *follow = allocate(N * sizeof *follow), at = 0, sum = 0;
	for (uint64_t i = 0; i < N; i++)
		follow[i] = i;
	for (uint64_t i = N - 1; i > 0; i--) {
		uint64_t j = next() % i, swap = follow[i];
		follow[i] = follow[j];
		follow[j] = swap;
	}
	while (n--) {
		for (int i = 0; i < 500000; i++)
			at = follow[at];
		sum = mix(sum, at);
	}
	free(follow);
	return sum;
}

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

/* The cheapest system call, never answered by the C library. */
static uint64_t syscalls(long n)
{
	uint64_t sum = 0, parent = syscall(SYS_getppid);
	while (n--)
		sum += (uint64_t)syscall(SYS_getppid) == parent;
	return sum;
}

static void transfer(int fd, void *buffer, size_t size, int out)
{
	for (size_t done = 0; done < size;) {
		ssize_t some = out ? write(fd, (char *)buffer + done, size - done) : read(fd, (char *)buffer + done, size - done);
		if (some <= 0)
			die(out ? "write" : "read");
		done += some;
	}
}

/* Words go to a child and come back changed. */
static uint64_t pipes(long n)
{
	int down[2], up[2];
	uint64_t words[512], sum = 0;
	if (pipe(down) || pipe(up))
		die("pipe");
	pid_t child = fork();
	if (child < 0)
		die("fork");
	for (long i = 0; i < n; i++) {
		if (!child) {
			transfer(down[0], words, sizeof words, 0);
			for (int j = 0; j < 512; j++)
				words[j] = words[j] * 3 + 1;
			transfer(up[1], words, sizeof words, 1);
			continue;
		}
		for (int j = 0; j < 512; j++)
			words[j] = next();
		transfer(down[1], words, sizeof words, 1);
		transfer(up[0], words, sizeof words, 0);
		sum = mix(sum, words[i % 512]);
	}
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	return sum;
}

static uint64_t copies(long n)
{
	enum { N = 1 << 20 };
	uint8_t *from = allocate(N + 64), *to = allocate(N + 64);
	uint64_t sum = 0;
	for (int i = 0; i < N + 64; i++)
		from[i] = next();
	for (long i = 0; i < n; i++) {
		memcpy(to + i % 7, from + i % 5, N);
		sum = mix(sum, to[(i * 4099) % N + 8]);
	}
	free(from);
	free(to);
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
		uint32_t a = v[-i & 7], b = v[1 - i & 7], c = v[2 - i & 7], e = v[4 - i & 7], f = v[5 - i & 7], g = v[6 - i & 7];
		uint32_t t1 = v[7 - i & 7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
		v[3 - i & 7] += t1;
		v[7 - i & 7] = t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
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

/* Starts this program again and takes its exit code. */
static uint64_t forkexec(long n)
{
	uint64_t sum = 0;
	for (long i = 0; i < n; i++) {
		char code[8];
		int status;
		snprintf(code, sizeof code, "%d", (int)(next() % 100));
		pid_t child = fork();
		if (child < 0)
			die("fork");
		if (!child) {
			execl("/proc/self/exe", "bench", "exit", code, (char *)NULL);
			_exit(127);
		}
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
			die("exec");
		sum = mix(sum, WEXITSTATUS(status));
	}
	return sum;
}

static const struct {
	const char *name;
	uint64_t (*run)(long);
} workloads[] = {
	{ "sieve", sieve },       { "qsort", sort },        { "chase", chase }, { "fp", fp },
	{ "syscalls", syscalls }, { "pipe", pipes },        { "memcpy", copies }, { "indirect", indirect },
	{ "gzip", gzip },         { "sha256", sha256 },     { "forkexec", forkexec },
};

int main(int argc, char **argv)
{
	long n = argc == 3 ? strtol(argv[2], NULL, 10) : -1;
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return (int)n;
	state = 88172645463325252ULL;
	for (size_t i = 0; n >= 0 && i < sizeof workloads / sizeof *workloads; i++)
		if (!strcmp(argv[1], workloads[i].name)) {
			uint64_t sum = workloads[i].run(n);
			printf("%s %ld %016llx\n", argv[1], n, (unsigned long long)sum);
			return fflush(stdout) ? 1 : 0;
		}
	fputs("usage: bench sieve|qsort|chase|fp|syscalls|pipe|memcpy|indirect|gzip|sha256|forkexec ITERATIONS\n", stderr);
	return 2;
}

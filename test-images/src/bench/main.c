/*
 * bench ROW ITERATIONS [SEED]: does one kind of work that often and prints "ROW ITERATIONS CHECKSUM".
 * The output depends on the arguments alone: no time, address or process number goes into it.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct row *const tables[] = {
	integer_rows, control_rows, memory_rows, vector_rows, kernel_rows, program_rows,
};
enum { TABLES = sizeof tables / sizeof *tables };

static uint64_t state = 88172645463325252ULL;

uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

uint64_t mix(uint64_t sum, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		sum = (sum ^ (word >> (8 * i) & 0xff)) * 0x100000001b3ULL;
	return sum;
}

void die(const char *what)
{
	perror(what);
	exit(1);
}

void *allocate(size_t size)
{
	void *p = malloc(size);
	if (!p)
		die("malloc");
	return p;
}

void put(int fd, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t some = write(fd, (const char *)bytes + done, size - done);
		if (some <= 0)
			die("write");
		done += some;
	}
}

void get(int fd, void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t some = read(fd, (char *)bytes + done, size - done);
		if (some <= 0)
			die("read");
		done += some;
	}
}

static const struct row *find(const char *name)
{
	for (int i = 0; i < TABLES; i++)
		for (const struct row *row = tables[i]; row->name; row++)
			if (!strcmp(row->name, name))
				return row;
	return NULL;
}

static int usage(void)
{
	fputs("usage: bench ROW ITERATIONS [SEED], ROW being one of\n", stderr);
	for (int i = 0; i < TABLES; i++)
		for (const struct row *row = tables[i]; row->name; row++)
			fprintf(stderr, " %s", row->name);
	fputs("\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4)
		return usage();
	long n = strtol(argv[2], NULL, 10);
	if (!strcmp(argv[1], "exit"))
		return (int)n;
	if (argc == 4)
		state = mix(state, strtoul(argv[3], NULL, 10)) | 1;
	const struct row *row = find(argv[1]);
	if (!row || n < 0)
		return usage();
	uint64_t sum = row->run(n);
	printf("%s %ld %016llx\n", row->name, n, (unsigned long long)sum);
	return fflush(stdout) ? 1 : 0;
}

/* What the files of the bench program share. */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>

/* A row: does its work N times and sums up what came out. Work for N = 0 is what every run has to do first. */
struct row {
	const char *name;
	uint64_t (*run)(long n);
};

/* The files' tables, each ended by a row without a name. */
extern const struct row integer_rows[], control_rows[], memory_rows[], vector_rows[], kernel_rows[], program_rows[];

/* xorshift64*: the same numbers on every machine. */
uint64_t next(void);

/* FNV-1a over the bytes of a word. */
uint64_t mix(uint64_t sum, uint64_t word);

/* Ends the program with the reason in errno. */
_Noreturn void die(const char *what);

/* Memory, or the end. */
void *allocate(size_t size);

/* Writes or reads all bytes. */
void put(int fd, const void *bytes, size_t size);
void get(int fd, void *bytes, size_t size);

/* A value that the compiler knows nothing about, and one that it must not optimise away. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))

#define NOINLINE __attribute__((noinline, noclone))

#endif

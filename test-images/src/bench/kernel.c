/* System calls, page faults, processes, signals, sleep. */
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The cheapest system call, never answered by the C library. */
static uint64_t getpids(long n)
{
	uint64_t sum = 0, self = syscall(SYS_getpid);
	while (n--)
		for (int i = 0; i < 100; i++)
			sum += (uint64_t)syscall(SYS_getpid) == self;
	return sum;
}

static uint64_t syscalls(long n)
{
	uint64_t sum = 0, parent = syscall(SYS_getppid);
	while (n--)
		sum += (uint64_t)syscall(SYS_getppid) == parent;
	return sum;
}

/* Sixty-four bytes into a pipe and out of it, in one process. */
static uint64_t read_write(long n)
{
	int ends[2];
	uint64_t words[8], sum = 0;
	if (pipe(ends))
		die("pipe");
	while (n--)
		for (int i = 0; i < 100; i++) {
			words[i % 8] = next();
			put(ends[1], words, sizeof words);
			get(ends[0], words, sizeof words);
			sum += words[i % 8];
		}
	return sum;
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

enum { PAGE = 4096, PAGES = 256 };

/* The first write to each of 256 pages. */
static uint64_t page_faults(long n)
{
	uint8_t *pages = map(PAGES * PAGE);
	uint64_t sum = 0;
	while (n--) {
		for (int i = 0; i < PAGES; i++)
			sum += ++pages[i * PAGE + i];
		if (madvise(pages, PAGES * PAGE, MADV_DONTNEED))
			die("madvise");
	}
	return sum;
}

/* Sixteen pages mapped, one touched, all unmapped. */
static uint64_t maps(long n)
{
	uint64_t sum = 0;
	while (n--)
		for (int i = 0; i < 20; i++) {
			uint8_t *pages = map(16 * PAGE);
			sum += ++pages[i % 16 * PAGE];
			if (munmap(pages, 16 * PAGE))
				die("munmap");
		}
	return sum;
}

/* Two processes that share a processor, if they may have one for themselves. */
static pid_t fork_beside(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	pid_t child = fork();
	if (child < 0)
		die("fork");
	return child;
}

/* A byte goes to another process and back: two switches. */
static uint64_t switches(long n)
{
	int down[2], up[2];
	uint8_t byte = 0;
	uint64_t sum = 0;
	if (pipe(down) || pipe(up))
		die("pipe");
	pid_t child = fork_beside();
	for (long i = 0; i < n * 20; i++) {
		if (!child) {
			get(down[0], &byte, 1);
			byte = byte * 5 + 1;
			put(up[1], &byte, 1);
			continue;
		}
		put(down[1], &byte, 1);
		get(up[0], &byte, 1);
		sum += byte;
	}
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	return sum;
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
			get(down[0], words, sizeof words);
			for (int j = 0; j < 512; j++)
				words[j] = words[j] * 3 + 1;
			put(up[1], words, sizeof words);
			continue;
		}
		for (int j = 0; j < 512; j++)
			words[j] = next();
		put(down[1], words, sizeof words);
		get(up[0], words, sizeof words);
		sum = mix(sum, words[i % 512]);
	}
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	return sum;
}

static int wait_for(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
		die("child");
	return WEXITSTATUS(status);
}

/* A child that ends at once. */
static uint64_t forks(long n)
{
	uint64_t sum = 0;
	for (long i = 0; i < n; i++) {
		int code = next() % 100;
		pid_t child = fork();
		if (child < 0)
			die("fork");
		if (!child)
			_exit(code);
		sum = mix(sum, wait_for(child));
	}
	return sum;
}

/* Starts this program again and takes its exit code. */
static uint64_t forkexec(long n)
{
	uint64_t sum = 0;
	for (long i = 0; i < n; i++) {
		char code[8];
		snprintf(code, sizeof code, "%d", (int)(next() % 100));
		pid_t child = fork();
		if (child < 0)
			die("fork");
		if (!child) {
			execl("/proc/self/exe", "bench", "exit", code, (char *)NULL);
			_exit(127);
		}
		sum = mix(sum, wait_for(child));
	}
	return sum;
}

static volatile uint64_t received;

static void receive(int signal)
{
	received += signal;
}

/* A signal to oneself, its handler, and the return from it. */
static uint64_t signals(long n)
{
	struct sigaction action = { .sa_handler = receive };
	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction");
	pid_t self = getpid();
	while (n--)
		for (int i = 0; i < 20; i++)
			if (kill(self, SIGUSR1))
				die("kill");
	return received;
}

/* A millisecond's sleep: what an idle machine costs, and its timer. */
static uint64_t idle(long n)
{
	struct timespec time = { .tv_nsec = 1000000 };
	uint64_t sum = 0;
	while (n--)
		sum += nanosleep(&time, NULL) == 0;
	return sum;
}

const struct row kernel_rows[] = {
	{ "getpid", getpids },   { "syscalls", syscalls }, { "read-write", read_write }, { "page-fault", page_faults },
	{ "mmap", maps },        { "switch-process", switches }, { "pipe", pipes },      { "fork", forks },
	{ "forkexec", forkexec }, { "signal", signals },   { "idle", idle },             { NULL, NULL },
};

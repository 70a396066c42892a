/* Programs that change code which has run.
 *
 * Each case builds small functions in memory, runs them often enough to be worth translating, changes them, and adds up
 * what they return. A case whose sum is not what the code as written must give says "wrong" and both sums. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, ROUNDS = 40, CALLS = 200 };
enum { RWX = PROT_READ | PROT_WRITE | PROT_EXEC, RX = PROT_READ | PROT_EXEC };

typedef uint32_t (*function)(uint32_t);

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static uint8_t *map(void *at, size_t size, int protection, int flags, int file)
{
    void *page = mmap(at, size, protection, flags, file, 0);
    if (page == MAP_FAILED)
        die("mmap");
    return page;
}

static uint8_t *pages(size_t count)
{
    return map(NULL, count * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* lea eax, [rdi + add]; ret */
static void write_add(uint8_t *at, uint32_t add)
{
    memcpy(at, "\x8d\x87", 2);
    memcpy(at + 2, &add, 4);
    at[6] = 0xc3;
}

/* mov eax, edi; xor eax, mask; ret */
static void write_xor(uint8_t *at, uint32_t mask)
{
    memcpy(at, "\x89\xf8\x35", 3);
    memcpy(at + 3, &mask, 4);
    at[7] = 0xc3;
}

static uint64_t call_often(const uint8_t *code, int times)
{
    uint64_t sum = 0;
    for (int i = 0; i < times; i++)
        sum += ((function)(uintptr_t)code)(i);
    return sum;
}

static uint64_t added(uint32_t add, int times)
{
    uint64_t sum = 0;
    for (int i = 0; i < times; i++)
        sum += (uint32_t)(i + add);
    return sum;
}

static uint64_t masked(uint32_t mask, int times)
{
    uint64_t sum = 0;
    for (int i = 0; i < times; i++)
        sum += (uint32_t)i ^ mask;
    return sum;
}

static int report(const char *name, uint64_t sum, uint64_t expected)
{
    printf("%s %s %llu", name, sum == expected ? "right" : "wrong", (unsigned long long)sum);
    if (sum != expected)
        printf(" expected %llu", (unsigned long long)expected);
    printf("\n");
    fflush(stdout);
    return sum != expected;
}

/* A loop stores into an instruction of its own body:
 *   xor eax, eax; mov ecx, edi
 * next: add eax, 1            ; the immediate is at byte 7
 *   inc dword [rip + back to the immediate]; dec ecx; jnz next; ret */
static int rewrite(void)
{
    static const uint8_t LOOP[] = {
        0x31, 0xc0, 0x89, 0xf9, 0x05, 0x01, 0x00, 0x00, 0x00, 0xff, 0x05, 0xf6, 0xff, 0xff, 0xff,
        0xff, 0xc9, 0x75, 0xf1, 0xc3,
    };
    uint8_t *code = pages(1);
    uint64_t sum = 0, expected = 0, step = 1;
    memcpy(code, LOOP, sizeof LOOP);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t turns = 0;
        for (int i = 0; i < CALLS; i++)
            turns += step++;
        expected += turns;
        sum += ((function)(uintptr_t)code)(CALLS);
    }
    return report("rewrite", sum, expected);
}

/* One address holds one function after the other: written over, and unmapped and mapped anew. */
static int reuse(void)
{
    uint8_t *code = pages(1);
    uint64_t sum = 0, expected = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 3 == 2) {
            munmap(code, PAGE);
            code = map(code, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
        }
        if (round % 2)
            write_add(code, round % 4), expected += added(round % 4, CALLS);
        else
            write_xor(code, round % 4), expected += masked(round % 4, CALLS);
        sum += call_often(code, CALLS);
        mprotect(code, PAGE, RX);
        sum += call_often(code, CALLS);
        expected += round % 2 ? added(round % 4, CALLS) : masked(round % 4, CALLS);
        mprotect(code, PAGE, RWX);
    }
    return report("reuse", sum, expected);
}

/* The same memory mapped twice: executed through one mapping, written through the other. */
static int alias_of(const char *name, int file)
{
    if (ftruncate(file, PAGE))
        die("ftruncate");
    uint8_t *data = map(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    uint8_t *code = map(NULL, PAGE, RX, MAP_SHARED, file);
    uint8_t *twin = map(NULL, PAGE, RX, MAP_SHARED, file);
    uint64_t sum = 0, expected = 0;
    for (int round = 0; round < ROUNDS; round++) {
        write_add(data, round % 2);
        sum += call_often(code, CALLS) + call_often(twin, CALLS);
        expected += 2 * added(round % 2, CALLS);
        uint32_t other = 100 + round % 2;
        if (round % 4 == 3) {
            if (pwrite(file, &other, 4, 2) != 4)
                die("pwrite");
        } else {
            memcpy(data + 2, &other, 4);
        }
        sum += call_often(code, CALLS) + call_often(twin, CALLS);
        expected += 2 * added(other, CALLS);
    }
    return report(name, sum, expected);
}

static int alias(void)
{
    int file = memfd_create("code", 0);
    if (file < 0)
        die("memfd_create");
    return alias_of("alias", file);
}

static int file(void)
{
    char path[] = "/tmp/smc-XXXXXX";
    int file = mkstemp(path);
    if (file < 0)
        die("mkstemp");
    unlink(path);
    return alias_of("file", file);
}

/* A callee patches the instruction that its caller goes on with:
 *   push rbx; mov ebx, edi; mov edi, esi; call rdx; lea eax, [rbx + 0]; pop rbx; ret */
typedef uint32_t (*caller_function)(uint32_t, uint32_t, void (*)(uint32_t));
static uint8_t *caller_code;

static void patch(uint32_t add)
{
    memcpy(caller_code + 9, &add, 4);
}

static void write_caller(uint8_t *at)
{
    static const uint8_t CALLER[] = {
        0x53, 0x89, 0xfb, 0x89, 0xf7, 0xff, 0xd2, 0x8d, 0x83, 0, 0, 0, 0, 0x5b, 0xc3,
    };
    memcpy(at, CALLER, sizeof CALLER);
}

static int caller(void)
{
    uint64_t sum = 0, expected = 0;
    caller_code = pages(1);
    write_caller(caller_code);
    for (uint32_t i = 0; i < ROUNDS * CALLS; i++) {
        uint32_t add = i / 16 % 5;
        sum += ((caller_function)(uintptr_t)caller_code)(i, add, patch);
        expected += i + add;
    }
    return report("caller", sum, expected);
}

/* A callee takes its caller's page away and puts another there, whose code differs after the call. */
static void replace(uint32_t add)
{
    uint8_t *fresh = pages(1);
    write_caller(fresh);
    memcpy(fresh + 9, &add, 4);
    if (add % 2) {
        munmap(caller_code, PAGE);
        caller_code = map(caller_code, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
        memcpy(caller_code, fresh, PAGE);
        munmap(fresh, PAGE);
    } else if (mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, caller_code) == MAP_FAILED) {
        die("mremap");
    }
}

static int unmap(void)
{
    uint64_t sum = 0, expected = 0;
    caller_code = pages(1);
    write_caller(caller_code);
    for (uint32_t i = 0; i < ROUNDS * 10; i++) {
        uint32_t add = i % 3;
        sum += ((caller_function)(uintptr_t)caller_code)(i, add, replace);
        expected += i + add;
    }
    return report("unmap", sum, expected);
}

/* Processes with other code at the same address take turns, through fork, exec and pipes. */
static int spaces(void)
{
    uint8_t *code = pages(1);
    uint64_t sum = 0, expected = 0;
    write_add(code, 1);
    call_often(code, CALLS);
    for (int round = 0; round < ROUNDS / 4; round++) {
        int there[2], back[2];
        if (pipe(there) || pipe(back))
            die("pipe");
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            write_xor(code, round);
            for (char byte; close(there[1]), read(there[0], &byte, 1) == 1;) {
                uint64_t part = call_often(code, CALLS);
                if (write(back[1], &part, sizeof part) != sizeof part)
                    _exit(1);
            }
            char *words[] = { "smc", "child", NULL };
            execv("/proc/self/exe", words);
            _exit(1);
        }
        close(there[0]);
        for (int turn = 0; turn < 4; turn++) {
            uint64_t part;
            sum += call_often(code, CALLS);
            if (write(there[1], "x", 1) != 1 || read(back[0], &part, sizeof part) != sizeof part)
                die("turn");
            sum += part;
            expected += added(1, CALLS) + masked(round, CALLS);
        }
        close(there[1]), close(back[0]), close(back[1]);
        int status;
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status), expected += 42;
    }
    return report("spaces", sum, expected);
}

/* An instruction across two pages, whose second half changes. */
static int straddle(void)
{
    uint8_t *code = pages(2);
    uint8_t *at = code + PAGE - 3;
    uint64_t sum = 0, expected = 0;
    for (int round = 0; round < ROUNDS; round++) {
        write_add(at, 0);
        for (uint32_t add = 0; add < 4; add++) {
            at[3] = add;
            sum += call_often(at, CALLS);
            expected += added(add << 8, CALLS);
        }
    }
    return report("straddle", sum, expected);
}

/* Two functions of one page of the program's file. */
#define TRACED __attribute__((noipa, aligned(64), section(".text.traced")))

TRACED static uint32_t traced(uint32_t x)
{
    return x + 1000;
}

TRACED static uint32_t beside(uint32_t x)
{
    return x + 1;
}

/* Where the traced process has that page once more, and the tracer has nothing. */
static uint8_t *const ELSEWHERE = (uint8_t *)0x10000000;

static uint32_t call_elsewhere(function original, uint32_t x)
{
    return ((function)(uintptr_t)(ELSEWHERE + (uintptr_t)original % PAGE))(x);
}

static void be_traced(int round)
{
    extern const uint8_t __ehdr_start[];
    off_t offset = ((uintptr_t)traced & -PAGE) - (uintptr_t)__ehdr_start;
    int file = open("/proc/self/exe", O_RDONLY);
    if (mmap(ELSEWHERE, PAGE, RX, MAP_PRIVATE | MAP_FIXED, file, offset) != ELSEWHERE)
        die("mmap");
    call_elsewhere(traced, 0);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    _exit(call_elsewhere(traced, round) + call_elsewhere(beside, round));
}

/* A tracer changes one function of another process, in a page that has run; what is beside it stays. */
static int tracer(void)
{
    uint64_t sum = 0, expected = 0;
    for (int round = 0; round < ROUNDS / 4; round++) {
        sum += traced(round) + beside(round), expected += 2 * round + 1001;
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            be_traced(round);
        union { uint8_t code[8]; long word; } patch;
        uint8_t *at = ELSEWHERE + (uintptr_t)traced % PAGE;
        int status;
        waitpid(child, &status, 0);
        patch.word = ptrace(PTRACE_PEEKTEXT, child, at, NULL);
        write_add(patch.code, 2);
        if (ptrace(PTRACE_POKETEXT, child, at, patch.word) || ptrace(PTRACE_CONT, child, NULL, NULL))
            die("ptrace");
        waitpid(child, &status, 0);
        sum += WIFEXITED(status) ? WEXITSTATUS(status) : 1000, expected += 2 * round + 3;
    }
    return report("tracer", sum, expected);
}

/* Where `compiler` begins in its page: given any second argument, where no training has seen code. */
static int begin;

/* A compiler at work: function after function in one page, each called with those before it, and the page's rights changed
 * around every write; every other time those of so many pages that the kernel flushes all of them. One function in four is
 * written over later. What else runs, this program and its library, stays as it is. */
static int compiler(void)
{
    enum { EACH = 16, FUNCTIONS = PAGE / EACH, MANY = 64 };
    uint8_t *code = pages(MANY);
    uint32_t adds[FUNCTIONS];
    uint64_t sum = 0, expected = 0;
    memset(code, 0xcc, MANY * PAGE);
    for (int round = 0; round < 4 * FUNCTIONS; round++) {
        int last = round % FUNCTIONS, pages = round % 2 ? MANY : 1;
        if (round >= FUNCTIONS && round % 4)
            continue;
        mprotect(code, pages * PAGE, PROT_READ | PROT_WRITE);
        write_add(code + begin + last * EACH, adds[last] = round);
        mprotect(code, pages * PAGE, RX);
        for (int i = 0; i <= (round < FUNCTIONS ? last : FUNCTIONS - 1); i++)
            sum += ((function)(uintptr_t)(code + begin + i * EACH))(round), expected += round + adds[i];
    }
    return report("compiler", sum, expected);
}

/* Pages of code that all hold the same: each goes on in the next, `rdi` times, and counts them in `rdx`. */
__asm__(".text\n"
        ".balign 4096\n"
        ".type same_pages, @function\n"
        "same_pages:\n"
        ".rept 6\n"
        "   subq $1, %rdi\n"
        "   jns 1f\n"
        "   movq %rdx, %rax\n"
        "   ret\n"
        "1: addq $1, %rdx\n"
        "   .rept 408\n"
        "   movabsq $0x9090909090909090, %rcx\n"
        "   .endr\n"
        "   .balign 4096, 0x90\n"
        ".endr\n"
        ".size same_pages, . - same_pages\n");

extern const uint8_t same_pages[6 * PAGE];

/* Whether `repeats` runs in all pages, and not in the first two alone, as in training. */
static int whole;

/* Code that repeats from page to page, entered at each: what is known of the first pages fits the next ones as well. */
static int repeats(void)
{
    uint64_t sum = 0, expected = 0;
    int count = whole ? 6 : 2;
    for (int i = 0; i < ROUNDS * count; i++) {
        int page = i % count, steps = count - 1 - page;
        uint64_t (*from)(uint64_t, uint64_t, uint64_t) = (void *)(same_pages + page * PAGE);
        sum += from(steps, 0, 0), expected += steps;
    }
    return report("repeats", sum, expected);
}

/* Adds 1 to `rdi` up, or its negative down, in a loop. */
static uint64_t (*write_loop(uint8_t *at, uint8_t operation))(uint64_t)
{
    /* xor eax, eax; 1: add or sub rax, rdi; sub rdi, 1; jnz 1b; ret */
    memcpy(at, "\x31\xc0\x48\x01\xf8\x48\x83\xef\x01\x75\xf7\xc3", 12);
    at[3] = operation;
    return (uint64_t (*)(uint64_t))(uintptr_t)at;
}

/* Makes code, and more in the same page when the first has run; waits for a line; and runs it for long. For snapshots that
 * are taken where it waits. */
static int generated(void)
{
    enum { ADD = 0x01, SUB = 0x29, FEW = 1000, MANY = 1000000 };
    uint8_t *code = pages(1);
    uint64_t sum = write_loop(code, ADD)(FEW);
    uint64_t (*down)(uint64_t) = write_loop(code + 64, SUB);
    sum += down(FEW);
    puts("made");
    fflush(stdout);
    if (getchar() == EOF)
        return 3;
    sum += down(MANY);
    return report("generated", -sum, (uint64_t)MANY * (MANY + 1) / 2);
}

static const struct {
    const char *name;
    int (*run)(void);
} CASES[] = {
    { "rewrite", rewrite }, { "reuse", reuse }, { "alias", alias },   { "file", file },
    { "caller", caller },   { "unmap", unmap }, { "spaces", spaces }, { "straddle", straddle },
    { "tracer", tracer },   { "compiler", compiler }, { "repeats", repeats },
};

int main(int argc, char **argv)
{
    int wrong = 0, known = 0;
    if (argc == 2 && strcmp(argv[1], "child") == 0)
        return 42;
    if (argc == 2 && strcmp(argv[1], "generated") == 0)
        return generated();
    begin = argc == 3 ? 8 : 0, whole = argc == 2;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (argc == 1 || strcmp(argv[1], CASES[i].name) == 0)
            known = 1, wrong |= CASES[i].run();
    return known ? wrong : 2;
}

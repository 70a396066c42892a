/* What debuggers use: single steps, breakpoints in hardware, alignment checks. Each case prints its name and what it counted; the
 * sums are of addresses, as distances in `work`. The argument is the case. */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { TF = 0x100, AC = 0x40000, ROUNDS = 300 };

int watched[4];
extern char work[], work_end[];

/* A loop of ROUNDS with a call, a copy, a system call and two stores, so that there is something to step through. */
__asm__(".text\n.globl work, work_end\nwork:\n"
        "  push %rbx\n"
        "  mov $300, %ebx\n"
        "1: call 2f\n"
        "  incl watched(%rip)\n"
        "  mov watched(%rip), %eax\n"
        "  movw $7, watched+6(%rip)\n"
        "  lea watched+8(%rip), %rdi\n"
        "  mov $5, %ecx\n"
        "  rep stosb\n"
        "  dec %ebx\n"
        "  jnz 1b\n"
        "  mov $39, %eax\n" /* getpid */
        "  syscall\n"
        "  pop %rbx\n"
        "work_end:\n"
        "  ret\n"
        "2: xor %eax, %eax\n"
        "  ret\n");

static volatile long traps, sum;

static void on_trap(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    (void)number;
    traps++;
    sum += uc->uc_mcontext.gregs[REG_RIP] - (long)work + info->si_code;
}

static void on_bus(int number, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    (void)number;
    traps++;
    sum += info->si_code;
    uc->uc_mcontext.gregs[REG_EFL] &= ~AC;
}

static void catch(int number, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(number, &action, NULL);
}

/* The program steps itself, having run the code before without. */
static void trap_flag(void) {
    for (int i = 0; i < 2000; i++)
        ((void (*)(void))work)();
    catch(SIGTRAP, on_trap);
    __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n orl $0x100, (%%rsp)\n popfq\n call work\n"
                     "pushfq\n andl $~0x100, (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp"
                     ::: "rax", "rcx", "rdi", "r11", "memory", "cc");
    printf("trapflag %ld\n", traps);
}

static void alignment(void) {
    catch(SIGBUS, on_bus);
    for (int i = 0; i < 100; i++) {
        int value;
        __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n orl $0x40000, (%%rsp)\n popfq\n"
                         "mov watched(%%rip), %0\n mov watched+1(%%rip), %0\n lea 128(%%rsp), %%rsp"
                         : "=&r"(value) :: "memory", "cc");
    }
    printf("alignment %ld %ld\n", traps, sum);
}

static void set_debug(pid_t child, int number, unsigned long value) {
    if (ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[number]), value))
        perror("PTRACE_POKEUSER");
}

static long rip(pid_t child) {
    return ptrace(PTRACE_PEEKUSER, child, offsetof(struct user_regs_struct, rip), 0) - (long)work;
}

/* A child at the start of `work`, stopped there by a breakpoint in DR0. */
static pid_t child_at_work(void) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 2000; i++)
            ((void (*)(void))work)();
        watched[0] = 0;
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        ((void (*)(void))work)();
        _exit(watched[0] == ROUNDS ? 3 : 4);
    }
    waitpid(child, &status, 0);
    set_debug(child, 0, (unsigned long)work);
    set_debug(child, 7, 1);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP || rip(child) != 0)
        printf("not at work: %x %lx\n", status, rip(child));
    set_debug(child, 7, 0);
    return child;
}

/* Counts stops, by `request` each time, until the child ends or has left `work`. */
static void count(const char *name, pid_t child, int request, int leaves) {
    int status;
    for (;;) {
        ptrace(request, child, 0, 0);
        waitpid(child, &status, 0);
        if (!WIFSTOPPED(status))
            break;
        traps++;
        if (rip(child) >= 0 && rip(child) < work_end - work)
            sum += rip(child) * (traps % 7 + 1);
        if (leaves && rip(child) == work_end - work)
            break;
    }
    if (leaves) {
        ptrace(PTRACE_CONT, child, 0, 0);
        waitpid(child, &status, 0);
    }
    printf("%s %ld %ld exit %d\n", name, traps, sum, WEXITSTATUS(status));
}

/* One breakpoint at an address until the child ends. */
static void at(const char *name, void *address, unsigned long control) {
    pid_t child = child_at_work();
    set_debug(child, 0, (unsigned long)address);
    set_debug(child, 7, control);
    count(name, child, PTRACE_CONT, 0);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (!strcmp(name, "trapflag"))
        trap_flag();
    else if (!strcmp(name, "alignment"))
        alignment();
    else if (!strcmp(name, "step"))
        count(name, child_at_work(), PTRACE_SINGLESTEP, 1);
    else if (!strcmp(name, "execute"))
        at(name, work + 6, 1);
    else if (!strcmp(name, "write"))
        at(name, watched, 0xd0001);
    else if (!strcmp(name, "access"))
        at(name, watched, 0xf0001);
    else if (!strcmp(name, "bytes"))
        at(name, watched + 2, 0xd0001);
    else if (!strcmp(name, "train"))
        for (int i = 0; i < 2000; i++)
            ((void (*)(void))work)();
    else
        return 2;
    return 0;
}

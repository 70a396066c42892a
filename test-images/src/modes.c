/* A 64-bit program that runs 32-bit code, in compatibility mode, and tells what came of it.
 *
 * The code of a case is bytes in a page below 4 GiB, called from 32-bit code below with registers and flags of the case's
 * choice. Cases print what is defined alone, so that every processor prints the same. */

#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { EAX, ECX, EDX, EBX, EBP, ESI, EDI, FLAGS, COUNT };
enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800, ARITHMETIC = 0x8d5 };
enum { PAGE = 4096, DATA_SELECTOR = 0x2b, CODE_32 = 0x23, CODE_64 = 0x33 };

/* Registers before and after, the code, the 64-bit stack pointer. All lie below 4 GiB, as the program does. */
uint32_t state[COUNT];
uint32_t target;
uint64_t saved;
uint32_t low_stack;
static uint8_t *code, *data;

void run32(void);

__asm__(".text\n"
        "run32:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, saved\n"
        "    mov low_stack, %esp\n"
        "    lcall *entry32\n"
        "    mov saved, %rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    cld\n"
        "    ret\n"
        ".code32\n"
        "start32:\n"
        "    push $0x2b; pop %ds\n"
        "    push $0x2b; pop %es\n"
        "    mov state+4, %ecx; mov state+8, %edx; mov state+12, %ebx\n"
        "    mov state+16, %ebp; mov state+20, %esi; mov state+24, %edi\n"
        "    push state+28; popf\n"
        "    mov state, %eax\n"
        "    call *target\n"
        "    push %ds; push $0x2b; pop %ds\n"
        "    mov %eax, state\n"
        "    pop %eax\n"
        "    pushf; pop state+28\n"
        "    mov %ecx, state+4; mov %edx, state+8; mov %ebx, state+12\n"
        "    mov %ebp, state+16; mov %esi, state+20; mov %edi, state+24\n"
        "    lret\n"
        ".code64\n"
        ".data\n"
        "entry32: .long start32; .short 0x23\n"
        ".text\n");

static void *low(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return at;
}

static void set_code(const char *bytes, size_t length)
{
    memcpy(code, bytes, length);
    target = (uint32_t)(uintptr_t)code;
}

#define CODE(bytes) set_code(bytes, sizeof(bytes) - 1)

static uint32_t sum;

static void add(uint32_t value)
{
    sum = (sum ^ value) * 0x01000193;
}

/* Every AL, some AH, CF and AF, through the decimal adjustments. */
static void decimal(void)
{
    static const struct {
        const char *name, *bytes;
        size_t length;
        uint32_t flags;
    } all[] = {
        { "aaa", "\x37\xc3", 2, CF | AF },           { "aas", "\x3f\xc3", 2, CF | AF },
        { "daa", "\x27\xc3", 2, ARITHMETIC & ~OF },  { "das", "\x2f\xc3", 2, ARITHMETIC & ~OF },
        { "aam", "\xd4\x0a\xc3", 3, SF | ZF | PF },  { "aam 7", "\xd4\x07\xc3", 3, SF | ZF | PF },
        { "aad", "\xd5\x0a\xc3", 3, SF | ZF | PF },  { "aad 255", "\xd5\xff\xc3", 3, SF | ZF | PF },
    };
    static const uint32_t high[] = { 0, 1, 0x99, 0xff };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        set_code(all[i].bytes, all[i].length);
        sum = 0;
        for (uint32_t n = 0; n < 256 * 4 * 4; n++) {
            state[EAX] = 0xabcd0000 | high[n >> 8 & 3] << 8 | (n & 0xff);
            state[FLAGS] = (n >> 10 & 1 ? CF : 0) | (n >> 11 & 1 ? AF : 0);
            run32();
            add(state[EAX]);
            add(state[FLAGS] & all[i].flags);
        }
        printf("%s %08x\n", all[i].name, sum);
    }
}

/* The same bytes in both modes, each often enough to be worth translating: inc rax, and dec eax; inc eax. */
static void both(void)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    CODE("\x48\xff\xc0\xc3");
    for (int i = 0; i < 20000; i++) {
        __asm__ volatile("call *%1" : "+a"(wide) : "r"((uint64_t)target) : "memory", "cc");
        state[EAX] = i;
        run32();
        narrow += state[EAX] == (uint32_t)i;
    }
    printf("64-bit %llu, 32-bit %u\n", (unsigned long long)wide, narrow);
}

/* The stack: what is pushed and popped, and how much. */
static void stack(void)
{
    /* pusha; mov eax, [esp + 12]; sub eax, esp; mov [esp + 28], eax; popa; ret */
    CODE("\x60\x8b\x44\x24\x0c\x29\xe0\x89\x44\x24\x1c\x61\xc3");
    for (int i = 0; i < FLAGS; i++)
        state[i] = 0x11111111 * i;
    run32();
    printf("pusha %x %x %x\n", state[EAX], state[EBX], state[EDI]);
    /* push cs; push ds; push es; push ss; pop eax; pop ecx; pop edx; pop ebx; ret */
    CODE("\x0e\x1e\x06\x16\x58\x59\x5a\x5b\xc3");
    run32();
    /* The upper halves may be what was there (SDM volume 2, PUSH). */
    unsigned low = 0xffff;
    printf("segments %x %x %x %x\n", state[EAX] & low, state[ECX] & low, state[EDX] & low, state[EBX] & low);
    /* mov ebp, esp; enter 16, 2; mov eax, ebp; sub eax, esp; leave; mov ecx, esp; sub ecx, ebp; ret */
    CODE("\x89\xe5\xc8\x10\x00\x02\x89\xe8\x29\xe0\xc9\x89\xe1\x29\xe9\xc3");
    run32();
    printf("enter %x %x\n", state[EAX], state[ECX]);
    /* push word 5; push -2; pop eax; pop cx; push 7; pop edx; call +1; ret; pop ebx; sub ebx, [esp]; ret */
    CODE("\x66\x6a\x05\x6a\xfe\x58\x66\x59\x6a\x07\x5a\xe8\x01\x00\x00\x00\xc3\x5b\x2b\x1c\x24\xc3");
    state[ECX] = 0xcccccccc;
    run32();
    printf("push %x %x %x\n", state[EAX], state[ECX], state[EDX]);
    /* xor eax, eax; mov ecx, 0x10003; address-size loop: inc eax; loopw -4; jcxz +1; inc eax; ret */
    CODE("\x31\xc0\xb9\x03\x00\x01\x00\x40\x67\xe2\xfc\x67\xe3\x01\x40\xc3");
    run32();
    printf("loop %x %x\n", state[EAX], state[ECX]);
    /* les ecx, [esi]; mov edx, es; arpl ax, bx; ret */
    *(uint32_t *)data = 0x12345678;
    *(uint16_t *)(data + 4) = DATA_SELECTOR;
    CODE("\xc4\x0e\x8c\xc2\x63\xd8\xc3");
    state[ESI] = (uint32_t)(uintptr_t)data;
    state[EAX] = 0x40, state[EBX] = 3;
    run32();
    printf("les %x %x arpl %x %x\n", state[ECX], state[EDX], state[EAX], state[FLAGS] & ZF);
}

/* Strings, with pointers of 32 and of 16 bits. */
static void strings(void)
{
    for (int i = 0; i < 3 * PAGE; i++)
        data[i] = i * 7;
    /* rep movsb; mov esi, eax; mov ecx, edx; repe cmpsb; ret */
    CODE("\xf3\xa4\x89\xc6\x89\xd1\xf3\xa6\xc3");
    uint32_t from = (uint32_t)(uintptr_t)data;
    state[ESI] = from + 5, state[EDI] = from + PAGE + 9, state[ECX] = PAGE;
    state[EAX] = from + 3 * PAGE - 100, state[EDX] = 1000, state[FLAGS] = 0;
    run32();
    sum = 0;
    for (int i = 0; i < 3 * PAGE; i++)
        add(data[i]);
    printf("movs %08x cmps %x %x\n", sum, state[ECX], state[EDI] - from);
    /* std; rep stosw; cld; lodsd; ret */
    CODE("\xfd\x66\xf3\xab\xfc\xad\xc3");
    state[EDI] = from + 0x40, state[ECX] = 9, state[ESI] = from + 0x30, state[EAX] = 0x1234;
    run32();
    printf("stos %x lods %x\n", state[EDI] - from, state[EAX]);
}

/* System calls of 32-bit Linux. */
static void calls(void)
{
    static const char text[] = "written by int 80h\n";
    fflush(stdout);
    /* int 80h; ret */
    CODE("\xcd\x80\xc3");
    memcpy(data, text, sizeof(text));
    state[EAX] = 4, state[EBX] = 1, state[ECX] = (uint32_t)(uintptr_t)data, state[EDX] = sizeof(text) - 1;
    run32();
    printf("write %d\n", (int)state[EAX]);
    state[EAX] = 20;
    run32();
    printf("getpid %d\n", (int)state[EAX] == (int)getpid());
    state[EAX] = 9999;
    run32();
    printf("no call %d\n", (int)state[EAX]);
}

/* The thread's data segment, made anew: struct user_desc of Linux. Its system call replaces the code. */
static uint16_t thread_segment(uint32_t base, uint32_t limit, uint32_t flags)
{
    static uint32_t entry = -1;
    uint32_t *desc = (uint32_t *)(data + 2 * PAGE);
    desc[0] = entry, desc[1] = base, desc[2] = limit, desc[3] = flags;
    CODE("\xcd\x80\xc3");
    state[EAX] = 243, state[EBX] = (uint32_t)(uintptr_t)desc;
    run32();
    if (state[EAX]) {
        printf("set_thread_area %d\n", (int)state[EAX]);
        exit(2);
    }
    entry = desc[0];
    return entry << 3 | 3;
}

static sigjmp_buf back;
static char signal_stack[1 << 16];

static void on_signal(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    printf("signal %d trap %d error %x", number, (int)registers[REG_TRAPNO], (unsigned)registers[REG_ERR]);
    if (registers[REG_TRAPNO] == 14)
        printf(" address %llx", (unsigned long long)registers[REG_CR2]);
    long long at = registers[REG_RIP] - target;
    printf(at >= 0 && at < PAGE ? " at +%lld" : " elsewhere", at);
    printf(" cs %x\n", (unsigned)registers[REG_CSGSFS] & 0xffff);
    siglongjmp(back, 1);
}

static void try(const char *name)
{
    printf("%s: ", name);
    if (sigsetjmp(back, 1) == 0) {
        run32();
        printf("eax %x\n", state[EAX]);
    }
}

enum { SEG_32BIT = 1, EXPAND_DOWN = 2, READ_ONLY = 8, IN_PAGES = 16 };

/* Segments' bases and limits, and what raises which exception. */
static void faults(void)
{
    stack_t alternative = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &action, NULL);
    uint32_t base = (uint32_t)(uintptr_t)data;
    memset(data, 0x5a, PAGE);
    uint16_t small = thread_segment(base, 0xff, SEG_32BIT);
    /* mov gs, edx; mov eax, gs:[esi]; ret */
    CODE("\x8e\xea\x65\x8b\x06\xc3");
    state[EDX] = small, state[ESI] = 0xfc;
    try("last bytes");
    state[ESI] = 0xfd;
    try("behind the limit");
    state[EDX] = 0, state[ESI] = base;
    try("null segment");
    state[EDX] = 0xfff3;
    try("no segment");
    /* mov gs, edx; mov gs:[esi], eax; ret */
    state[EDX] = thread_segment(base, 0xfffff, SEG_32BIT | READ_ONLY | IN_PAGES), state[ESI] = 0;
    CODE("\x8e\xea\x65\x89\x06\xc3");
    state[EAX] = 1;
    try("read-only segment");
    CODE("\x8e\xea\x65\x8b\x06\xc3");
    try("read through it");
    state[EDX] = thread_segment(base, 0xff, SEG_32BIT | EXPAND_DOWN);
    CODE("\x8e\xea\x65\x8b\x06\xc3");
    state[ESI] = 0xff;
    try("below an expand-down segment");
    state[ESI] = 0x100;
    try("in an expand-down segment");
    /* mov cs:[esi], eax; ret */
    CODE("\x2e\x89\x06\xc3");
    state[ESI] = base;
    try("write to the code segment");
    /* mov ss, edx; mov eax, [esp + 0x200] */
    state[EDX] = thread_segment(base, 0xff, SEG_32BIT);
    CODE("\x8e\xd2\x8b\x84\x24\x00\x02\x00\x00");
    try("behind the stack's limit");
    /* mov esp, 0; push eax */
    CODE("\xbc\x00\x00\x00\x00\x50");
    try("stack comes round");
    /* bound eax, [esi]; ret */
    CODE("\x62\x06\xc3");
    ((int32_t *)data)[0] = -3, ((int32_t *)data)[1] = 3;
    state[EAX] = -3;
    try("in bounds");
    state[EAX] = 4;
    try("out of bounds");
    /* into; ret */
    CODE("\xce\xc3");
    state[FLAGS] = 0;
    try("no overflow");
    state[FLAGS] = OF;
    try("overflow");
    state[FLAGS] = 0;
    CODE("\xd4\x00\xc3");
    try("aam by 0");
    CODE("\x0f\x0b");
    try("ud2");
    CODE("\xcc\xc3");
    try("int3");
    CODE("\xfa\xc3");
    try("cli");
    CODE("\xea\x00\x00\x00\x00\x2b\x00");
    try("far jump to data");
    CODE("\xea\x00\x00\x00\x00\x10\x00");
    try("far jump to the kernel");
    CODE("\xcd\x20");
    try("int 20h");
    /* jmp eax */
    CODE("\xff\xe0");
    state[EAX] = 0xfffff000;
    try("jump to nowhere");
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = { { "decimal", decimal }, { "both", both },   { "stack", stack },
                  { "strings", strings }, { "calls", calls }, { "faults", faults } };
    code = low(PAGE);
    data = low(3 * PAGE);
    low_stack = (uint32_t)(uintptr_t)low(4 * PAGE) + 4 * PAGE - 64;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (count < 2 || strcmp(words[1], cases[i].name) == 0)
            cases[i].run();
    return 0;
}

# Single steps. SDM volume 3B, 17.3.1.4; volume 3A, 6.8.3 (MOV SS); volume 2, SYSCALL, SYSRET, INT n, IRET.
        .include "prelude.inc"

        .macro  trap_flag                       # on; the trap follows the next instruction
        pushf
        orl     $TF, (%rsp)
        popf
        .endm

main:   mov     $0xc0000081, %ecx               # STAR, LSTAR, FMASK = 0
        xor     %eax, %eax
        mov     $KCODE | KDATA << 16, %edx
        wrmsr
        inc     %ecx
        mov     $system_call, %eax
        xor     %edx, %edx
        wrmsr
        mov     $0xc0000084, %ecx
        xor     %eax, %eax
        wrmsr

        case    "POPF, then two instructions"
        follow  2
        trap_flag
        nop
        nop
        nop
        endcase
        case    "a jump"
        follow  3
        trap_flag
        jmp     1f
        ud2
1:      nop
        jnz     1f
        nop
1:      endcase
        case    "PUSHF pushes TF"
        follow  2
        trap_flag
        pushf
        pop     %rax
        and     $TF, %eax
        movl    $1, follows                     # the handler drops TF with the last trap
        print
        endcase
        case    "MOV SS holds it off"
        follow  3
        mov     %ss, %ecx
        trap_flag
        nop
        mov     %ecx, %ss
        nop
        nop
        endcase
        case    "STI does not"
        follow  2
        movl    $IF, clear_flags
        trap_flag
        sti
        nop
        nop
        endcase
        cli
        case    "REP MOVSB, each element"
        follow  4
        mov     $scratch, %esi
        mov     $scratch + 100, %edi
        mov     $3, %ecx
        trap_flag
        rep movsb
        nop
        endcase
        case    "REP with nothing to do"
        follow  2
        xor     %ecx, %ecx
        trap_flag
        rep stosb
        nop
        endcase
        case    "REPE SCASB that ends early"
        follow  4
        mov     $scratch, %edi
        movb    $1, 2(%rdi)
        mov     $9, %ecx
        xor     %eax, %eax
        trap_flag
        repe scasb
        nop
        endcase
        case    "a fault: no step"
        movb    $1, show_flags
        trap_flag
        ud2
        endcase
        case    "INT3 clears it"
        movb    $1, show_flags
        follow  3
        trap_flag
        int3
        nop
        nop
        endcase
        case    "INT n clears it"
        follow  2
        mov     $1, %eax
        trap_flag
        print
        nop
        nop
        endcase
        case    "IRET sets it: one instruction later"
        follow  2
        mov     %rsp, %rax
        push    $KDATA
        push    %rax
        push    $TF | 2
        push    $KCODE
        push    $1f
        iretq
1:      nop
        nop
        nop
        endcase
        case    "IRET under it"
        follow  2
        mov     %rsp, %rax
        push    $KDATA
        push    %rax
        push    $2
        push    $KCODE
        push    $1f
        trap_flag
        iretq
1:      nop
        nop
        endcase
        case    "user mode"
        follow  3
        orl     $TF, user_flags
        user
        nop
        xor     %eax, %eax
        nop
        enduser
        case    "SYSCALL, TF not masked: in the kernel at once"
        follow  1
        orl     $TF, user_flags
        user
        syscall
        enduser
        mov     $0xc0000084, %ecx
        mov     $TF, %eax
        xor     %edx, %edx
        wrmsr
        case    "SYSCALL and SYSRET, TF masked: at the return"
        follow  2
        orl     $TF, user_flags
        user
        syscall
        nop
        enduser
        .ifndef QEMU                            # which waits for ever
        case    "HLT: the trap ends it"
        follow  2
        trap_flag
        hlt
        nop
        endcase
        .endif
        case    "POPF clears it: a last trap"
        follow  9
        pushf
        trap_flag
        popf
        nop
        nop
        endcase
        case    "CPUID, RDTSC, FNINIT, MOV CR"
        follow  4
        trap_flag
        cpuid
        rdtsc
        fninit
        mov     %cr0, %rax
        nop
        endcase
        case    "MOV to DR6 does not lose the trap"
        follow  2
        xor     %eax, %eax
        trap_flag
        mov     %rax, %dr6
        nop
        endcase
        finish

system_call:
        sysretq

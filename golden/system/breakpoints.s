# Debug registers and breakpoints. SDM volume 3B, 17.2 and 17.3.
        .include "prelude.inc"

# DR0 = address, DR7 = control.
        .macro  breakpoint address, control
        mov     $\address, %rax
        mov     %rax, %dr0
        mov     $\control, %eax
        mov     %rax, %dr7
        .endm
        .macro  no_breakpoints
        xor     %eax, %eax
        mov     %rax, %dr7
        .endm
        .set    EXECUTE, 0
        .set    WRITE, 1 << 16
        .set    PORT, 2 << 16
        .set    ACCESS, 3 << 16
        .set    TWO, 1 << 18
        .set    FOUR, 3 << 18
        .set    EIGHT, 2 << 18
        .set    ON, 2                           # G0

main:   case    "what DR6 and DR7 hold"
        mov     %dr6, %rax
        print
        mov     %dr7, %rax
        print
        mov     $0xffffffff, %eax
        mov     %rax, %dr6
        mov     %dr6, %rax
        print
        xor     %eax, %eax
        mov     %rax, %dr6
        mov     %dr6, %rax
        print
        mov     %rax, %dr6
        mov     $0xd800, %eax
        mov     %rax, %dr7
        mov     %dr7, %rax
        print
        endcase
        no_breakpoints
        case    "DR3 holds 64 bits"
        mov     $0x123456789abcdef0, %rax
        mov     %rax, %dr3
        mov     %dr3, %rax
        print
        endcase
        case    "DR6 holds 32"
        mov     $1 << 32, %rax
        mov     %rax, %dr6
        endcase
        case    "DR7 holds 32"
        mov     $1 << 32, %rax
        mov     %rax, %dr7
        endcase
        case    "DR4 and DR5 are DR6 and DR7"
        .byte   0x0f, 0x21, 0xe0                # mov %dr4, %rax
        print
        .byte   0x0f, 0x21, 0xe8                # mov %dr5, %rax
        print
        endcase
        mov     %cr4, %rax
        or      $8, %eax                        # CR4.DE
        mov     %rax, %cr4
        case    "DR4 under CR4.DE"
        .byte   0x0f, 0x21, 0xe0
        endcase
        case    "DR8"
        .byte   0x44, 0x0f, 0x21, 0xc0
        endcase
        case    "DR7 in user mode"
        user
        mov     %dr7, %rax
        enduser
        case    "general detect"
        mov     $0x2000, %eax
        mov     %rax, %dr7
        mov     %dr0, %rax
        endcase
        case    "general detect is over in the handler"
        mov     %dr7, %rax
        print
        endcase

        case    "execution: a fault, held off by RF"
        follow  1
        movl    $RF, set_flags
        breakpoint 1f, EXECUTE | ON
        nop
1:      nop
        nop
        endcase
        case    "RF ends with one instruction"
        follow  2
        movl    $RF, set_flags
        breakpoint 1f, EXECUTE | ON
        mov     $2, %ecx
1:      dec     %ecx
        jnz     1b
        endcase
        case    "execution by L0, at the second byte: never"
        breakpoint 1f + 1, EXECUTE | 1
1:      mov     $1, %eax
        endcase
        case    "not enabled"
        breakpoint 1f, EXECUTE
1:      nop
        endcase
        case    "POPF does not set RF"
        breakpoint 1f, EXECUTE | ON
        push    $RF | 2
        popf
1:      nop
        endcase
        case    "before the fault of the instruction"
        follow  1
        movl    $RF, set_flags
        breakpoint 1f, EXECUTE | ON
1:      ud2
        endcase
        case    "after MOV SS: none"
        mov     %ss, %ecx
        breakpoint 1f, EXECUTE | ON
        mov     %ecx, %ss
1:      nop
        endcase
        no_breakpoints
        case    "execution in user mode"
        follow  1
        movl    $RF, set_flags
        breakpoint 1f + USER, EXECUTE | ON
        user
        nop
1:      nop
        enduser
        no_breakpoints
        case    "REP: once, not at each element"
        follow  1
        movl    $RF, set_flags
        breakpoint 1f, EXECUTE | ON
        mov     $scratch, %edi
        mov     $4, %ecx
1:      rep stosb
        nop
        endcase
        no_breakpoints

        case    "a write"
        follow  1
        breakpoint scratch, WRITE | FOUR | ON
        mov     scratch, %eax
        movl    $1, scratch
        nop
        endcase
        case    "a read"
        follow  1
        breakpoint scratch, ACCESS | FOUR | ON
        mov     scratch, %eax
        nop
        endcase
        case    "bytes beside it"
        breakpoint scratch + 4, ACCESS | FOUR | ON
        mov     scratch, %eax
        mov     scratch + 8, %al
        endcase
        case    "its last byte"
        follow  1
        breakpoint scratch + 4, ACCESS | FOUR | ON
        mov     scratch + 7, %al
        endcase
        case    "eight bytes; an access across its start"
        follow  1
        breakpoint scratch + 8, WRITE | EIGHT | ON
        movl    $1, scratch + 6
        endcase
        case    "the length aligns the address"
        follow  1
        breakpoint scratch + 3, WRITE | TWO | ON
        movb    $1, scratch + 2
        endcase
        case    "read, changed and written: once"
        follow  2
        breakpoint scratch, ACCESS | FOUR | ON
        incl    scratch
        nop
        endcase
        case    "two at once"
        follow  2
        mov     $scratch, %eax
        mov     %rax, %dr0
        mov     %rax, %dr1
        mov     $0x33000a | FOUR | FOUR << 4, %eax
        mov     %rax, %dr7
        mov     scratch, %eax
        nop
        endcase
        case    "PUSH"
        follow  1
        breakpoint "user_stack_top + USER - 8", WRITE | EIGHT | ON
        user
        push    %rcx
        nop
        enduser
        case    "a vector"
        follow  1
        breakpoint scratch + 12, WRITE | FOUR | ON
        movups  %xmm0, scratch
        nop
        endcase
        case    "the fault comes first"
        breakpoint scratch, ACCESS | FOUR | ON
        mov     $scratch, %esi
        mov     $TEST, %edi
        movsb
        endcase
        case    "REP MOVSB: after its element"
        follow  1
        breakpoint scratch + 102, WRITE | ON
        mov     $scratch, %esi
        mov     $scratch + 100, %edi
        mov     $5, %ecx
        rep movsb
        mov     %ecx, %eax
        print
        endcase
        case    "a step and a write: one exception"
        follow  2
        breakpoint scratch, WRITE | ON
        pushf
        orl     $TF, (%rsp)
        popf
        movb    $1, scratch
        nop
        endcase
        case    "MOV SS from memory: after the next instruction"
        follow  1
        no_breakpoints
        movl    $KDATA, scratch
        breakpoint scratch, ACCESS | TWO | ON
        mov     scratch, %ss
        nop
        nop
        endcase
        case    "user mode"
        follow  1
        breakpoint scratch + USER, WRITE | ON
        user
        movb    $1, scratch + USER
        nop
        enduser
        case    "another address of the same bytes: none"
        breakpoint scratch + USER, WRITE | ON
        movb    $1, scratch
        endcase
        case    "a port"
        follow  1
        breakpoint SERIAL + 7, PORT | ON
        mov     $SERIAL + 7, %edx
        in      %dx, %al
        nop
        endcase
        no_breakpoints
        case    "INT1: a trap that DR6 does not know"
        follow  1
        .byte   0xf1
        nop
        endcase
        case    "INT1 in user mode"
        user
        .byte   0xf1
        enduser
        case    "B0 to B3 are cleared by the next #DB, BS stays"
        mov     $0x400f, %eax
        mov     %rax, %dr6
        breakpoint 1f, EXECUTE | ON
1:      nop
        endcase
        no_breakpoints
        finish

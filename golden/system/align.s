# Alignment checks. SDM volume 3A, 6.15 (#AC), table 6-7.
        .include "prelude.inc"

        .macro  aligned name, code:vararg
        case    "\name"
        orl     $AC, user_flags
        mov     $scratch + USER, %ebx
        mov     $scratch + USER + 256, %edi
        user
        \code
        enduser
        .endm

main:   case    "CR0.AM clear"
        orl     $AC, user_flags
        mov     $scratch + USER, %ebx
        user
        mov     1(%rbx), %eax
        enduser
        mov     %cr0, %rax
        bts     $18, %rax                       # CR0.AM
        mov     %rax, %cr0
        case    "AC clear"
        mov     $scratch + USER, %ebx
        user
        mov     1(%rbx), %eax
        enduser
        case    "the kernel"
        pushf
        orl     $AC, (%rsp)
        popf
        mov     scratch + 1, %eax
        endcase
        aligned "a byte", mov 1(%rbx), %al
        aligned "a word", mov 1(%rbx), %ax
        aligned "a doubleword at 2", mov 2(%rbx), %eax
        aligned "a doubleword at 4", mov 4(%rbx), %eax
        aligned "a quadword at 4", mov 4(%rbx), %rax
        aligned "a store", mov %eax, 1(%rbx)
        aligned "read, changed and written", incl 2(%rbx)
        aligned "locked", lock incl 2(%rbx)
        aligned "MOVUPS", movups 1(%rbx), %xmm0
        aligned "MOVSS", movss 2(%rbx), %xmm0
        aligned "MOVSD", movsd 4(%rbx), %xmm0
        aligned "FLD m80 at 8", fldt 8(%rbx)
        aligned "FLD m80 at 4", fldt 4(%rbx)
        aligned "#GP of MOVAPS comes first", movaps 8(%rbx), %xmm0
        aligned "#PF comes first", mov TEST + 1, %eax
        case    "PUSH"
        orl     $AC, user_flags
        user
        lea     -4(%rsp), %rsp
        push    %rax
        enduser
        case    "REP MOVSW: before its element"
        orl     $AC, user_flags
        mov     $scratch + USER, %esi
        mov     $scratch + USER + 65, %edi
        mov     $4, %ecx
        user
        rep movsw
        enduser
        case    "POPF sets it, and clears it again"
        user
        mov     $scratch + USER, %ebx
        mov     1(%rbx), %eax
        pushf
        pop     %rcx
        mov     %ecx, %edx
        or      $AC, %edx
        push    %rdx
        popf
        push    %rcx
        popf
        mov     1(%rbx), %eax
        push    %rdx
        popf
        mov     1(%rbx), %eax
        enduser
        case    "an event's frame is the kernel's"
        orl     $AC, user_flags
        user
        mov     $7, %eax
        print
        enduser
        finish

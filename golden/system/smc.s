# Code that changes: SDM volume 3A, 8.1.3. Each case runs what it has written, through the same or another address, and through
# page tables.
        .include "prelude.inc"

# mov $N, %eax; ret
        .macro  routine at, number
        movb    $0xb8, \at
        movl    $\number, \at + 1
        movb    $0xc3, \at + 5
        .endm

main:   case    "written, run, written again, run"
        routine code, 1
        call    code
        print
        movl    $2, code + 1
        call    code
        print
        movb    $3, code + 1
        call    code
        print
        endcase
        case    "a hundred times"
        xor     %r12d, %r12d
        xor     %r13d, %r13d
1:      mov     %r12d, code + 1
        call    code
        add     %eax, %r13d
        inc     %r12d
        cmp     $100, %r12d
        jne     1b
        mov     %r13d, %eax
        print
        endcase
        case    "the next instruction"
        movl    $7, 1f + 1
        jmp     1f
1:      mov     $1, %eax
        print
        endcase
        case    "the next instruction, without a jump"
        movb    $8, 1f + 1
1:      mov     $1, %eax
        print
        endcase
        case    "written through another address"
        call    code
        movl    $0x55, code + USER + 1
        call    code
        print
        endcase
        case    "written in user mode, run in the kernel"
        user
        movl    $0x66, code + USER + 1
        enduser
        case    "what it wrote"
        call    code
        print
        endcase
        case    "across two pages"
        routine code + 4093, 0x11223344
        call    code + 4093
        print
        movb    $0x99, code + 4097
        call    code + 4093
        print
        endcase
        case    "REP MOVSB over code"
        routine code, 5
        call    code
        mov     $code, %edi
        mov     $template, %esi
        mov     $6, %ecx
        rep movsb
        call    code
        print
        endcase
        case    "REP STOSB over the instruction after it"
        mov     $1f, %edi
        mov     $0x90, %eax
        mov     $2, %ecx
        rep stosb
1:      ud2
        endcase
        case    "mapped elsewhere"
        mov     $code + 7, %eax
        mov     %rax, test_table
        invlpg  TEST
        mov     $TEST, %ebx
        call    *%rbx
        print
        routine code2, 0x77
        mov     $code2 + 7, %eax
        mov     %rax, test_table
        invlpg  TEST
        mov     $TEST, %ebx
        call    *%rbx
        print
        endcase
        case    "run in user mode after a change by the kernel"
        user
        call    code
        print
        enduser
        case    "changed"
        movl    $0x88, code + 1
        user
        call    code
        print
        enduser

# A page table that is run: byte b8 before an entry makes it the immediate of `mov $entry, %eax`, whose accessed bit (0x20) the
# walk of another address sets. The entry's upper half is `add %al, (%rax)` twice, at the page that the entry names.
        case    "a page walk writes an accessed bit into code"
        movq    $walked + 7, test_directory
        movq    $code2 + 7, walked + 64
        invlpg  TEST + 0x8000
        movb    $0xb8, walked + 63
        movb    $0xc3, walked + 72
        call    walked + 63
        and     $0xfff, %eax
        print
        mov     TEST + 0x8000, %al
        call    walked + 63
        and     $0xfff, %eax
        print
        movb    %al, TEST + 0x8000
        call    walked + 63
        and     $0xfff, %eax
        print
        endcase
        finish

        .data
template:
        .byte   0xb8, 0x44, 0x33, 0, 0, 0xc3
        .bss
        .balign 4096
code:   .skip   8192
code2:  .skip   4096
walked: .skip   4096
        .text

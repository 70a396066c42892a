# Every exception that an instruction can raise: error code, saved RIP. SDM volume 3A, chapter 6.
        .include "prelude.inc"

main:   case    "#DE by zero"
        xor     %ecx, %ecx
        div     %ecx
        endcase
        case    "#DE too large"
        mov     $-1, %edx
        mov     $1, %ecx
        div     %ecx
        endcase
        case    "#BP"
        nop
        int3
        endcase
        case    "#BP in user mode"
        user
        int3
        enduser
        case    "INT 3 in user mode"
        user
        .byte   0xcd, 3
        enduser
        case    "INT n of level 0 in user mode"
        user
        int     $6
        enduser
        case    "INT n in the kernel"
        int     $0x30
        endcase
        case    "#UD"
        ud2
        endcase
        case    "#UD in user mode"
        user
        ud2
        enduser
        case    "#UD by LOCK"
        .byte   0xf0, 0x48, 0x89, 0xc8
        endcase
        case    "#NM"
        mov     %cr0, %rax
        or      $8, %eax
        mov     %rax, %cr0
        movaps  %xmm0, %xmm1
        endcase
        clts
        case    "#NM by the x87"
        mov     %cr0, %rax
        or      $8, %eax
        mov     %rax, %cr0
        fld1
        endcase
        clts
        case    "#NP of a data segment"
        mov     $0x38, %eax
        mov     %eax, %ds
        endcase
        case    "#SS of a stack segment"
        mov     $0x38, %eax
        mov     %eax, %ss
        endcase
        case    "#GP of a stack segment"
        mov     $0x40, %eax
        mov     %eax, %ss
        endcase
        case    "#GP beyond the GDT"
        mov     $0xfff8, %eax
        mov     %eax, %es
        endcase
        case    "#GP by an address"
        mov     $1 << 47, %rax
        mov     (%rax), %al
        endcase
        case    "#SS by an address"
        mov     $1 << 47, %rbp
        mov     (%rbp), %al
        endcase
        case    "#SS by PUSH"
        mov     $1 << 47, %rsp
        push    %rax
        endcase
        case    "#GP by a misaligned operand"
        movaps  scratch + 1, %xmm0
        endcase
        case    "#GP by an MSR"
        mov     $0x12345678, %ecx
        rdmsr
        endcase
        .ifndef QEMU                            # which goes astray
        case    "#GP by reserved bits of CR4"
        mov     %cr4, %rax
        bts     $40, %rax
        mov     %rax, %cr4
        endcase
        case    "#GP by CR0.PG without PE"
        mov     $0x80000000, %eax
        mov     %rax, %cr0
        endcase
        .endif
        case    "#UD by CR1"
        .byte   0x0f, 0x20, 0xc8
        endcase
        case    "#GP by CR8"
        mov     $16, %eax
        mov     %rax, %cr8
        endcase
        xor     %eax, %eax
        mov     %rax, %cr8
        .ifndef QEMU                            # which loads it
        case    "#GP by LIDT"
        lidt    not_canonical
        endcase
        .endif
        .irp    insn, hlt, cli, sti, clts, invd, swapgs, rdmsr, wrmsr, "mov %cr0, %rax", "mov %rax, %cr3", "lgdt gdtr + USER", "ltr %ax", "lmsw %ax", "invlpg scratch", "mov %dr0, %rax", "in $0x80, %al"
        case    "user mode: \insn"
        user
        \insn
        enduser
        .endr
        case    "user mode: a kernel page"
        user
        movb    $0, 0x1000
        enduser
        case    "user mode: no page"
        user
        mov     0x7fffe000, %eax
        enduser
        case    "the kernel: no page, a page further"
        mov     TEST - 1, %eax
        endcase
        case    "no page to jump to"
        mov     $TEST, %eax
        jmp     *%rax
        endcase
        case    "user mode: a kernel page to jump to"
        user
        mov     $0x1000, %eax
        jmp     *%rax
        enduser
        case    "#MF"
        fninit
        movl    $0x37b, scratch                 # the zero divide is not masked
        fldcw   scratch
        fldz
        fld1
        fdivp                                   # AT&T: ST(1) / ST
        fld1
        fdiv    %st(1), %st
        fwait
        endcase
        fninit
        case    "#XM"
        movl    $0x1d80, scratch
        ldmxcsr scratch
        xorps   %xmm0, %xmm0
        mov     $1, %eax
        cvtsi2ss %eax, %xmm1
        divss   %xmm0, %xmm1
        endcase
        case    "#UD instead of #XM"
        mov     %cr4, %rax
        and     $~0x400, %eax
        mov     %rax, %cr4
        divss   %xmm0, %xmm1
        endcase
        mov     %cr4, %rax
        or      $0x400, %eax
        mov     %rax, %cr4
        case    "more than 15 bytes"
        .fill   15, 1, 0x66
        nop
        endcase

# Delivery that fails (section 6.13: IDT and EXT bits; table 6-5: double faults).
        case    "a gate that is not present, by INT"
        movb    $0x0e, idt + 0x30 * 16 + 5
        int     $0x30
        endcase
        case    "a gate that is not present, by #UD"
        movb    $0x0e, idt + 6 * 16 + 5
        ud2
        endcase
        movb    $0x8e, idt + 6 * 16 + 5
        case    "a gate of another type, by #UD"
        movb    $0x8c, idt + 6 * 16 + 5
        ud2
        endcase
        movb    $0x8e, idt + 6 * 16 + 5
        case    "a gate without a segment, by #UD"
        movw    $0, idt + 6 * 16 + 2
        ud2
        endcase
        case    "a gate to a segment that is not present"
        movw    $0x58, idt + 6 * 16 + 2
        ud2
        endcase
        case    "a gate to a data segment"
        movw    $0x10, idt + 6 * 16 + 2
        ud2
        endcase
        movw    $KCODE, idt + 6 * 16 + 2
        case    "a gate beyond the IDT, by INT"
        lidt    short_idtr
        int     $0x30
        endcase
        lidt    idtr
        case    "a page fault whose gate is not present"
        movb    $0x0e, idt + 14 * 16 + 5
        mov     TEST, %al
        endcase
        movb    $0x8e, idt + 14 * 16 + 5
        case    "a division whose gate is not present"
        movb    $0x0e, idt + 5
        xor     %ecx, %ecx
        div     %ecx
        endcase
        movb    $0x8e, idt + 5
        case    "a #UD without a stack"
        movb    $2, idt + 6 * 16 + 4
        movq    $TEST + 64, tss + 36 + 8
        ud2
        endcase
        case    "a #UD with a stack at no address"
        mov     $1 << 47, %rax
        mov     %rax, tss + 44
        ud2
        endcase
        movb    $0, idt + 6 * 16 + 4
        case    "a page fault without a stack"
        mov     $TEST + 0x100, %esp
        mov     TEST, %al
        endcase
        finish

        .data
not_canonical:
        .word   0
        .quad   1 << 47
short_idtr:
        .word   0x30 * 16 - 1
        .quad   idt

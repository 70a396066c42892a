# Interrupts of the local APIC: self-IPI, timer, priorities, and what holds them off. SDM volume 3A, 6.8 and chapter 10.
        .include "prelude.inc"

        .macro  apic register, value
        mov     $APIC + \register, %ebx
        movl    $\value, (%rbx)
        .endm
        .macro  self_ipi number
        apic    0x300, 0x40000 | \number
        .endm

main:   apic    0x0f0, 0x1ff                    # enabled, spurious vector 0xff
        case    "a self-IPI after STI: one instruction later"
        self_ipi 0x40
        sti
        nop
        nop
        cli
        endcase
        case    "STI and CLI: none"
        sti                                     # nothing is pending
        cli
        self_ipi 0x40
        sti
        cli
        mov     interrupts, %eax
        print
        sti
        nop
        cli
        endcase
        case    "MOV SS holds off"
        mov     %ss, %ecx
        pushf
        orl     $IF, (%rsp)
        self_ipi 0x40
        popf
        mov     %ecx, %ss
        nop
        cli
        endcase
        case    "POPF does not"
        pushf
        orl     $IF, (%rsp)
        self_ipi 0x40
        popf
        nop
        cli
        endcase
        case    "IRET does not"
        mov     %rsp, %rax
        self_ipi 0x40
        push    $KDATA
        push    %rax
        push    $IF | 2
        push    $KCODE
        push    $1f
        iretq
1:      nop
        cli
        endcase
        case    "two pending: the higher first"
        self_ipi 0x40
        self_ipi 0x50
        sti
        nop
        nop
        cli
        endcase
        case    "CR8 holds off its class and below"
        mov     $4, %eax
        mov     %rax, %cr8
        self_ipi 0x40
        self_ipi 0x50
        sti
        nop
        nop
        xor     %eax, %eax
        mov     %rax, %cr8
        nop
        cli
        endcase
        case    "the IPI in user mode"
        orl     $IF, user_flags
        self_ipi 0x60
        user
        nop
        nop
        enduser
        case    "HLT ends with an interrupt"
        self_ipi 0x40
        sti
        hlt
        nop
        cli
        endcase
        case    "an NMI, which IF does not hold off"
        follow  1
        apic    0x300, 0x40400
        nop
        endcase
        case    "a second NMI waits for IRET"
        follow  2
        movl    $APIC + 0x300, send_again
        apic    0x300, 0x40400
        nop
        endcase
        case    "the timer, once"
        movb    $2, quiet
        apic    0x3e0, 0xb                      # divided by 1
        apic    0x320, 0x70
        apic    0x380, 1000
        sti
1:      cmpl    $0, interrupts
        je      1b
        mov     $10000, %ecx
        loop    .
        cli
        mov     interrupts, %eax
        print
        mov     $APIC + 0x390, %ebx
        mov     (%rbx), %eax
        print
        endcase
        case    "the timer, periodically, while the processor waits"
        movb    $1, quiet
        apic    0x320, 0x20070
        apic    0x380, 100000
1:      sti
        hlt
        cli
        cmpl    $5, interrupts
        jb      1b
        apic    0x320, 0x10070
        mov     interrupts, %eax
        mov     $5, %ecx                        # a busy host lets more come
        cmp     %ecx, %eax
        cmova   %ecx, %eax
        print
        sti                                     # one that came meanwhile is not the next case's
        nop
        cli
        endcase
        case    "the timer, masked"
        movb    $1, quiet
        apic    0x320, 0x10070
        apic    0x380, 1000
        sti
        mov     $10000, %ecx
        loop    .
        cli
        mov     interrupts, %eax
        print
        endcase
        case    "an interrupt whose gate is not present"
        movb    $0x0e, idt + 0x40 * 16 + 5
        self_ipi 0x40
        sti
        nop
        endcase
        apic    0x0b0, 0
        movb    $0x8e, idt + 0x40 * 16 + 5
        case    "in a loop of REP: RF is pushed"
        movb    $1, show_flags
        movl    $IF, clear_flags
        self_ipi 0x40
        xor     %eax, %eax
        mov     $scratch, %edi
        mov     $100, %ecx
        sti
        rep stosb
        cli
        endcase
        .ifndef QEMU                            # which delivers it
        case    "an illegal vector: the error register"
        self_ipi 5
        apic    0x280, 0
        mov     $APIC + 0x280, %ebx
        mov     (%rbx), %eax
        print
        endcase
        .endif
        finish

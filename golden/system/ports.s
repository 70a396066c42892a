# Ports: IOPL and the I/O permission bitmap. SDM volume 1, 19.5; what IOPL allows besides.
        .include "prelude.inc"

        .macro  ported name, code:vararg
        case    "\name"
        user
        \code
        enduser
        .endm

main:   ported  "none allowed", in $0x84, %al
        ported  "CLI", cli
        movb    $0xef, bitmap + 16              # 0x84
        ported  "one allowed", in $0x84, %al
        ported  "its neighbour is not", in $0x85, %al
        ported  "a word reaches it", in $0x84, %ax
        movb    $0xc3, bitmap + 16              # 0x82 to 0x85
        ported  "a doubleword", in $0x82, %eax
        ported  "a doubleword too far", in $0x83, %eax
        ported  "OUT", out %al, $0x85
        movb    $0x7f, bitmap + 16              # 0x87
        movb    $0xfe, bitmap + 17              # 0x88
        ported  "a word in two bytes of the bitmap", in $0x87, %ax
        movb    $0xff, bitmap + 17
        ported  "its second byte is not allowed", in $0x87, %ax
        movb    $0, bitmap + 127
        case    "the last port of the bitmap"
        mov     $1023, %edx
        user
        in      %dx, %al
        enduser
        case    "one port beyond"
        mov     $1024, %edx
        user
        in      %dx, %al
        enduser
        case    "INSB: before the page fault"
        mov     $1024, %edx
        mov     $TEST, %edi
        user
        insb
        enduser
        case    "REP OUTSB of nothing"
        mov     $1024, %edx
        xor     %ecx, %ecx
        user
        rep outsb
        enduser
        movw    $0xffff, bitmap - 2
        ported  "a bitmap beyond the TSS", in $0x87, %al
        case    "IOPL 3"
        orl     $0x3000, user_flags
        user
        cli
        sti
        in      $0x84, %al
        enduser
        case    "IOPL 2"
        orl     $0x2000, user_flags
        user
        in      $0x84, %al
        enduser
        case    "POPF in user mode changes neither IOPL nor IF"
        user
        push    $0x3202
        popf
        pushf
        pop     %rax
        and     $0x3200, %eax
        print
        enduser
        case    "POPF with IOPL 3 changes IF"
        orl     $0x3200, user_flags
        user
        push    $0x0002
        popf
        pushf
        pop     %rax
        and     $0x3200, %eax
        print
        enduser
        case    "HLT with IOPL 3"
        orl     $0x3000, user_flags
        user
        hlt
        enduser
        case    "RDTSC in user mode"
        user
        rdtsc
        enduser
        mov     %cr4, %rax
        or      $4, %eax
        mov     %rax, %cr4
        ported  "RDTSC under CR4.TSD", rdtsc
        ported  "RDTSCP under CR4.TSD", rdtscp
        ported  "RDPMC without CR4.PCE", rdpmc
        case    "RDTSC of the kernel under CR4.TSD"
        rdtsc
        endcase
        finish

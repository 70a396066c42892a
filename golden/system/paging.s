# Page-table permissions, accessed and dirty bits, SMEP, SMAP, UMIP, PCID. SDM volume 3A, 4.6 to 4.10.
        .include "prelude.inc"

# Every combination of R/W, U/S and NX in the last two levels, with CR0.WP and without. A line: CR0.WP, the combination (bits
# 0 to 2: the directory's entry is writable, user's, executable; 3 to 5: the table's), then the error code of #PF or `-` for a
# read, a write and a call of the kernel, and of user mode.
        .macro  attempt code
        movq    $66f, try_end
        mov     $TEST, %ebx
        invlpg  (%rbx)
        \code
        call    succeeded
66:
        .endm
        .macro  user_attempt code
        movq    $66f, try_end
        mov     $TEST, %ebx
        invlpg  (%rbx)
        user
        \code
        int     $0x20
66:
        .endm
        .macro  set_wp on
        mov     %cr0, %rax
        .if     \on
        bts     $16, %rax
        .else
        btr     $16, %rax
        .endif
        mov     %rax, %cr0
        .endm
        .macro  set_cr4 bit
        mov     %cr4, %rax
        bts     $\bit, %rax
        mov     %rax, %cr4
        .endm
        .macro  clear_cr4 bit
        mov     %cr4, %rax
        btr     $\bit, %rax
        mov     %rax, %cr4
        .endm
# The first page of TEST with these bits; its content is `page`.
        .macro  map bits, directory=7
        movabs  $\directory, %rax
        lea     test_table(%rax), %rax
        mov     %rax, test_directory
        movabs  $\bits, %rax
        lea     page(%rax), %rax
        mov     %rax, test_table
        invlpg  TEST
        .endm

main:   set_wp  0
        call    all_permissions
        set_wp  1
        call    all_permissions

        case    "a reserved bit of a table entry"
        map     7
        btsq    $45, test_table
        invlpg  TEST
        mov     TEST, %al
        endcase
        case    "a reserved bit of a directory entry, written in user mode"
        map     7
        btsq    $50, test_directory
        invlpg  TEST
        user
        movb    $1, TEST
        enduser
        case    "a reserved bit where nothing is present"
        map     6
        btsq    $45, test_table
        mov     TEST, %al
        endcase
        case    "a large page that is not aligned"
        movq    $0x2087, test_directory
        invlpg  TEST
        mov     TEST, %al
        endcase

        .macro  show_bits
        mov     test_directory, %rax
        and     $0x60, %eax
        print
        mov     test_table, %rax
        and     $0x60, %eax
        print
        .endm
        case    "accessed and dirty bits"
        map     7
        show_bits
        mov     TEST, %al
        show_bits
        mov     %al, TEST
        show_bits
        endcase
        case    "a refused write sets neither"
        map     5
        user
        movb    $1, TEST
        enduser
        case    "what it left"
        show_bits
        endcase
        case    "a write sets both at once, also where the page was read before"
        map     7
        mov     TEST, %al
        andq    $~0x60, test_table
        invlpg  TEST
        movb    $0xc3, TEST
        show_bits
        endcase
        case    "a page of another directory's size: dirty in the large entry"
        movq    $0x200087, test_directory
        invlpg  TEST
        mov     %al, TEST + 0x1000
        mov     test_directory, %rax
        and     $0x60, %eax
        print
        endcase

        set_cr4 20
        case    "SMEP: a user page to execute"
        map     7
        mov     $TEST, %eax
        jmp     *%rax
        endcase
        case    "SMEP: a kernel page to execute"
        map     3
        mov     $TEST, %eax
        call    *%rax
        endcase
        case    "SMEP: user mode"
        map     7
        user
        mov     $TEST, %eax
        call    *%rax
        enduser
        clear_cr4 20

        case    "STAC without SMAP"
        stac
        endcase
        set_cr4 21
        case    "SMAP: a read"
        map     7
        mov     TEST, %al
        endcase
        case    "SMAP: a write"
        map     7
        mov     %al, TEST
        endcase
        case    "SMAP: with AC"
        map     7
        stac
        mov     TEST, %al
        mov     %al, TEST
        clac
        mov     TEST, %al
        endcase
        case    "SMAP: a kernel page"
        map     3
        mov     TEST, %al
        endcase
        case    "SMAP: user mode"
        map     7
        user
        mov     TEST, %al
        enduser
        case    "SMAP: not present"
        map     6
        mov     TEST, %al
        endcase
        case    "STAC in user mode"
        user
        stac
        enduser
        case    "SMAP: the processor itself reads the LDT, AC does not count"
        mov     $scratch + USER, %rax
        movw    $15, gdt + 0x68
        mov     %ax, gdt + 0x6a
        shr     $16, %eax
        mov     %al, gdt + 0x6c
        movw    $0x82, gdt + 0x6d
        mov     %ah, gdt + 0x6f
        mov     gdt + KDATA, %rax
        mov     %rax, scratch + 8
        mov     $0x68, %eax
        lldt    %ax
        stac
        mov     $0xc, %eax
        mov     %eax, %es
        endcase
        clear_cr4 21

        .irp    insn, "sgdt (%rsp)", "sidt (%rsp)", "sldt %ax", "str %ax", "smsw %ax"
        case    "without UMIP: \insn"
        user
        sub     $16, %rsp
        \insn
        enduser
        .endr
        set_cr4 11
        .irp    insn, "sgdt (%rsp)", "sidt (%rsp)", "sldt %ax", "str %ax", "smsw %ax"
        case    "UMIP: \insn"
        user
        sub     $16, %rsp
        \insn
        enduser
        .endr
        case    "UMIP: the kernel"
        str     %eax
        print
        smsw    %eax
        print
        endcase
        clear_cr4 11

        .ifndef QEMU                            # which has no INVPCID, and checks neither CR4.PCIDE nor CR3
        case    "CR4.PCIDE with a PCID in CR3"
        mov     %cr3, %rax
        or      $8, %rax                        # PWT
        mov     %rax, %cr3
        mov     %cr4, %rax
        bts     $17, %rax
        mov     %rax, %cr4
        endcase
        mov     $pml4, %eax
        mov     %rax, %cr3
        case    "INVPCID of a context without CR4.PCIDE"
        movq    $1, scratch
        mov     $1, %eax
        invpcid scratch, %rax
        endcase
        set_cr4 17
        case    "two contexts, two pages"
        map     7
        mov     $pml4 + 1, %eax
        mov     %rax, %cr3
        movzbl  TEST, %eax
        print
        mov     $page2 + 7, %eax
        mov     %rax, test_table
        mov     $pml4 + 2, %eax
        mov     %rax, %cr3
        movzbl  TEST, %eax
        print
        movq    $2, scratch
        mov     $page + 7, %eax
        mov     %rax, test_table
        mov     $1, %eax
        invpcid scratch, %rax
        movzbl  TEST, %eax
        print
        mov     $pml4 + 1, %eax
        mov     %rax, %cr3
        movzbl  TEST, %eax
        print
        endcase
        case    "INVPCID of an address, all, all but global"
        mov     $page2 + 7, %eax
        mov     %rax, test_table
        movq    $1, scratch
        movq    $TEST, scratch + 8
        xor     %eax, %eax
        invpcid scratch, %rax
        movzbl  TEST, %eax
        print
        mov     $page + 7, %eax
        mov     %rax, test_table
        movq    $0, scratch + 8
        mov     $2, %eax
        invpcid scratch, %rax
        movzbl  TEST, %eax
        print
        endcase
        case    "INVPCID of an address that is none"
        mov     $1 << 47, %rax
        mov     %rax, scratch + 8
        xor     %eax, %eax
        invpcid scratch, %rax
        endcase
        case    "INVPCID of type 4"
        mov     $4, %eax
        invpcid scratch, %rax
        endcase
        case    "INVPCID with reserved bits"
        movq    $0x1000, scratch
        mov     $1, %eax
        invpcid scratch, %rax
        endcase
        case    "CR3 keeps what bit 63 says, and does not hold it"
        mov     $pml4 + 2, %eax
        bts     $63, %rax
        mov     %rax, %cr3
        mov     %cr3, %rax
        sub     $pml4, %rax
        print
        endcase
        case    "CR3 beyond the physical addresses"
        mov     $pml4, %eax
        bts     $52, %rax
        mov     %rax, %cr3
        endcase
        mov     $pml4, %eax
        mov     %rax, %cr3
        clear_cr4 17
        case    "CR3 bit 63 without CR4.PCIDE"
        mov     $pml4, %eax
        bts     $63, %rax
        mov     %rax, %cr3
        endcase
        .endif
        case    "a global page survives CR3, not INVLPG"
        map     0x107
        movzbl  TEST, %eax
        print
        mov     $page2 + 0x107, %eax
        mov     %rax, test_table
        invlpg  TEST
        movzbl  TEST, %eax
        print
        endcase
        finish

# Through all 64 combinations; the combination is in R12: bits 0 to 2 the directory's w, u, x, bits 3 to 5 the table's.
all_permissions:
        xor     %r12d, %r12d
1:      case    "CR0.WP, combination"
        mov     %cr0, %rax
        shr     $16, %eax
        and     $1, %eax
        print
        mov     %r12, %rax
        print
        mov     %r12, %rax
        call    entry_bits
        lea     test_table(%rax), %rax
        mov     %rax, test_directory
        mov     %r12, %rax
        shr     $3, %rax
        call    entry_bits
        lea     page(%rax), %rax
        mov     %rax, test_table
        attempt "mov (%rbx), %al"
        attempt "movb $0xc3, (%rbx)"
        attempt "call *%rbx"
        user_attempt "mov (%rbx), %al"
        user_attempt "movb $0xc3, (%rbx)"
        user_attempt "call *%rbx"
        endcase
        inc     %r12d
        cmp     $64, %r12d
        jne     1b
        ret

# The bits of an entry for w, u, x in RAX.
entry_bits:
        mov     $1, %ecx
        bt      $2, %eax
        jc      1f
        bts     $63, %rcx
1:      and     $3, %eax
        lea     (%rcx, %rax, 2), %rax
        ret

        .data
        .balign 4096
page:   .fill   4096, 1, 0xc3
page2:  .fill   4096, 1, 0x90

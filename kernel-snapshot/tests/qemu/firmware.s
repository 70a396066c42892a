# A firmware that only sets the processor's state of the 64-bit boot protocol and jumps to the kernel.
# Linked at 0xf0000, 64 KiB. Symbols CR3, GDT, GDT_LIMIT, ENTRY and BOOT_PARAMS are given on the command line.
# From real mode straight to long mode: SDM volume 3A, section 9.8.5, without the detour over 32-bit code.

        .code16
start:  cli
        mov     $0x20, %eax             # CR4.PAE
        mov     %eax, %cr4
        mov     $CR3, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       # EFER.LME
        rdmsr
        or      $0x100, %eax
        wrmsr
        lgdtl   %cs:gdtr - 0xf0000
        mov     $0x80000011, %eax       # CR0.PG, ET, PE
        mov     %eax, %cr0
        ljmpl   $0x10, $long

        .code64
long:   mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $BOOT_PARAMS, %rsi
        mov     $ENTRY, %rax
        jmp     *%rax

gdtr:   .word   GDT_LIMIT
        .long   GDT

        .org    0xfff0                  # the reset vector
        .code16
        jmp     start
        .org    0x10000

# Bochs's firmware: reads a disk into memory as the table behind it says, and enters the kernel by the 64-bit boot protocol.
# Linked at 0xf0000, 64 KiB. Symbols CR3, GDT, GDT_LIMIT, ENTRY and BOOT_PARAMS are given on the command line; the table's
# rows are three words: address, first sector, number of sectors; the last number is 0.

        .equ    DISK, 0x1f0             # ATA: data; count, three bytes of the address, device, command at 2 to 7
        .equ    CONTROL, 0x3f6

        .code16
start:  cli
        lgdtl   %cs:flat - 0xf0000
        mov     $0x11, %eax             # CR0.ET, PE
        mov     %eax, %cr0
        ljmpl   $0x08, $protected

        .code32
protected:
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $0x6000, %esp
        cld
        mov     $2, %al                 # no interrupts
        mov     $CONTROL, %dx
        out     %al, %dx
        mov     $loads, %esi
load:   mov     (%esi), %edi
        mov     4(%esi), %ebx
        mov     8(%esi), %ebp
        add     $12, %esi
        test    %ebp, %ebp
        jz      loaded
chunk:  mov     $128, %ecx              # sectors of a command
        cmp     %ecx, %ebp
        jae     1f
        mov     %ebp, %ecx
1:      call    read
        add     %ecx, %ebx
        sub     %ecx, %ebp
        jnz     chunk
        jmp     load

# Reads %ecx sectors from %ebx on to %edi.
read:   push    %ecx
        mov     $DISK + 7, %dx
1:      in      %dx, %al                # until it is not busy
        test    $0x80, %al
        jnz     1b
        mov     $DISK + 2, %dx
        mov     %cl, %al
        out     %al, %dx
        mov     %ebx, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        inc     %dx
        out     %al, %dx
        shr     $8, %eax
        or      $0xe0, %al              # by sector number
        inc     %dx
        out     %al, %dx
        mov     $0x20, %al              # READ SECTORS
        inc     %dx
        out     %al, %dx
sector: push    %ecx
1:      in      %dx, %al                # until it is not busy and has data
        and     $0x88, %al
        cmp     $0x08, %al
        jne     1b
        mov     $DISK, %dx
        mov     $256, %ecx
        rep insw
        mov     $DISK + 7, %dx
        pop     %ecx
        loop    sector
        pop     %ecx
        ret

loaded: mov     $0x20, %eax             # CR4.PAE
        mov     %eax, %cr4
        mov     $CR3, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       # EFER.LME
        rdmsr
        or      $0x100, %eax
        wrmsr
        lgdtl   gdtr
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

        .balign 8
segments:
        .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
flat:   .word   23
        .long   segments
gdtr:   .word   GDT_LIMIT
        .long   GDT

        .section .reset, "ax"
        .code16
        ljmp    $0xf000, $0             # start
        .section .text
        .balign 4
loads:

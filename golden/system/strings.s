# Repeated string instructions: to their end, whatever an execution does at a time; what a fault and an interrupt leave. SDM
# volume 2, REP.
        .include "prelude.inc"

        .macro  left
        mov     %ecx, %eax
        print
        .endm

main:   movl    $0x04030201, scratch
        case    "REP LODSB"
        mov     $scratch, %esi
        mov     $4, %ecx
        rep lodsb
        inc     %ecx                            # in the same block: once
        movzbl  %al, %eax
        print
        left
        endcase
        case    "REP MOVSB of 200 KiB, REP STOSB, REPE CMPSB"
        mov     $big, %edi
        mov     $200 * 1024, %ecx
        mov     $0x5a, %eax
        rep stosb
        inc     %edi
        left
        mov     $big, %esi
        mov     $big + 256 * 1024, %edi
        mov     $200 * 1024, %ecx
        rep movsb
        dec     %edi
        left
        movzbl  (%rdi), %eax
        print
        movb    $0, -9(%rdi)
        mov     $big, %esi
        mov     $big + 256 * 1024, %edi
        mov     $200 * 1024, %ecx
        repe cmpsb
        inc     %ecx
        left
        endcase
        case    "REPNE SCASB of 100 KiB"
        mov     $big, %edi
        mov     $200 * 1024, %ecx
        movb    $1, big + 100 * 1024
        mov     $1, %eax
        repne scasb
        inc     %edi
        left
        endcase
        case    "REP INSB, REP OUTSB"
        mov     $SERIAL + 7, %edx
        mov     $scratch + 16, %edi
        mov     $5, %ecx
        rep insb
        inc     %ecx
        left
        mov     $scratch, %esi
        mov     $4, %ecx
        rep outsb
        in      %dx, %al
        movzbl  %al, %eax
        print
        left
        endcase
        case    "downwards"
        std
        mov     $scratch + 3, %esi
        mov     $scratch + 35, %edi
        mov     $4, %ecx
        rep movsb
        cld
        mov     scratch + 32, %eax
        print
        endcase
        case    "a fault in the middle"
        mov     $page + 7, %eax
        mov     %rax, test_table
        mov     $TEST + 4090, %edi
        mov     $10, %ecx
        rep stosb
        endcase
        case    "what it has done"
        mov     $page + 7, %eax
        mov     %rax, test_table
        mov     $TEST + 4090, %edi
        mov     $10, %ecx
        follow  1
        movq    $1f - 2f, skip
2:      rep stosb
1:      left
        mov     %edi, %eax
        print
        endcase
        finish

        .bss
        .balign 4096
page:   .skip   4096
big:    .skip   512 * 1024
        .text

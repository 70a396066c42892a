# Far transfers and segment loads: IRET, RETF, far JMP and CALL, SYSCALL, SYSRET, MOV to segment registers, LTR, LLDT, LAR,
# LSL, VERR, VERW. SDM volume 3A, chapters 3 and 5; volume 2.
        .include "prelude.inc"

        .macro  iret_to ss, rsp, flags, cs, rip
        push    $\ss
        push    $\rsp
        push    $\flags
        push    $\cs
        push    $\rip
        iretq
        .endm
        .macro  zf
        setz    %al
        movzbl  %al, %eax
        print
        .endm

main:   case    "IRET with NT"
        push    $NT | 2
        popf
        iret_to KDATA, stack_top-64, 2, KCODE, 1f
1:      endcase
        case    "IRET to a null CS"
        iret_to KDATA, stack_top-64, 2, 0, 1f
1:      endcase
        case    "IRET to a data segment"
        iret_to KDATA, stack_top-64, 2, KDATA, 1f
1:      endcase
        case    "IRET beyond the GDT"
        iret_to KDATA, stack_top-64, 2, 0x1000, 1f
1:      endcase
        case    "IRET to a code segment that is not present"
        iret_to KDATA, stack_top-64, 2, 0x58, 1f
1:      endcase
        case    "IRET to level 3 with a stack of level 0"
        iret_to KDATA, user_stack_top + USER, 2, UCODE, 1f
1:      endcase
        case    "IRET to level 3 with a null stack"
        iret_to 3, user_stack_top + USER, 2, UCODE, 1f
1:      endcase
        case    "IRET to level 0 with a stack that is not present"
        iret_to 0x38, stack_top-64, 2, KCODE, 1f
1:      endcase
        case    "IRET to level 3 with code of level 0"
        iret_to UDATA, user_stack_top + USER, 2, KCODE | 3, 1f
1:      endcase
        case    "IRET to no address"
        mov     $1 << 47, %rax
        push    $KDATA
        push    $stack_top - 64
        push    $2
        push    $KCODE
        push    %rax
        iretq
        endcase
        case    "IRET from no address"
        mov     $1 << 47, %rsp
        iretq
        endcase
        case    "IRET of level 3 to level 0"
        user
        mov     %rsp, %rax
        push    $KDATA
        push    %rax
        push    $2
        push    $KCODE
        push    $1f
        iretq
1:      enduser
        case    "IRET of level 3 changes neither IOPL nor IF"
        user
        lea     1f(%rip), %rcx
        mov     %rsp, %rax
        push    $UDATA
        push    %rax
        push    $0x3202
        push    $UCODE
        push    %rcx
        iretq
1:      pushf
        pop     %rax
        and     $0x3200, %eax
        print
        enduser
        case    "IRETD"
        sub     $20, %rsp
        movl    $1f, (%rsp)
        movl    $KCODE, 4(%rsp)
        movl    $2, 8(%rsp)
        movl    $stack_top - 64, 12(%rsp)
        movl    $KDATA, 16(%rsp)
        iretl
1:      mov     %rsp, %rax
        sub     $stack_top, %rax
        neg     %rax
        print
        mov     case_rsp, %rsp
        endcase
        case    "RETF to the same level"
        push    $KCODE
        push    $1f
        lretq
        ud2
1:      endcase
        case    "RETF to level 3"
        push    $UDATA
        push    $user_stack_top + USER
        push    $UCODE
        push    $1f + USER
        lretq
        ud2
1:      mov     %cs, %eax
        print
        mov     %ss, %eax
        print
        enduser
        case    "RETF to an inner level"
        user
        push    $KCODE
        push    $1f
        lretq
1:      enduser
        case    "a far jump"
        movq    $1f, scratch
        movw    $KCODE, scratch + 8
        rex.w ljmp *scratch
        ud2
1:      endcase
        case    "a far jump to a conforming segment"
        movq    $1f, scratch
        movw    $0x48, scratch + 8
        rex.w ljmp *scratch
        ud2
1:      mov     %cs, %eax
        print
        endcase
        movq    $2f, scratch
        movw    $KCODE, scratch + 8
        rex.w ljmp *scratch
2:      case    "a far call"
        movq    $1f, scratch
        movw    $KCODE, scratch + 8
        rex.w lcall *scratch
        ud2
1:      mov     8(%rsp), %eax
        print
        add     $16, %rsp
        endcase
        case    "a far jump to a data segment"
        movl    $1f, scratch
        movw    $KDATA, scratch + 4
        ljmpl   *scratch
1:      endcase
        case    "a far jump to a null segment"
        movl    $1f, scratch
        movw    $0, scratch + 4
        ljmpl   *scratch
1:      endcase
        case    "a far jump to the TSS"
        movl    $1f, scratch
        movw    $TASK, scratch + 4
        ljmpl   *scratch
1:      endcase
        case    "a far jump of level 3 to level 0"
        user
        ljmpl   *far_start
        enduser

        .irp    selector, 0, 3, 0x10, 0x13, 0x1b, 0x38, 0x40, 0x08, 0x60, 0x28, 0x50, 0x14, 0xfff0
        case    "MOV DS, \selector"
        mov     $\selector, %eax
        mov     %eax, %ds
        endcase
        case    "MOV SS, \selector"
        mov     $\selector, %eax
        mov     %eax, %ss
        endcase
        mov     $KDATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        case    "level 3: MOV FS, \selector"
        user
        mov     $\selector, %eax
        mov     %eax, %fs
        enduser
        case    "LAR, LSL, VERR, VERW of \selector in the kernel"
        xor     %ebx, %ebx
        mov     $\selector, %ecx
        lar     %ecx, %ebx
        zf
        mov     %ebx, %eax
        and     $~0xf0100, %eax                 # the limit's bits are undefined; the accessed bit depends on what ran before
        print
        lsl     %ecx, %ebx
        zf
        mov     %ebx, %eax
        print
        verr    %cx
        zf
        verw    %cx
        zf
        endcase
        .endr
        case    "MOV CS"
        mov     $KCODE, %eax
        .byte   0x8e, 0xc8
        endcase
        case    "a segment register that there is not"
        .byte   0x8e, 0xf0
        endcase
        case    "user mode: LAR of the kernel's code"
        user
        mov     $KCODE, %ecx
        lar     %ecx, %eax
        zf
        enduser
        case    "LTR of a busy TSS"
        mov     $TASK, %eax
        ltr     %ax
        endcase
        case    "LTR of data"
        mov     $KDATA, %eax
        ltr     %ax
        endcase
        .ifndef QEMU                            # which loads it
        case    "LTR of null"
        xor     %eax, %eax
        ltr     %ax
        endcase
        .endif
        case    "LLDT of a TSS"
        mov     $TASK, %eax
        lldt    %ax
        endcase
        case    "LLDT, and a selector of it"
        mov     $scratch, %rax
        movw    $15, gdt + 0x68
        mov     %ax, gdt + 0x6a
        shr     $16, %eax
        mov     %al, gdt + 0x6c
        movw    $0x82, gdt + 0x6d
        mov     %ah, gdt + 0x6f
        mov     $0x68, %eax
        lldt    %ax
        movq    $0, scratch
        mov     gdt + KDATA, %rax
        mov     %rax, scratch + 8
        mov     $0xc, %eax
        mov     %eax, %es
        sldt    %eax
        print
        mov     %es, %eax
        print
        mov     $0x14, %eax                     # beyond its limit
        mov     %eax, %es
        endcase
        xor     %eax, %eax
        lldt    %ax

        case    "SYSCALL without EFER.SCE"
        mov     $0xc0000080, %ecx
        rdmsr
        and     $~1, %eax
        wrmsr
        syscall
        endcase
        mov     $0xc0000080, %ecx
        rdmsr
        or      $1, %eax
        wrmsr
        inc     %ecx
        xor     %eax, %eax
        mov     $KCODE | KDATA << 16, %edx
        wrmsr
        inc     %ecx
        mov     $system_call, %eax
        xor     %edx, %edx
        wrmsr
        mov     $0xc0000084, %ecx
        mov     $0x400, %eax                    # DF
        wrmsr
        case    "SYSCALL and SYSRET"
        user
        std
        stc
        syscall
        mov     %cs, %eax
        print
        mov     %ss, %eax
        print
        pushf
        pop     %rax
        print
        enduser
        case    "SYSRET to no address"
        mov     $1 << 47, %rcx
        mov     $2, %r11d
        sysretq
        endcase
        case    "SYSRET in user mode"
        user
        sysretq
        enduser
        case    "WRMSR of LSTAR, not canonical"
        mov     $0xc0000082, %ecx
        xor     %eax, %eax
        mov     $0x8000, %edx
        wrmsr
        endcase
        case    "SWAPGS"
        mov     $0xc0000101, %ecx
        mov     $1, %eax
        xor     %edx, %edx
        wrmsr
        inc     %ecx
        mov     $2, %eax
        wrmsr
        swapgs
        dec     %ecx
        rdmsr
        print
        swapgs
        rdmsr
        print
        endcase
        finish

system_call:
        pushf
        pop     %rax
        and     $0x401, %eax
        print
        mov     %cs, %eax
        print
        mov     %ss, %eax
        print
        mov     %r11, %rax
        and     $0x401, %eax
        print
        sysretq

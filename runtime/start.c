/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The executable's first instructions, so that no start files of a C library's development package are needed.
 *
 *   kernel → ld.so → _start:  rdx = what ld.so wants called at exit, the stack = argc, argv …, NULL, environment …
 *                          →  __libc_start_main(main, argc, argv, NULL, NULL, that, the stack)
 *
 * glibc runs initialisers by itself and wants none named. Libraries leave this out, and so does --static, where the C
 * library's own start file relocates the program first. */

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined %rip\n" /* no caller, for debuggers */
        "    xorl %ebp, %ebp\n"
        "    movq %rdx, %r9\n"
        "    popq %rsi\n"
        "    movq %rsp, %rdx\n"
        "    andq $-16, %rsp\n"
        "    pushq %rax\n" /* keeps the stack aligned */
        "    pushq %rsp\n"
        "    xorl %r8d, %r8d\n"
        "    xorl %ecx, %ecx\n"
        "    leaq main(%rip), %rdi\n"
        "    call *__libc_start_main@GOTPCREL(%rip)\n"
        "    hlt\n"
        "    .cfi_endproc\n"
        ".size _start, . - _start\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    mov x29, #0\n"
        "    mov x30, #0\n"
        "    mov x5, x0\n"
        "    ldr x1, [sp]\n"
        "    add x2, sp, #8\n"
        "    mov x6, sp\n"
        "    adrp x0, main\n"
        "    add x0, x0, :lo12:main\n"
        "    mov x3, #0\n"
        "    mov x4, #0\n"
        "    bl __libc_start_main\n"
        "    brk #0\n"
        "    .cfi_endproc\n"
        ".size _start, . - _start\n");
#endif

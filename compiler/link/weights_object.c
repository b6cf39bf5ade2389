/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Weights objects: the smallest ELF file that gives the weights a name.
 *
 * Problem: an assembler's .incbin reads all weights into memory and writes them once more, gigabytes for a large model.
 * Idea: the packer writes the object itself, for all that an object needs fits in a page in front of the data.
 *
 *   0     ELF header, section headers, symbols, names
 *   4096  .rodata.cnxrt_weights: the weights; cnxrt_weights is its first byte */
#include "compiler/link/weights_object.h"

#include <elf.h>
#include <string.h>

enum { SECTIONS_AT = 64, SYMBOLS_AT = 512, NAMES_AT = 1024 };
enum { SECTION_NONE, SECTION_WEIGHTS, SECTION_SYMBOLS, SECTION_NAMES, SECTION_STACK, N_SECTIONS };

static const char names[] = "\0.rodata.cnxrt_weights\0.symtab\0.strtab\0.note.GNU-stack\0cnxrt_weights";

/* Where a name begins in the table; the first byte, an empty name, if it is not there. */
static Elf64_Word name_at(const char *name)
{
    for (size_t at = 1; at < sizeof names; at += strlen(names + at) + 1)
        if (strcmp(names + at, name) == 0)
            return (Elf64_Word)at;
    return 0;
}

static void put_header(uint8_t *head, uint16_t elf_machine)
{
    Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
                         .e_type = ET_REL,
                         .e_machine = elf_machine,
                         .e_version = EV_CURRENT,
                         .e_shoff = SECTIONS_AT,
                         .e_ehsize = sizeof header,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = N_SECTIONS,
                         .e_shstrndx = SECTION_NAMES};
    memcpy(head, &header, sizeof header);
}

static void put_sections(uint8_t *head, int64_t bytes)
{
    Elf64_Shdr sections[N_SECTIONS] = {
        [SECTION_WEIGHTS] = {.sh_name = name_at(".rodata.cnxrt_weights"),
                             .sh_type = SHT_PROGBITS,
                             .sh_flags = SHF_ALLOC,
                             .sh_offset = WEIGHTS_OBJECT_HEAD,
                             .sh_size = (Elf64_Xword)bytes,
                             .sh_addralign = WEIGHTS_OBJECT_HEAD},
        [SECTION_SYMBOLS] = {.sh_name = name_at(".symtab"),
                             .sh_type = SHT_SYMTAB,
                             .sh_offset = SYMBOLS_AT,
                             .sh_size = 2 * sizeof(Elf64_Sym),
                             .sh_link = SECTION_NAMES,
                             .sh_info = 1, /* the first global symbol */
                             .sh_addralign = 8,
                             .sh_entsize = sizeof(Elf64_Sym)},
        [SECTION_NAMES] = {.sh_name = name_at(".strtab"),
                           .sh_type = SHT_STRTAB,
                           .sh_offset = NAMES_AT,
                           .sh_size = sizeof names,
                           .sh_addralign = 1},
        [SECTION_STACK] = {.sh_name = name_at(".note.GNU-stack"),
                           .sh_type = SHT_PROGBITS,
                           .sh_offset = NAMES_AT,
                           .sh_addralign = 1},
    };
    memcpy(head + SECTIONS_AT, sections, sizeof sections);
}

static void put_symbols(uint8_t *head, int64_t bytes)
{
    Elf64_Sym symbols[2] = {[1] = {.st_name = name_at("cnxrt_weights"),
                                   .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                   .st_other = STV_HIDDEN,
                                   .st_shndx = SECTION_WEIGHTS,
                                   .st_size = (Elf64_Xword)bytes}};
    memcpy(head + SYMBOLS_AT, symbols, sizeof symbols);
}

void weights_object_head(uint8_t head[WEIGHTS_OBJECT_HEAD], int64_t bytes, uint16_t elf_machine)
{
    memset(head, 0, WEIGHTS_OBJECT_HEAD);
    put_header(head, elf_machine);
    put_sections(head, bytes);
    put_symbols(head, bytes);
    memcpy(head + NAMES_AT, names, sizeof names);
}

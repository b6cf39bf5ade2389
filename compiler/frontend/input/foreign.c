/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a file is that is no model.
 *
 * Problem: a wrong download has a model's name, and what its reader says of it helps nobody ("wire type 7"). Idea: know what people
 * give by its first bytes, and say what to do about it.
 *
 *   model.onnx: error: at byte 0: this is a Git LFS pointer, not the file it stands for, expected …; 'git lfs pull' fetches the file */
#include "compiler/frontend/input/foreign.h"
#include "compiler/frontend/input/source.h"
#include "ir/base/listing.h"
#include "ir/base/path.h"
#include "ir/base/vec.h"

#include <string.h>
#include <strings.h>

typedef struct Kind {
    int64_t offset;
    const char *bytes; /* text: without regard to case, behind blanks */
    int length;        /* of bytes; 0: a text */
    Foreign foreign;
} Kind;

#define MAGIC(offset, bytes) offset, bytes, sizeof bytes - 1
#define TEXT(words) 0, words, 0
#define PAGE "an HTML page", "a hub's page of a file has /blob/ in its address, the file itself /resolve/"
#define GGUF "a GGUF file, as llama.cpp has them", NULL
#define PICKLE "a Python pickle, but none of torch.save's", NULL
#define PACKED(what) what, "unpack it first"
#define PICTURE "a picture", "pictures follow MODEL: cnxc run MODEL PICTURE"

static const char HUB_NAME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/* The first that fits counts. */
static const Kind kinds[] = {
    {TEXT("version https://git-lfs"), {"a Git LFS pointer, not the file it stands for", "'git lfs pull' fetches the file"}},
    {TEXT("<!doctype html"), {PAGE}},
    {TEXT("<html"), {PAGE}},
    {TEXT("<?xml version=\"1.0\"?>\n<net "), {"an OpenVINO model", "give the ONNX file that it was made from"}},
    {TEXT("<?xml"), {"an XML file", NULL}},
    {TEXT("{"), {"a JSON file", "MODEL is the folder it lies in"}},
    {MAGIC(0, "GGUF\2\0\0"), {GGUF}},
    {MAGIC(0, "GGUF\3\0\0"), {GGUF}},
    {MAGIC(4, "TFL3"), {"a TensorFlow Lite model", "the model that it was made from can be exported as ONNX"}},
    {MAGIC(0, "\x1f\x8b"), {PACKED("compressed by gzip")}},
    {MAGIC(0, "\xfd"
              "7zXZ"),
     {PACKED("compressed by xz")}},
    {MAGIC(0, "\x28\xb5\x2f\xfd"), {PACKED("compressed by zstd")}},
    {MAGIC(0, "BZh91AY&SY"), {PACKED("compressed by bzip2")}},
    {MAGIC(0, "7z\xbc\xaf"), {PACKED("a 7z archive")}},
    {MAGIC(0, "PK\x03\x04"), {PACKED("a ZIP archive")}},
    {MAGIC(257, "ustar"), {PACKED("a tar archive")}},
    {MAGIC(0, "\x7f"
              "ELF"),
     {"a compiled program or library", NULL}},
    {MAGIC(0, "\x80\2"), {PICKLE}},
    {MAGIC(0, "\x80\3"), {PICKLE}},
    {MAGIC(0, "\x80\4"), {PICKLE}},
    {MAGIC(0, "\x80\5"), {PICKLE}},
    {MAGIC(0, "\x93NUMPY"), {"a NumPy array", NULL}},
    {MAGIC(0, "\x89PNG"), {PICTURE}},
    {MAGIC(0, "\xff\xd8\xff"), {PICTURE}},
    {MAGIC(0, "GIF87a"), {PICTURE}},
    {MAGIC(0, "GIF89a"), {PICTURE}},
    {MAGIC(8, "WEBP"), {PICTURE}},
    {MAGIC(0, "II*\0"), {PICTURE}},
    {MAGIC(0, "MM\0*"), {PICTURE}},
};

static bool fits(const Kind *kind, const Source *source)
{
    bool text = !kind->length;
    int64_t at = text ? source_first(source) : kind->offset;
    size_t length = text ? strlen(kind->bytes) : (size_t)kind->length;
    if (at + (int64_t)length > source->length)
        return false;
    return (text ? strncasecmp(source->text + at, kind->bytes, length) : memcmp(source->text + at, kind->bytes, length)) == 0;
}

/* A varint's end; NULL: it is none. */
static const char *skip_varint(const char *at, const char *end)
{
    while (at < end && *at & 0x80)
        at++;
    return at < end ? at + 1 : NULL;
}

/* saved_model.pb: version 1, then a MetaGraphDef, whose first member is a message. Of an ONNX file the second is a name. */
static bool is_saved_model(const Source *source)
{
    static const char start[] = "\x08\x01\x12";
    if (source->length < 8 || memcmp(source->text, start, 3) != 0)
        return false;
    const char *inner = skip_varint(source->text + 3, source->text + source->length);
    return inner && inner < source->text + source->length && *inner == '\x0a';
}

const Foreign *foreign_kind(const Source *source)
{
    static const Foreign saved_model = {"the graph of a TensorFlow SavedModel",
                                        "tf2onnx exports it: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"};
    for (int64_t i = 0; i < countof(kinds); i++)
        if (fits(&kinds[i], source))
            return &kinds[i].foreign;
    return is_saved_model(source) ? &saved_model : NULL;
}

bool foreign_refuse(const Source *source, const char *expected, Diag *diag)
{
    static const Foreign unknown = {"of an unknown kind", NULL};
    Source bytes = *source; /* its first line would mean nothing to a reader */
    bytes.binary = true;
    const Foreign *kind = foreign_kind(source);
    kind = kind ? kind : &unknown;
    if (source->length == 0)
        diag_error(diag, (Span){&bytes, 0, 0}, "the file is empty, expected %s", expected);
    else
        diag_error(diag, (Span){&bytes, 0, 0}, "this is %s, expected %s%s%s", kind->what, expected, kind->advice ? "; " : "",
                   kind->advice ? kind->advice : "");
    return false;
}

void foreign_note_hub(const char *path, Diag *diag)
{
    const char *slash = strchr(path, '/'), *name = slash ? slash + 1 : "";
    Arena *scratch = arena_new();
    bool owner = slash && slash > path && *path != '.' && !path_is_dir(path_directory(scratch, path));
    if (owner && *name && !name[strspn(name, HUB_NAME)])
        diag_note(diag, NO_SPAN, "a model of the Hugging Face hub is fetched by: hf download %s --local-dir %s", path, name);
    arena_free(scratch);
}

/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The only C++: LLD and LLVM's libraries for objects have no C interface.
 *
 *   lld_link     ld.lld …
 *   lld_rename   llvm-objcopy --redefine-sym=cnxrt_run=tiny_run … --keep-global-symbol=tiny_run …
 *   lld_archive  llvm-ar rcsD */
#include "compiler/link/lld.h"

#include <lld/Common/Driver.h>
#include <llvm/ObjCopy/ConfigManager.h>
#include <llvm/ObjCopy/ObjCopy.h>
#include <llvm/Object/ArchiveWriter.h>
#include <llvm/Object/Binary.h>
#include <llvm/Support/Path.h>
#include <llvm/Support/raw_ostream.h>

#include <cstring>

LLD_HAS_DRIVER(elf)

using namespace llvm;

static char *message(Error error) { return error ? strdup(toString(std::move(error)).c_str()) : nullptr; }

/* Makes the file. A stream that failed and was not asked ends the process, as a bug of LLVM's would. */
static char *written(const char *path, function_ref<Error(raw_ostream &)> write)
{
    std::error_code code;
    raw_fd_ostream out(path, code);
    if (code)
        return message(errorCodeToError(code));
    Error error = write(out);
    out.close();
    code = out.error();
    out.clear_error();
    return message(error ? std::move(error) : errorCodeToError(code));
}

bool lld_link(const char *const *words, size_t n)
{
    return lld::elf::link(ArrayRef(words, n), outs(), errs(), /*exitEarly=*/false, /*disableOutput=*/false);
}

/* LLVM makes symbols local by the names they have before they are renamed. */
static Expected<objcopy::ConfigManager> renaming(const char *const (*names)[2], size_t n)
{
    objcopy::ConfigManager config;
    for (size_t i = 0; i < n; i++) {
        auto name = objcopy::NameOrPattern::create(names[i][0], objcopy::MatchStyle::Literal, [](Error error) { return error; });
        if (Error error = config.Common.SymbolsToKeepGlobal.addMatcher(std::move(name)))
            return error;
        config.Common.SymbolsToRename[names[i][0]] = names[i][1];
    }
    return config;
}

char *lld_rename(const char *from, const char *to, const char *const (*names)[2], size_t n)
{
    auto config = renaming(names, n);
    if (!config)
        return message(config.takeError());
    auto object = object::createBinary(from);
    if (!object)
        return message(object.takeError());
    return written(to, [&](raw_ostream &out) { return objcopy::executeObjcopyOnBinary(*config, *object->getBinary(), out); });
}

char *lld_archive(const char *object, const char *archive)
{
    auto member = NewArchiveMember::getFile(object, /*Deterministic=*/true);
    if (!member)
        return message(member.takeError());
    member->MemberName = sys::path::filename(object);
    return written(archive, [&](raw_ostream &out) {
        return writeArchiveToStream(out, *member, SymtabWritingMode::NormalSymtab, object::Archive::K_GNU, /*Deterministic=*/true,
                                    /*Thin=*/false);
    });
}

/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Memory: what lies where, and from which phase to which; packed weights by the layer that they belong to. */
#include "compiler/report/parts.h"

#include <string.h>

static int64_t group_with(const Groups *groups, const BufferList *named, const Buffer *buffer)
{
    for (int64_t i = 0; i < groups->len; i++)
        for (int64_t j = 0; j < named[i].len; j++)
            if (named[i].at[j] == buffer)
                return i;
    return -1;
}

/* Up to its last number, or without the number of a name that was taken:
 * "encoder.stages.0.layers.1.act" → "encoder.stages.0.layers.1", "embeddings.layernorm_1" → "embeddings.layernorm". */
static const char *layer_of(const char *name, Arena *arena)
{
    size_t end = 0, length = strlen(name);
    for (size_t i = 1; i < length; i++) {
        size_t digits = strspn(name + i, "0123456789");
        bool alone = digits && strchr("./", name[i - 1]) && (!name[i + digits] || strchr("./_", name[i + digits]));
        end = alone ? i + digits : end;
    }
    const char *suffix = strrchr(name, '_');
    if (!end && suffix && suffix != name && suffix[1] && !suffix[1 + strspn(suffix + 1, "0123456789")])
        end = (size_t)(suffix - name);
    return arena_strndup(arena, name, end ? end : length);
}

static json_t *arena_json(const Program *program)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < program->buffers.len; i++) {
        const Buffer *b = program->buffers.at[i];
        if (b->space == SPACE_ARENA)
            json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", b->name, "offset", (json_int_t)b->offset,
                                                  "bytes", (json_int_t)b->bytes, "first_phase", (json_int_t)b->first,
                                                  "last_phase", (json_int_t)b->last));
    }
    return list;
}

static json_t *weight_json(const Buffer *buffer, const Groups *groups, int64_t group, Arena *arena)
{
    const char *layer = layer_of(group < 0 ? buffer->name : groups->at[group].output, arena);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:o}", "name", buffer->name, "layer", layer, "offset", (json_int_t)buffer->offset,
                     "bytes", (json_int_t)buffer->bytes, "type", dtype_name(buffer->dtype), "region",
                     group < 0 ? json_null() : json_integer((json_int_t)group));
}

static json_t *weights_json(const Build *build, const Groups *groups)
{
    const Program *program = build->program;
    json_t *list = json_array();
    BufferList *named = NEW_ARRAY(build->arena, BufferList, groups->len + 1);
    for (int64_t i = 0; i < groups->len; i++)
        named[i] = buffers_named(&groups->at[i].phases, build->arena);
    for (int64_t i = 0; i < program->buffers.len; i++) {
        const Buffer *buffer = program->buffers.at[i];
        if (buffer->space == SPACE_WEIGHTS)
            json_array_append_new(list, weight_json(buffer, groups, group_with(groups, named, buffer), build->arena));
    }
    return list;
}

json_t *parts_memory(const Build *build, const Groups *groups)
{
    const Program *program = build->program;
    return json_pack("{s:I, s:b, s:I, s:I, s:o, s:o}", "arena_bytes", (json_int_t)program->arena_bytes, "arena_per_thread",
                     (int)program->by_image, "scratch_bytes", (json_int_t)program->scratch_bytes, "weights_bytes",
                     (json_int_t)program->weights_bytes, "arena", arena_json(program), "weights", weights_json(build, groups));
}

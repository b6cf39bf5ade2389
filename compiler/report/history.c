/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* History: what became of one value of a graph in the passes, without a word from them.
 *
 * Problem: a pass leaves a graph, not a reason. A weight is turned, multiplied by two others and gone by its name; a Transpose
 * has met its inverse; and a pass that had to note all of that would be twice as long.
 * Idea: look from outside. After each pass the graph is written down by names. A computed value is followed by its name, which
 * passes keep or lengthen, and where it goes, by what its readers read in its stead. An initializer is asked for: the model is
 * read a second time with some of its numbers doubled, and whatever constant then has other bytes holds it.
 *
 *   w.T_folded is another, by the factor of some of its elements   →   affine: w.T becomes w.T_folded, scaled
 *   doubling g changes w.T_folded, too                             →   … by g */
#include "compiler/report/history.h"

#include "ir/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HOPS = 5 }; /* from an initializer to others that may have gone into the same value */

/* The graph after a pass. */
typedef struct Moment {
    const char *pass; /* NULL: as it was read */
    StrMap values;    /* name → Seen */
    VEC(Seen *) list; /* in the graph's order */
} Moment;

typedef struct Film {
    Arena *arena;
    VEC(Moment) moments;
} Film;

/* ── Looking at a graph ──────────────────────────────────────────────────────────────────────────────── */

static Seen *seen_in(const Moment *moment, const char *name) { return name ? strmap_get(&moment->values, name) : NULL; }

static void see(Film *film, Moment *moment, const Value *value, const Node *region)
{
    if (seen_in(moment, value->name)) /* a region gives out what its body makes */
        return;
    Seen *seen = NEW(film->arena, Seen);
    *seen = (Seen){.name = value->name, .constant = value->constant, .type = value->type, .region = region};
    seen->op = value->producer ? value->producer->op : NULL;
    for (int64_t i = 0; value->producer && i < value->producer->inputs.len; i++)
        if (value->producer->inputs.at[i])
            vec_push(film->arena, &seen->reads, value->producer->inputs.at[i]->name);
    strmap_put(&moment->values, seen->name, seen);
    vec_push(film->arena, &moment->list, seen);
}

static void see_graph(Film *film, Moment *moment, const Graph *graph, const Node *region)
{
    for (int64_t i = 0; i < graph->constants.len; i++)
        see(film, moment, graph->constants.at[i], region);
    FOR_NODES (node, graph) {
        const Graph *body = node->op->kind == OP_Region ? node_attr_graph(node, "body") : NULL;
        if (body)
            see_graph(film, moment, body, region ? region : node);
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                see(film, moment, node->outputs.at[i], body && !region ? node : region);
    }
}

static void note_readers(Film *film, const Moment *moment)
{
    for (int64_t i = 0; i < moment->list.len; i++)
        for (int64_t j = 0; j < moment->list.at[i]->reads.len; j++) {
            Seen *read = seen_in(moment, moment->list.at[i]->reads.at[j]);
            if (read)
                vec_push(film->arena, &read->readers, moment->list.at[i]);
        }
}

static void look(void *context, const char *pass, const Model *model)
{
    Film *film = context;
    Moment moment = {.pass = pass, .values = {.arena = film->arena}};
    for (int64_t i = 0; i < model->graph->inputs.len; i++)
        see(film, &moment, model->graph->inputs.at[i], NULL);
    see_graph(film, &moment, model->graph, NULL);
    note_readers(film, &moment);
    vec_push(film->arena, &film->moments, moment);
}

static bool optimize_filmed(Build *build, Film *film)
{
    look(film, NULL, build->model);
    build->options.pipeline.after = look;
    build->options.pipeline.context = film;
    bool ok = build_optimize(build);
    build->options.pipeline.after = NULL;
    return ok;
}

/* ── The same model with one initializer changed ─────────────────────────────────────────────────────── */

/* Some elements, the first among them, by what looks like chance. */
static bool is_changed(int64_t index) { return index == 0 || (((uint64_t)index * UINT64_C(0x9E3779B97F4A7C15)) >> 63); }

/* Some numbers twice what they were; integers of quantised weights the next ones. NULL: numbers that decide shapes. */
static Tensor *changed(const Tensor *from, Arena *arena)
{
    DType type = from->dtype;
    if (!dtype_is_float(type) && type != DT_INT8 && type != DT_UINT8 && type != DT_INT32)
        return NULL;
    Tensor *to = tensor_new(arena, type, from->rank, from->dims);
    for (int64_t i = 0; to && i < from->count; i++) {
        double number = tensor_get(from, i), other = dtype_is_float(type) ? 2 * number : (double)((int64_t)number ^ 1);
        tensor_set(to, i, is_changed(i) ? other : number);
    }
    return to;
}

/* All zeros stay zeros when they are doubled. */
static bool is_zero(const Tensor *tensor)
{
    for (int64_t i = 0; i < tensor->count; i++)
        if (tensor_get(tensor, i) != 0)
            return false;
    return true;
}

static Tensor *changed_from(const Tensor *from, Arena *arena)
{
    Tensor *to = changed(from, arena);
    if (to && is_zero(from))
        for (int64_t i = 0; i < to->count; i++)
            tensor_set(to, i, is_changed(i));
    return to;
}

/* Empty where the initializer can't be changed. Messages are those of the first time. */
static Film film_changed(const Build *fresh, const QuantizePlan *plan, const char *name, Arena *arena)
{
    Film film = {.arena = arena};
    Diag quiet = {.out = fopen("/dev/null", "we"), .json = true};
    Build build = *fresh;
    build.arena = arena;
    build.diag = &quiet;
    build.options.pipeline.plan = plan;
    build.options.pipeline.print_after = NULL;
    build.options.pipeline.time_passes = build.options.verbose = false;
    Value *value = quiet.out && build_load(&build) ? graph_find(build.model->graph, name) : NULL;
    Tensor *tensor = value && value->constant ? changed_from(value->constant, arena) : NULL;
    if (tensor) {
        value->constant = tensor;
        optimize_filmed(&build, &film);
    }
    if (quiet.out)
        fclose(quiet.out);
    return film;
}

static bool same_place(const Tensor *a, const Tensor *b)
{
    return a->location && b->location && str_equal(a->location, b->location) && a->offset == b->offset;
}

static bool same_type(const Tensor *a, const Tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank);
}

/* What the other film has for a constant, if it is the like of it with other bytes; NULL. */
static const Tensor *other_bytes(const Film *other, int64_t at, const Seen *seen)
{
    const Seen *there = at < other->moments.len ? seen_in(&other->moments.at[at], seen->name) : NULL;
    const Tensor *a = seen->constant, *b = there ? there->constant : NULL;
    return a && b && same_type(a, b) && !same_place(a, b) && !tensor_equal(a, b) ? b : NULL;
}

/* ── How a constant holds an initializer ─────────────────────────────────────────────────────────────── */

/* Equal for the same numbers in whatever order. */
static uint64_t sum_of_numbers(const Tensor *tensor)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < tensor->count; i++) {
        double number = tensor_get(tensor, i);
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        bits *= UINT64_C(0x9E3779B97F4A7C15);
        sum += bits ^ (bits >> 29);
    }
    return sum;
}

/* Each element is what it was or, but for rounding, twice that. */
static bool is_multiple(const Tensor *was, const Tensor *is)
{
    for (int64_t i = 0; i < was->count; i++) {
        double a = tensor_get(was, i), b = tensor_get(is, i);
        if (a != b && fabs(b - 2 * a) > 1e-6 * fabs(b))
            return false;
    }
    return true;
}

static const char *how_held(const Tensor *initializer, const Tensor *was, const Tensor *is, bool own)
{
    bool as_many = initializer->count == was->count;
    if (as_many && sum_of_numbers(initializer) == sum_of_numbers(was))
        return same_type(initializer, was) ? "kept" : initializer->dtype == was->dtype ? "turned" : "converted";
    if (as_many && dtype_is_float(initializer->dtype) && !dtype_is_float(was->dtype))
        return "rounded";
    if (!is_multiple(was, is))
        return "enters";
    return as_many && own ? "scaled" : "multiplied";
}

/* What it is called before the name of the constant, and behind it. */
static const char *const held_words[][3] = {
    {"kept", "becomes ", ""},
    {"turned", "becomes ", ", its elements in another order"},
    {"converted", "becomes ", ", in another type"},
    {"rounded", "becomes ", ", rounded to integers"},
    {"scaled", "becomes ", ", scaled"},
    {"multiplied", "is multiplied into ", ""},
    {"enters", "goes into ", ""},
};

static const char *joined(const StrList *words, Arena *arena)
{
    StrBuf text = {.arena = arena};
    for (int64_t i = 0; i < words->len; i++)
        sb_printf(&text, "%s%s", !i ? "" : i + 1 < words->len ? ", " : " and ", words->at[i]);
    return text.text ? text.text : "";
}

static const char *held_text(const Change *change, const Seen *seen, Arena *arena)
{
    int64_t at = 0;
    while (!str_equal(held_words[at][0], change->how))
        at++;
    const char *with = change->with.len ? arena_printf(arena, ", with %s", joined(&change->with, arena)) : "";
    return arena_printf(arena, "%s%s, %s%s%s", held_words[at][1], seen->name, type_text(arena, &seen->type), held_words[at][2],
                        with);
}

/* ── Initializers ────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Walk {
    const Film *film;
    StrMap known;
    StrList edge, found; /* names of all values, and of initializers that went; the nearest first */
} Walk;

static void reach(Walk *walk, const Seen *seen)
{
    if (!seen || !strmap_put(&walk->known, seen->name, walk))
        return;
    vec_push(walk->film->arena, &walk->edge, seen->name);
    if (seen->constant && !seen_in(&walk->film->moments.at[walk->film->moments.len - 1], seen->name))
        vec_push(walk->film->arena, &walk->found, seen->name);
}

/* Other initializers near to it in the graph as it was read. */
static StrList neighbours(const Film *film, const char *name)
{
    const Moment *first = &film->moments.at[0];
    Walk walk = {.film = film, .known = {.arena = film->arena}};
    strmap_put(&walk.known, name, &walk);
    vec_push(film->arena, &walk.edge, name);
    for (int64_t hops = 0, i = 0; hops < MOST_HOPS; hops++)
        for (int64_t end = walk.edge.len; i < end; i++) {
            const Seen *seen = seen_in(first, walk.edge.at[i]);
            for (int64_t j = 0; j < seen->reads.len; j++)
                reach(&walk, seen_in(first, seen->reads.at[j]));
            for (int64_t j = 0; (i == 0 || !seen->constant) && j < seen->readers.len; j++)
                reach(&walk, seen->readers.at[j]);
        }
    return walk.found;
}

typedef struct Trace {
    const Build *fresh;
    const QuantizePlan *plan;
    const char *name;
    Film film;
    int64_t now;     /* the moment that is looked at */
    History *history;
    VEC(int64_t) at; /* of each change of an initializer: the moment */
    VEC(const Seen *) seen; /* and what it is then */
} Trace;

/* Whether a constant is called after the initializer, or after what it has become. */
static bool is_called_after(const Trace *t, const char *name)
{
    bool after = str_starts_with(name, t->name);
    for (int64_t i = 0; i < t->history->changes.len; i++)
        after |= t->at.at[i] < t->now && str_starts_with(name, t->history->changes.at[i].into);
    return after;
}

/* In both films the same tensor as after the pass before. */
static bool is_untouched(const Trace *t, const Film *other, const Seen *seen, const Seen *old)
{
    if (!old || old->constant != seen->constant || t->now >= other->moments.len)
        return false;
    const Seen *now = seen_in(&other->moments.at[t->now], seen->name),
               *then = seen_in(&other->moments.at[t->now - 1], seen->name);
    return now && then && now->constant == then->constant;
}

/* The constants that hold it after a pass and did not before; own: those called after it, or the others. */
static void note_held(Trace *t, const Film *other, const Tensor *initializer, bool own)
{
    const Moment *before = &t->film.moments.at[t->now - 1], *now = &t->film.moments.at[t->now];
    for (int64_t i = 0; i < now->list.len; i++) {
        const Seen *seen = now->list.at[i], *old = seen_in(before, seen->name);
        if (!seen->constant || is_called_after(t, seen->name) != own || is_untouched(t, other, seen, old))
            continue;
        const Tensor *is = other_bytes(other, t->now, seen);
        if (!is || (old && old->constant && other_bytes(other, t->now - 1, old)))
            continue;
        Change change = {.pass = now->pass, .how = how_held(initializer, seen->constant, is, own), .into = seen->name};
        vec_push(t->film.arena, &t->history->changes, change);
        vec_push(t->film.arena, &t->at, t->now);
        vec_push(t->film.arena, &t->seen, seen);
    }
}

/* Whether it is mixed with others there. */
static bool is_mixed(const Change *change)
{
    return str_equal(change->how, "scaled") || str_equal(change->how, "multiplied") || str_equal(change->how, "enters");
}

static void note_others(Trace *t)
{
    bool any = false;
    for (int64_t i = 0; i < t->history->changes.len; i++)
        any |= is_mixed(&t->history->changes.at[i]);
    StrList others = any ? neighbours(&t->film, t->name) : (StrList){0};
    for (int64_t o = 0; o < others.len; o++) {
        Arena *scratch = arena_new();
        Film other = film_changed(t->fresh, t->plan, others.at[o], scratch);
        for (int64_t i = 0; i < t->history->changes.len; i++)
            if (is_mixed(&t->history->changes.at[i]) && other_bytes(&other, t->at.at[i], t->seen.at[i]))
                vec_push(t->film.arena, &t->history->changes.at[i].with, others.at[o]);
        arena_free(scratch);
    }
}

static void note_ends(Trace *t, const Film *other)
{
    int64_t last = t->film.moments.len - 1;
    const Moment *end = &t->film.moments.at[last];
    for (int64_t i = 0; i < end->list.len; i++)
        if (other_bytes(other, last, end->list.at[i]))
            vec_push(t->film.arena, &t->history->ends, end->list.at[i]);
}

/* ── Computed values ─────────────────────────────────────────────────────────────────────────────────── */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool same_sizes(const Type *a, const Type *b)
{
    int64_t x[MAX_RANK], y[MAX_RANK];
    if (a->shape.rank != b->shape.rank || a->shape.rank < 0)
        return false;
    for (int i = 0; i < a->shape.rank; i++) {
        x[i] = a->shape.dims[i].size;
        y[i] = b->shape.dims[i].size;
    }
    qsort(x, (size_t)a->shape.rank, sizeof *x, by_size);
    qsort(y, (size_t)a->shape.rank, sizeof *y, by_size);
    return !memcmp(x, y, sizeof *x * (size_t)a->shape.rank);
}

/* A value that is made in another's place is called after it: the shortest such name that is new. */
static const Seen *heir(const Moment *before, const Moment *now, const Seen *was)
{
    const Seen *best = NULL;
    size_t length = strlen(was->name);
    for (int64_t i = 0; i < now->list.len; i++) {
        const Seen *seen = now->list.at[i];
        if (str_starts_with(seen->name, was->name) && seen->name[length] == '_' && !seen_in(before, seen->name) &&
            !seen->constant == !was->constant && same_sizes(&seen->type, &was->type) &&
            (!best || strlen(seen->name) < strlen(best->name)))
            best = seen;
    }
    return best;
}

static bool is_listed(const StrList *names, const char *name)
{
    for (int64_t i = 0; i < names->len; i++)
        if (str_equal(names->at[i], name))
            return true;
    return false;
}

/* Who reads it, where that is gone, too, who reads that, and so on: the first that is there still. */
typedef struct Reader {
    const Seen *was, *now; /* now NULL: nobody is */
    const Seen *read;      /* what it read: the value itself, or what was computed from it … */
    bool moved;            /* … by moving elements only */
} Reader;

static const Seen *survivor(const Moment *before, const Moment *now, const Seen *was)
{
    const Seen *there = seen_in(now, was->name);
    return there ? there : heir(before, now, was);
}

static Reader nearest_reader(const Moment *before, const Moment *now, const Seen *gone)
{
    Reader reader = {.read = gone, .moved = true};
    for (int64_t hops = 0; hops < MOST_HOPS * 2; hops++) {
        for (int64_t i = 0; i < reader.read->readers.len; i++) {
            reader.was = reader.read->readers.at[i];
            reader.now = survivor(before, now, reader.was);
            if (reader.now)
                return reader;
        }
        if (!reader.read->readers.len)
            break;
        reader.read = reader.read->readers.at[0];
        reader.moved &= reader.read->op->class == CLASS_MOVE;
    }
    return reader;
}

static bool may_replace(const Moment *now, const Seen *was, const char *name, bool constant)
{
    const Seen *read = seen_in(now, name);
    return read && !read->constant == !constant && !is_listed(&was->reads, name);
}

/* What it reads now and did not before: in the same place, or else anywhere. */
static const Seen *read_instead(const Moment *now, const Reader *r, bool constant)
{
    for (int64_t i = 0; i < r->now->reads.len && i < r->was->reads.len; i++)
        if (str_equal(r->was->reads.at[i], r->read->name) && may_replace(now, r->was, r->now->reads.at[i], constant))
            return seen_in(now, r->now->reads.at[i]);
    for (int64_t i = 0; i < r->now->reads.len; i++)
        if (may_replace(now, r->was, r->now->reads.at[i], constant))
            return seen_in(now, r->now->reads.at[i]);
    return NULL;
}

static void note(Trace *t, const char *how, const Seen *into, const char *text)
{
    Change change = {.pass = t->film.moments.at[t->now].pass, .how = how, .into = into ? into->name : NULL, .text = text};
    vec_push(t->film.arena, &t->history->changes, change);
}

static const char *op_name(const Seen *seen) { return seen->op ? seen->op->name : seen->constant ? "a constant" : "an input"; }

/* It is gone: what stands in its stead, or NULL. */
static const Seen *note_gone(Trace *t, const Seen *gone)
{
    const Moment *before = &t->film.moments.at[t->now - 1], *now = &t->film.moments.at[t->now];
    Reader r = nearest_reader(before, now, gone);
    Arena *arena = t->film.arena;
    if (!r.now) {
        note(t, "gone", NULL, "goes, with all that was computed from it");
        return NULL;
    }
    bool same = r.was->op == r.now->op || (gone->op && gone->op->class == CLASS_MOVE);
    const Seen *instead = same && r.moved ? read_instead(now, &r, gone->constant) : NULL;
    if (instead) {
        note(t, "gone", instead,
             arena_printf(arena, "goes: %s (%s) reads %s in its stead", r.now->name, op_name(r.now), instead->name));
        return instead;
    }
    note(t, "part", r.now, arena_printf(arena, "goes: it is part of what %s computes, %s", op_name(r.now), r.now->name));
    return r.now;
}

/* Constants that one reads and the other does not. */
static StrList constants_less(const Trace *t, const Moment *moment, const Seen *seen, const Seen *other)
{
    StrList list = {0};
    for (int64_t i = 0; i < seen->reads.len; i++) {
        const Seen *read = seen_in(moment, seen->reads.at[i]);
        if (read && read->constant && !is_listed(&other->reads, read->name))
            vec_push(t->film.arena, &list, read->name);
    }
    return list;
}

/* The same operator of other constants: it is another value then. */
static void note_reads(Trace *t, const Seen *was, const Seen *now)
{
    Arena *arena = t->film.arena;
    StrList less = constants_less(t, &t->film.moments.at[t->now - 1], was, now);
    StrList more = constants_less(t, &t->film.moments.at[t->now], now, was);
    if (less.len && more.len)
        note(t, "reads", now, arena_printf(arena, "is made of %s in place of %s", joined(&more, arena), joined(&less, arena)));
    else if (less.len)
        note(t, "reads", now, arena_printf(arena, "is made without %s", joined(&less, arena)));
    else if (more.len)
        note(t, "reads", now, arena_printf(arena, "is made with %s", joined(&more, arena)));
}

/* It is there still: what has changed about it. */
static void note_changed(Trace *t, const Seen *was, const Seen *now)
{
    Arena *arena = t->film.arena;
    if (!was->constant && now->constant)
        note(t, "constant", now, arena_printf(arena, "is computed at compile time: a constant from here on"));
    else if (was->op != now->op)
        note(t, "made", now, arena_printf(arena, "is made by %s, no longer by %s", op_name(now), op_name(was)));
    else if (was->type.dtype != now->type.dtype)
        note(t, "converted", now, arena_printf(arena, "is %s from here on", type_text(arena, &now->type)));
    else
        note_reads(t, was, now);
}

static const Seen *note_pass(Trace *t, const Seen *was)
{
    const Moment *before = &t->film.moments.at[t->now - 1], *now = &t->film.moments.at[t->now];
    const Seen *there = seen_in(now, was->name), *next = there ? NULL : heir(before, now, was);
    if (there)
        note_changed(t, was, there);
    else if (next)
        note(t, "moved", next,
             arena_printf(t->film.arena, "is made as %s, %s, by %s", next->name, type_text(t->film.arena, &next->type),
                          op_name(next)));
    return there ? there : next ? next : note_gone(t, was);
}

static void trace_names(Trace *t)
{
    const Seen *seen = seen_in(&t->film.moments.at[0], t->name);
    for (t->now = 1; seen && t->now < t->film.moments.len; t->now++)
        seen = note_pass(t, seen);
    if (seen)
        vec_push(t->film.arena, &t->history->ends, seen);
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

/* False: no constant holds it, or nobody can tell. */
static bool trace_initializer(Trace *t, const Tensor *initializer)
{
    Arena *scratch = arena_new();
    Film other = film_changed(t->fresh, t->plan, t->name, scratch);
    for (t->now = 1; t->now < t->film.moments.len; t->now++) {
        note_held(t, &other, initializer, true);
        note_held(t, &other, initializer, false);
    }
    note_ends(t, &other);
    arena_free(scratch);
    note_others(t);
    for (int64_t i = 0; i < t->history->changes.len; i++)
        t->history->changes.at[i].text = held_text(&t->history->changes.at[i], t->seen.at[i], t->film.arena);
    return t->history->ends.len > 0;
}

bool history_trace(Build *build, const Build *fresh, const Value *value, History *history)
{
    const Tensor *initializer = value->constant;
    Trace t = {.fresh = fresh, .name = value->name, .film = {.arena = build->arena}, .history = history};
    if (!optimize_filmed(build, &t.film))
        return false;
    t.plan = build->options.pipeline.plan;
    if (!initializer || !trace_initializer(&t, initializer))
        trace_names(&t);
    return true;
}

/* cnxc eval: top-1 and top-5 accuracy over DIR/CLASS/PICTURE.
 *
 *   $ cnxc eval model/ pictures/
 *   top-1 99.00 %   top-5 100.00 %   1000 pictures
 *
 * A folder stands for the label of its name, or one of its synonyms ("tabby, tabby cat"), else for the class of that
 * number; if no folder does, and there are as many as classes, they are the classes in sorted order, as ImageNet's. */
#include "compiler/build/artifact.h"
#include "compiler/build/cache.h"
#include "compiler/build/output.h"
#include "compiler/build/process.h"
#include "compiler/driver/driver.h"
#include "compiler/report/json.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct Picture {
    const char *path;
    int64_t class;
} Picture;

typedef struct Eval {
    Driver *driver;
    const char *program;
    const char *const *labels;
    int64_t n_labels;
    VEC(Picture) pictures;
    StrMap by_path; /* → Picture */
    int64_t top1, top5, unreadable;
} Eval;

/* ── Classes and pictures ────────────────────────────────────────────────────────────────────────────── */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Names in dir, sorted, without hidden ones. False after a diagnostic. */
static bool list_dir(Eval *e, const char *dir, StrList *names)
{
    DIR *stream = opendir(dir);
    if (!stream) {
        diag_resource(&e->driver->diag, NO_SPAN, "can't read the folder '%s': %s", dir, strerror(errno));
        return false;
    }
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            vec_push(e->driver->arena, names, arena_strdup(e->driver->arena, entry->d_name));
    closedir(stream);
    if (names->len)
        qsort(names->at, (size_t)names->len, sizeof *names->at, by_name);
    return true;
}

/* "tabby, tabby cat" names both "tabby" and "tabby cat". */
static bool label_has(const char *label, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = label;; at += strlen(", ")) {
        if (strncasecmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
        at = strstr(at, ", ");
        if (!at)
            return strcmp(label, name) == 0;
    }
}

static int64_t class_of(const Eval *e, const char *name)
{
    for (int64_t i = 0; i < e->n_labels; i++)
        if (label_has(e->labels[i], name))
            return i;
    char *end;
    long long number = strtoll(name, &end, 10);
    return *end == '\0' && end != name && number >= 0 && number < e->n_labels ? number : -1;
}

static bool add_pictures(Eval *e, const char *dir, int64_t class)
{
    StrList names = {0};
    if (!list_dir(e, dir, &names))
        return false;
    for (int64_t i = 0; i < names.len; i++) {
        const char *path = arena_printf(e->driver->arena, "%s/%s", dir, names.at[i]);
        vec_push(e->driver->arena, &e->pictures, (Picture){path, class});
    }
    return true;
}

static bool is_dir(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool find_classes(Eval *e, const char *dir, StrList *folders, int64_t **classes)
{
    StrList names = {0};
    int64_t known = 0;
    if (!list_dir(e, dir, &names))
        return false;
    for (int64_t i = 0; i < names.len; i++)
        if (is_dir(arena_printf(e->driver->arena, "%s/%s", dir, names.at[i])))
            vec_push(e->driver->arena, folders, names.at[i]);
    *classes = NEW_ARRAY(e->driver->arena, int64_t, folders->len + 1);
    for (int64_t i = 0; i < folders->len; i++)
        known += ((*classes)[i] = class_of(e, folders->at[i])) >= 0;
    for (int64_t i = 0; known == 0 && folders->len == e->n_labels && i < folders->len; i++)
        (*classes)[i] = i;
    return true;
}

static bool find_pictures(Eval *e, const char *dir)
{
    StrList folders = {0};
    int64_t *classes;
    if (!find_classes(e, dir, &folders, &classes))
        return false;
    for (int64_t i = 0; i < folders.len; i++) {
        const char *path = arena_printf(e->driver->arena, "%s/%s", dir, folders.at[i]);
        if (classes[i] < 0)
            diag_error(&e->driver->diag, NO_SPAN, "the folder '%s' is not a label of the model", path);
        else if (!add_pictures(e, path, classes[i]))
            return false;
    }
    if (!e->pictures.len && !diag_failed(&e->driver->diag))
        diag_error(&e->driver->diag, NO_SPAN, "'%s' holds no folders with pictures", dir);
    e->by_path.arena = e->driver->arena;
    for (int64_t i = 0; i < e->pictures.len; i++)
        strmap_put(&e->by_path, e->pictures.at[i].path, &e->pictures.at[i]);
    return !diag_failed(&e->driver->diag);
}

/* ── Answers ─────────────────────────────────────────────────────────────────────────────────────────── */

static void count_answer(Eval *e, const json_t *answer)
{
    const char *path = json_string_value(json_object_get(answer, "path"));
    const Picture *picture = path ? strmap_get(&e->by_path, path) : NULL;
    size_t rank;
    json_t *prediction;
    if (!picture)
        return;
    json_array_foreach (json_object_get(answer, "predictions"), rank, prediction) {
        const char *label = json_string_value(json_object_get(prediction, "label"));
        if (label && strcmp(label, e->labels[picture->class]) == 0) {
            e->top1 += rank == 0;
            e->top5 += rank < 5;
            return;
        }
    }
}

enum { PICTURES_A_RUN = 250 }; /* far below the system's limit on arguments */

static bool ask(Eval *e, int64_t begin, int64_t end)
{
    Driver *driver = e->driver;
    StrList arguments = {0};
    StrBuf text = {.arena = driver->arena};
    const char *const first[] = {e->program, "-k", "5", "--json"};
    for (int64_t i = 0; i < countof(first); i++)
        vec_push(driver->arena, &arguments, first[i]);
    if (driver->options.threads) {
        vec_push(driver->arena, &arguments, "--threads");
        vec_push(driver->arena, &arguments, arena_printf(driver->arena, "%lld", (long long)driver->options.threads));
    }
    vec_push(driver->arena, &arguments, "--");
    for (int64_t i = begin; i < end; i++)
        vec_push(driver->arena, &arguments, e->pictures.at[i].path);
    vec_push(driver->arena, &arguments, NULL);
    int code = process_run(arguments.at, &text, &driver->diag);
    json_t *answers = code >= 0 && text.text ? json_loads(text.text, 0, NULL) : NULL;
    size_t index;
    json_t *answer;
    json_array_foreach (answers, index, answer)
        count_answer(e, answer);
    e->unreadable += end - begin - (int64_t)json_array_size(answers);
    if (!json_is_array(answers) && code >= 0)
        diag_resource(&driver->diag, NO_SPAN, "the compiled program ended with exit code %d", code);
    json_decref(answers);
    return !diag_failed(&driver->diag);
}

static void print_result(const Eval *e)
{
    double count = (double)e->pictures.len;
    if (!e->driver->options.json) {
        printf("top-1 %.2f %%   top-5 %.2f %%   %lld pictures\n", 100 * (double)e->top1 / count, 100 * (double)e->top5 / count,
               (long long)e->pictures.len);
        return;
    }
    json_t *root = json_pack("{s:f, s:f, s:I, s:I, s:I, s:I}", "top1", (double)e->top1 / count, "top5", (double)e->top5 / count,
                             "top1_right", (json_int_t)e->top1, "top5_right", (json_int_t)e->top5, "pictures",
                             (json_int_t)e->pictures.len, "unreadable", (json_int_t)e->unreadable);
    json_print(root, 9);
}

ExitCode subcommand_eval(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = options_build(driver);
    Eval e = {.driver = driver};
    if (!options_choose_cpus(driver, &build) || !(e.program = cache_executable(&build)))
        return driver_exit_code(driver);
    e.n_labels = prop_strings(build.model, "cnxc.labels", &e.labels);
    if (!e.n_labels) {
        diag_error(&driver->diag, NO_SPAN, "'%s' has no labels to evaluate", build.options.input);
        return EXIT_INPUT;
    }
    if (!find_pictures(&e, o->arguments.at[1]))
        return driver_exit_code(driver);
    for (int64_t i = 0; i < e.pictures.len; i += PICTURES_A_RUN) {
        int64_t end = i + PICTURES_A_RUN < e.pictures.len ? i + PICTURES_A_RUN : e.pictures.len;
        if (!ask(&e, i, end))
            return driver_exit_code(driver);
    }
    print_result(&e);
    if (e.unreadable)
        diag_error(&driver->diag, NO_SPAN, "%lld of %lld pictures could not be read and count as wrong", (long long)e.unreadable,
                   (long long)e.pictures.len);
    return driver_exit_code(driver);
}

#include "work.h"

#include <base/clock.h>
#include <base/memory.h>
#include <commitlog/salvage.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SEED     20261121
#define BEGIN_US 1000000
#define WALL_US  1700000000000000

static bool is_off(const struct work *work)
{
    return work->calls->is_dead || (work->is_off && work->is_off(work->disk));
}

/* Something failed, and this is how that is told. */
static bool is_excused(const struct work *work)
{
    return work->has_fault && *work->has_fault;
}

static void complain_of(struct work *work, const char *who, const struct model *model)
{
    bool is_of_reading = strncmp(model->complaint, "reading:", 8) == 0 ||
                         strncmp(model->complaint, "reader:", 7) == 0;
    if (model->complaint[0] && !(is_of_reading && is_excused(work)))
        work_complain(work, "%s%s", who, model->complaint);
}

bool work_complain(struct work *work, const char *format, ...)
{
    va_list args;
    if (is_off(work))
        return false;
    va_start(args, format);
    if (!work->told->complaint[0])
        vsnprintf(work->told->complaint, sizeof work->told->complaint, format, args);
    va_end(args);
    return false;
}

/* ---- begin and end ---- */

static struct leat_time clock_now(void *arg)
{
    return (struct leat_time){((struct work *)arg)->now_us * 1000};
}

static int64_t clock_wall(void *arg)
{
    return ((struct work *)arg)->now_us + WALL_US;
}

void work_begin(struct work *work, const struct workload *workload, struct told *told,
                struct os_calls *calls, const struct leat_os *os, const char *dir,
                enum leat_fsync fsync)
{
    static struct leat_clock clock;
    *work = (struct work){.told = told,
                          .calls = calls,
                          .now_us = BEGIN_US,
                          .shortens = 1,
                          .flusher = leat_flusher_manual()};
    work->model.seed = SEED;
    work->config = (struct leat_log_config){
        .dir = dir,
        .name = "work",
        .os = os,
        .queue_bytes = 1 << 20,
        .segment_min = workload->segment_min,
        .segment_max = workload->segment_max,
        .fold_bytes = workload->fold_bytes,
        .settings = {.fsync = fsync,
                     .fsync_every_us = 100000,
                     .retain_bytes = workload->retain_bytes,
                     .releases_slowest = workload->releases_slowest,
                     .min_free_bytes = 4096},
    };
    clock = (struct leat_clock){clock_now, clock_wall, work};
    leat_clock_use(&clock);
    if (told->next_number == 0)
        told->next_number = 1;
}

void work_end(struct work *work)
{
    leat_flusher_stop(work->flusher);
    leat_clock_use(NULL);
}

/* ---- what was told ---- */

static void told_model(const struct work *work, struct model *model)
{
    const struct told *told = work->told;
    *model = (struct model){.seed = SEED,
                            .floor = told->floor,
                            .has_consumer = told->has_consumer,
                            .settings = work->config.settings,
                            .latest_us = INT64_MAX,
                            .may_be_full = told->may_be_full};
    model->units = leat_malloc((told->count + 1) * sizeof *model->units);
    memcpy(model->units, told->units, told->count * sizeof *model->units);
    model->count = told->count;
    model->incarnations = leat_malloc(sizeof told->incarnations);
    memcpy(model->incarnations, told->incarnations, sizeof told->incarnations);
    model->incarnation_count = told->lives;
    for (size_t i = 0; i < told->count && told->units[i].end_lsn != 0; i++)
        if (told->units[i].end_lsn <= told->durable_lsn)
            model->durable = i + 1;
    if (model->durable < told->shown)
        model->durable = told->shown;
    if (told->is_closed)
        model->durable = told->count;
}

/* What a start did not find is lost, and must not come back. */
static void forget_lost(struct told *told, struct model *model, size_t seen)
{
    model->lost_count = model->count - seen;
    model->lost = leat_malloc((model->lost_count + 1) * sizeof *model->lost);
    memcpy(model->lost, model->units + seen, model->lost_count * sizeof *model->lost);
    model->count = model->durable = seen;
    told->count = told->shown = (uint32_t)seen;
    told->is_closed = false;
}

static void begin_life(struct work *work)
{
    struct told *told = work->told;
    struct leat_log_info info;
    leat_log_info(work->log, &info);
    if (info.durable_lsn != info.end_lsn && !info.is_full)
        work_complain(work, "a start leaves something that is not durable");
    if (told->lives == LIVES_MOST)
        work_complain(work, "too many lives for this test");
    else
        told->incarnations[told->lives++] = info.incarnation;
    if (told->has_consumer) /* as a sink does when it starts */
        leat_log_consumer_set(work->log, "sink", told->floor);
}

bool work_open(struct work *work, struct leat_error *err)
{
    struct model model;
    size_t seen = 0;
    if (leat_log_open(&work->log, &work->config, work->flusher, err) != LEAT_OK) {
        work->log = NULL;
        return false;
    }
    told_model(work, &model);
    bool is_good = model_check_frames(&model, work->log, model.durable, &seen);
    if (is_good) {
        forget_lost(work->told, &model, seen);
        begin_life(work);
        is_good = model_check_rest(&model, work->log);
    }
    complain_of(work, "", &model);
    model_fini(&model);
    return is_good && !work->told->complaint[0];
}

void work_close(struct work *work)
{
    struct leat_error err;
    bool is_good = leat_log_health(work->log, &err) == LEAT_OK;
    leat_log_close(work->log);
    work->log = NULL;
    work->told->is_closed = is_good && !is_off(work) && !is_excused(work);
}

void work_drop(struct work *work)
{
    work->calls->is_dead = true;
    if (work->log)
        leat_log_close(work->log);
    work->log = NULL;
    work->calls->is_dead = false;
}

/* ---- what is done ---- */

static uint64_t append(struct work *work, uint64_t mark, bool is_small)
{
    struct told *told = work->told;
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t number = mark == UNIT_SOURCE ? source_number(told->next_number, 1) : told->next_number | mark, end;
    if (leat_log_unit_begin(work->log, is_small, &unit, &err) != LEAT_OK)
        return 0;
    if (told->count == UNITS_MOST) {
        leat_log_unit_drop(work->log, unit);
        return 0;
    }
    told->next_number++;
    spec_write(&work->model, number, work->log, unit);
    told->units[told->count] = (struct unit){.number = number, .incarnation = told->lives - 1};
    told->count++; /* before: who dies within append() may have written it */
    if (leat_log_unit_append(work->log, unit, 1, &end, &err) != LEAT_OK) {
        told->count--;
        return 0;
    }
    told->units[told->count - 1].end_lsn = end;
    return end;
}

static void step(struct work *work)
{
    leat_flusher_step(work->flusher);
    uint64_t durable = leat_log_durable(work->log);
    if (durable > work->told->durable_lsn)
        work->told->durable_lsn = durable;
    work->now_us += 60000;
}

static void write_some(struct work *work, uint32_t units)
{
    for (uint32_t i = 0; i < units && work->log; i++) {
        append(work, 0, false);
        step(work);
    }
}

static void open_it(struct work *work)
{
    struct leat_error err;
    if (work_open(work, &err))
        return;
    if (work->log) { /* what was lost is not known: nothing can be added */
        work_drop(work);
        return;
    }
    if (!is_excused(work))
        work_complain(work, "open: %s", err.text);
    if (err.cause == LEAT_CAUSE_DAMAGED)
        snprintf(work->told->complaint, sizeof work->told->complaint, "open: %s", err.text);
}

void work_open_and_close(struct work *work)
{
    open_it(work);
    if (work->log)
        work_close(work);
}

static void open_and_write(struct work *work)
{
    open_it(work);
    if (!work->log)
        return;
    write_some(work, 3);
    work_close(work);
}

/* ---- the pieces of work ---- */

static void run_roll(struct work *work)
{
    write_some(work, 24 / work->shortens);
}

static void run_big(struct work *work)
{
    write_some(work, 1);
    append(work, UNIT_WIDE, false);
    step(work);
    if (work->shortens > 1)
        return;
    append(work, 0, false);
    append(work, UNIT_WIDE, false);
    append(work, 0, false);
    step(work);
    step(work);
}

/* More in one round than one pwritev() takes. */
static void run_crowd(struct work *work)
{
    for (int i = 0; i < (work->shortens > 1 ? 250 : 300); i++)
        append(work, 0, false);
    step(work);
    write_some(work, 1);
}

/* Records of several topics, a letter among them, and the position behind them: all or none. */
static void run_letter(struct work *work)
{
    for (uint32_t i = 0; i < 16 / work->shortens && work->log; i++) {
        append(work, UNIT_SOURCE, false);
        append(work, 0, true); /* a hint of a sink in between */
        append(work, UNIT_SOURCE, false);
        step(work);
    }
}

static void run_retain(struct work *work)
{
    for (int i = 0; i < 24 / (int)work->shortens; i++) {
        append(work, 0, false);
        step(work);
        work->told->floor = work->told->durable_lsn;
        work->told->has_consumer = true;
        leat_log_consumer_set(work->log, "sink", work->told->floor);
        work->now_us += i % 4 == 3 ? 11000000 : 0; /* that the flusher looks after it */
    }
}

static void run_full(struct work *work)
{
    work->told->may_be_full = true;
    write_some(work, 8);
    work->calls->is_full = true;
    for (int i = 0; i < 12; i++) {
        append(work, 0, i % 2);
        step(work);
        work->now_us += 200000;
    }
    work->calls->is_full = false;
    work->now_us += 1000000;
    write_some(work, 8);
}

static void prepare_shutdown(struct work *work)
{
    open_it(work);
    write_some(work, 8);
    for (int i = 0; i < 6; i++)
        append(work, 0, false);
}

/* ---- damages that a crash leaves, for starts that crash too ---- */

static int half_of_write(void *arg, enum os_call call, bool changes, const void *caller)
{
    (void)arg, (void)changes, (void)caller;
    return call == OS_PWRITEV ? OS_HALF : OS_GO_ON;
}

static void die_after_write(void *arg, enum os_call call)
{
    struct os_calls *calls = arg;
    calls->is_dead = calls->is_dead || call == OS_PWRITEV;
}

static void die_after_fallocate(void *arg, enum os_call call)
{
    struct os_calls *calls = arg;
    calls->is_dead = calls->is_dead || call == OS_FALLOCATE;
}

static void undisturbed(struct os_calls *calls)
{
    calls->before = NULL;
    calls->after = NULL;
    calls->arg = NULL;
}

static void prepare_torn(struct work *work)
{
    open_it(work);
    write_some(work, 6);
    for (int i = 0; i < 6; i++)
        append(work, 0, false);
    work->calls->before = half_of_write;
    work->calls->after = die_after_write;
    work->calls->arg = work->calls;
    step(work);
    work_drop(work);
    undisturbed(work->calls);
}

/* The newest segment has its name and its length, and no header. */
static void prepare_headless(struct work *work)
{
    open_it(work);
    write_some(work, 2);
    work->calls->after = die_after_fallocate;
    work->calls->arg = work->calls;
    for (int i = 0; i < 100 && !work->calls->is_dead; i++)
        write_some(work, 1);
    work_drop(work);
    undisturbed(work->calls);
}

static void remove_indexes(struct work *work)
{
    const struct leat_os *os = work->calls->under;
    char path[512], entry_path[1024];
    snprintf(path, sizeof path, "%s/segments", work->config.dir);
    DIR *dir = os->opendir(path);
    struct dirent *entry;
    while (dir && (entry = os->readdir(dir))) {
        snprintf(entry_path, sizeof entry_path, "%s/%s", path, entry->d_name);
        if (strstr(entry->d_name, ".idx"))
            os->unlink(entry_path);
    }
    if (dir)
        os->closedir(dir);
}

static void prepare_closed(struct work *work)
{
    open_it(work);
    write_some(work, 16 / work->shortens);
    work_close(work);
}

static void prepare_sealed(struct work *work)
{
    open_it(work);
    write_some(work, 20);
    work_close(work);
}

static void prepare_bare(struct work *work)
{
    prepare_closed(work);
    remove_indexes(work);
}

/* A file system without fallocate(2). */
static void prepare_plain(struct work *work)
{
    work->calls->has_no_fallocate = true;
    prepare_torn(work);
}

static void run_plain(struct work *work)
{
    open_it(work);
    write_some(work, 8);
}

/* A start that has a torn tail to cut, and no room for a copy of it. */
static void run_tight(struct work *work)
{
    work->told->may_be_full = true;
    work->calls->is_full = true;
    work_open_and_close(work);
    work->calls->is_full = false;
}

static void refuse_second(struct work *work)
{
    struct leat_log *log;
    struct leat_error err;
    if (leat_log_open(&log, &work->config, work->flusher, &err) == LEAT_OK) {
        work_complain(work, "two have the log open");
        leat_log_close(log);
    } else if (!is_excused(work) && err.cause != LEAT_CAUSE_IN_USE) {
        work_complain(work, "a second one: %s", err.text);
    }
}

static void run_look(struct work *work)
{
    struct leat_error err;
    work_look_beside(work);
    if (leat_log_verify(work->config.dir, work->config.os, NULL, NULL, NULL, &err) != LEAT_OK &&
        (!is_excused(work) || err.cause == LEAT_CAUSE_DAMAGED))
        work_complain(work, "verify: %s", err.text);
    open_it(work);
    if (!work->log)
        return;
    refuse_second(work);
    write_some(work, 3);
    work_close(work);
}

static void ignore_note(void *arg, const char *text)
{
    (void)arg, (void)text;
}

static void ignore_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
    (void)arg, (void)what, (void)done, (void)total;
}

static void ignore_hole(void *arg, const struct leat_log_hole *hole)
{
    (void)arg, (void)hole;
}

static void ignore_loss(void *arg, const struct leat_log_loss *loss)
{
    (void)arg, (void)loss;
}

static void ignore_older(void *arg, const void *key, size_t key_len)
{
    (void)arg, (void)key, (void)key_len;
}

/* The copy opens. */
static void salvage(struct work *work)
{
    const struct leat_log_salvage_calls calls = {.note = ignore_note, .progress = ignore_progress, .hole = ignore_hole,
                                                 .loss = ignore_loss, .older = ignore_older};
    struct leat_log_config config = work->config;
    struct leat_log_salvaged sum;
    struct leat_log *log;
    struct leat_error err;
    char *to = leat_format_dup("%s.saved", work->config.dir);
    config.dir = to;
    if (leat_log_salvage(work->config.dir, to, work->config.os, &calls, &sum, &err) == LEAT_OK &&
        leat_log_open(&log, &config, work->flusher, &err) == LEAT_OK)
        leat_log_close(log);
    else if (!is_excused(work))
        work_complain(work, "salvage: %s", err.text);
    free(to);
}

static void flip(struct work *work, off_t at)
{
    const struct leat_os *under = work->calls->under;
    char path[512];
    uint8_t byte;
    snprintf(path, sizeof path, "%s/segments/%020u.seg", work->config.dir, 0);
    int fd = under->open(path, O_RDWR, 0);
    under->pread(fd, &byte, 1, at);
    byte ^= 1;
    under->pwrite(fd, &byte, 1, at);
    under->fsync(fd);
    under->close(fd);
}

/* A log that was damaged is refused, whatever else fails, and is as it was when the damage is gone. */
static void look_at_damage(struct work *work, off_t at)
{
    struct leat_error err = {0};
    flip(work, at);
    if (leat_log_open(&work->log, &work->config, work->flusher, &err) == LEAT_OK)
        work_close(work);
    else if (!is_excused(work) && err.cause != LEAT_CAUSE_DAMAGED)
        work_complain(work, "a damaged log: %s", err.text);
    work->log = NULL;
    if (leat_log_verify(work->config.dir, work->config.os, NULL, NULL, NULL, &err) == LEAT_OK)
        work_complain(work, "verify does not see a flipped bit");
    salvage(work);
    flip(work, at);
}

static void run_damaged(struct work *work)
{
    look_at_damage(work, 300);
}

static void run_header(struct work *work)
{
    look_at_damage(work, 12);
}

/* Nobody says which log this is, but its segments. */
static void run_nameless(struct work *work)
{
    struct leat_error err;
    char path[512], aside[520];
    snprintf(path, sizeof path, "%s/IDENTITY", work->config.dir);
    snprintf(aside, sizeof aside, "%s.aside", path);
    work->calls->under->rename(path, aside);
    if (leat_log_verify(work->config.dir, work->config.os, NULL, NULL, NULL, &err) == LEAT_OK)
        work_complain(work, "verify does not miss IDENTITY");
    if (leat_log_open(&work->log, &work->config, work->flusher, &err) == LEAT_OK) {
        work_complain(work, "a log without IDENTITY opens");
        leat_log_close(work->log);
    }
    work->log = NULL;
    work->calls->under->rename(aside, path);
    leat_os_sync_parent(work->calls->under, path);
}

/* A reader beside learns from the hint of what the writer does meanwhile. */
static void run_follow(struct work *work)
{
    struct leat_log_config config = work->config;
    struct leat_log *log;
    struct leat_error err;
    size_t seen;
    config.is_read_only = true;
    if (leat_log_open(&log, &config, NULL, &err) != LEAT_OK) {
        if (!is_excused(work))
            work_complain(work, "read-only: %s", err.text);
        return;
    }
    for (int i = 0; i < 3; i++) {
        struct model model;
        write_some(work, 5);
        told_model(work, &model);
        model_check_frames(&model, log, 0, &seen);
        complain_of(work, "beside: ", &model);
        model_fini(&model);
    }
    leat_log_close(log);
}

static bool look_at_first(void *arg, uint32_t topic_id)
{
    (void)arg;
    return topic_id == 1;
}

/* Another log, with more topics than are read of an index at once. */
/* One unit of many topics, and one of a single topic, which does not fit beside it: the first one's
 * segment is sealed. */
static void write_topics(struct work *work, struct leat_log *log)
{
    static const uint8_t zeros[1 << 15];
    struct leat_log_unit *unit;
    struct leat_error err;
    char name[16];
    uint64_t end;
    for (int topics = 1300; topics > 0 && leat_log_unit_begin(log, false, &unit, &err) == LEAT_OK;
         topics = topics > 1 ? 1 : 0) {
        for (int topic = 0; topic < topics; topic++) {
            snprintf(name, sizeof name, "t%d", topic);
            leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(log, name, 0)), 1);
        }
        leat_bytes_add(leat_log_unit_stream(unit), zeros, sizeof zeros);
        leat_log_unit_append(log, unit, 1, &end, &err);
        leat_flusher_step(work->flusher);
    }
}

static void read_topic(struct work *work, struct leat_log *log)
{
    (void)work;
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_error err;
    if (leat_log_reader_open(log, look_at_first, NULL, &reader, &err) != LEAT_OK)
        return;
    if (leat_log_seek_offset(reader, leat_log_topic(log, "t0", 0), 0, &err) == LEAT_OK)
        leat_log_next(reader, &frame, &err);
    leat_log_reader_close(reader);
}

/* Not the log that is compared: another one beside it. */
static void open_other(struct work *work, void (*use)(struct work *work, struct leat_log *log))
{
    struct leat_log_config config = work->config;
    struct leat_log *log;
    struct leat_error err;
    char *dir = leat_format_dup("%s.other", work->config.dir);
    config.dir = dir;
    if (leat_log_open(&log, &config, work->flusher, &err) == LEAT_OK) {
        use(work, log);
        leat_log_close(log);
    }
    free(dir);
}

/* It was closed, and lost its last bytes since; nothing says that they were durable. The index of the newest segment knows
 * them still. */
static void cut_other(struct work *work)
{
    const struct leat_os *under = work->calls->under;
    char *segment = leat_format_dup("%s.other/segments/%020u.seg", work->config.dir, 0);
    char *hint = leat_format_dup("%s.other/durable.hint", work->config.dir);
    struct stat st;
    int fd = under->open(segment, O_RDWR, 0);
    uint8_t bytes[4096];
    ssize_t have = under->pread(fd, bytes, sizeof bytes, 0);
    while (have > 0 && bytes[have - 1] == 0)
        have--;
    if (under->fstat(fd, &st) == 0 && under->ftruncate(fd, have - 8) == 0 && under->ftruncate(fd, st.st_size) == 0)
        under->fsync(fd);
    under->close(fd);
    under->unlink(hint);
    free(segment);
    free(hint);
}

static void write_little(struct work *work, struct leat_log *log)
{
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end;
    if (leat_log_unit_begin(log, false, &unit, &err) != LEAT_OK)
        return;
    leat_bytes_add(leat_log_unit_stream(unit), "little", 6);
    leat_log_unit_count(unit, leat_log_unit_slot(unit, leat_log_topic(log, "t", 0)), 1);
    leat_log_unit_append(log, unit, 1, &end, &err);
    leat_flusher_step(work->flusher);
}

static void prepare_lost(struct work *work)
{
    open_other(work, write_little);
    cut_other(work);
}

static void run_lost(struct work *work)
{
    open_other(work, write_little);
}

static void prepare_topics(struct work *work)
{
    open_other(work, write_topics);
}

static void run_topics(struct work *work)
{
    open_other(work, read_topic);
}

/* Places by offset, by time, at both ends; the segments in between are known by their indexes. */
static void run_seek(struct work *work)
{
    struct leat_log_reader *reader;
    struct leat_log_frame frame;
    struct leat_error err;
    bool is_exact;
    open_it(work);
    if (!work->log ||
        leat_log_reader_open(work->log, look_at_first, NULL, &reader, &err) != LEAT_OK)
        return;
    for (uint64_t offset = 0; offset < 20; offset += 5)
        if (leat_log_seek_offset(reader, 1, offset, &err) == LEAT_OK)
            leat_log_next(reader, &frame, &err);
    if (leat_log_seek_time(reader, (BEGIN_US + work->now_us) / 2 + WALL_US, &err) == LEAT_OK)
        leat_log_next(reader, &frame, &err);
    leat_log_seek_first(reader, &err);
    while (leat_log_next(reader, &frame, &err) == LEAT_OK)
        leat_log_offset_near(work->log, 1, frame.lsn, &is_exact);
    leat_log_reader_close(reader);
    work_close(work);
}

#define SMALL .segment_min = 4096, .segment_max = 8192, .fold_bytes = 1 << 20
const struct workload workloads[] = {
    {"start", NULL, work_open_and_close, .is_start = true, SMALL},
    {"roll", open_it, run_roll, SMALL},
    {"big", open_it, run_big, .segment_min = 65536, .segment_max = 65536, .fold_bytes = 1 << 20},
    {"crowd", open_it, run_crowd, .segment_min = 1 << 20, .segment_max = 1 << 20,
     .fold_bytes = 1 << 20},
    {"letter", open_it, run_letter, SMALL},
    {"fold", open_it, run_roll, .segment_min = 4096, .segment_max = 8192, .fold_bytes = 3000},
    {"retain", open_it, run_retain, .segment_min = 4096, .segment_max = 4096, .fold_bytes = 4096,
     .retain_bytes = 8192},
    {"full", open_it, run_full, SMALL},
    {"release", open_it, run_full, .segment_min = 4096, .segment_max = 4096, .fold_bytes = 4096,
     .releases_slowest = true},
    {"shutdown", prepare_shutdown, work_close, SMALL},
    {"torn", prepare_torn, open_and_write, .is_start = true, .segment_min = 65536,
     .segment_max = 65536, .fold_bytes = 1 << 20},
    {"tight", prepare_torn, run_tight, .is_start = true, .segment_min = 65536, .segment_max = 65536, .fold_bytes = 1 << 20},
    {"headless", prepare_headless, open_and_write, .is_start = true, SMALL},
    {"plain", prepare_plain, run_plain, .is_start = true, SMALL},
    {"look", prepare_torn, run_look, .is_start = true, SMALL},
    {"follow", open_it, run_follow, SMALL},
    {"seek", prepare_sealed, run_seek, .is_start = true, .segment_min = 4096, .segment_max = 4096,
     .fold_bytes = 1 << 20},
    {"topics", prepare_topics, run_topics, .is_start = true, .breaks = true, .calls_most = 50,
     .segment_min = 1 << 16, .segment_max = 1 << 16, .fold_bytes = 1 << 20},
    {"lost", prepare_lost, run_lost, .is_start = true, .breaks = true, SMALL},
    {"header", prepare_closed, run_header, .breaks = true, SMALL},
    {"damaged", prepare_closed, run_damaged, .breaks = true, SMALL},
    {"nameless", prepare_closed, run_nameless, .breaks = true, SMALL},
    {"bare", prepare_bare, work_open_and_close, .is_start = true, SMALL},
};
const size_t workload_count = sizeof workloads / sizeof *workloads;

/* ---- looking at what is left ---- */

bool work_look_beside(struct work *work)
{
    struct leat_log_config config = work->config;
    struct leat_log *log;
    struct leat_error err;
    struct model model;
    size_t seen;
    config.is_read_only = true;
    told_model(work, &model);
    if (leat_log_open(&log, &config, NULL, &err) != LEAT_OK) {
        if (model.durable > 0 && !is_excused(work))
            work_complain(work, "read-only: %s", err.text);
    } else {
        model_check_frames(&model, log, 0, &seen);
        complain_of(work, "beside: ", &model);
        leat_log_close(log);
    }
    model_fini(&model);
    return !work->told->complaint[0];
}

/* What it did before its process died, it still can. */
static bool write_one(struct work *work)
{
    uint64_t end = append(work, 0, false);
    for (int i = 0; i < 40 && end > work->told->durable_lsn; i++)
        step(work);
    return (end > 0 && end <= work->told->durable_lsn) ||
           work_complain(work, "nothing more becomes durable");
}

bool work_check(struct work *work, enum work_ending ending)
{
    struct leat_error err = {0};
    if (!work_look_beside(work))
        return false;
    if (!work_open(work, &err) || (ending != DIES_AT_ONCE && !write_one(work)))
        return work->log ? false : work_complain(work, "open: %s", err.text);
    if (leat_log_verify(work->config.dir, work->config.os, NULL, NULL, NULL, &err) != LEAT_OK)
        return work_complain(work, "verify: %s", err.text);
    if (ending == CLOSES)
        work_close(work);
    else
        work_drop(work);
    if (work->lose_power)
        work->lose_power(work->disk);
    if (!work_open(work, &err))
        return work->log ? false : work_complain(work, "open once more: %s", err.text);
    work_close(work);
    return true;
}

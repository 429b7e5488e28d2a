#include <base/logger.h>
#include <base/clock.h>
#include <base/hash.h>
#include <base/os.h>
#include <base/text.h>
#include <base/thread.h>
#include <stdio.h>

#define REPEAT_WINDOW_NS ((int64_t)60 * 1000000000)
#define MEMORY 64 /* lines whose repeats are counted */

struct said { /* one line, lately printed */
    uint64_t hash;
    struct leat_time at;
    uint64_t repeats; /* not printed since */
};

static struct leat_logger_config config = {2, false, LEAT_INFO};
static struct said memory[MEMORY];
static struct leat_lock lock = LEAT_LOCK("logger", LEAT_RANK_LOGGER);

void leat_logger_use(const struct leat_logger_config *wanted)
{
    config = *wanted;
}

bool leat_says(enum leat_level level)
{
    return level >= config.level;
}

static const char *level_name(enum leat_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return names[level];
}

/* False: the same line was printed within the window; true: print it, with the repeats before it. */
static bool is_news(const char *name, const char *text, uint64_t *repeats)
{
    uint64_t hash = leat_hash(text, strlen(text), name ? leat_hash(name, strlen(name), 1) : 2);
    struct said *said = &memory[hash % MEMORY];
    struct leat_time now = leat_now();
    *repeats = 0;
    if (said->hash == hash) {
        if (now.ns - said->at.ns < REPEAT_WINDOW_NS) {
            said->repeats++;
            return false;
        }
        *repeats = said->repeats;
    }
    *said = (struct said){hash, now, 0};
    return true;
}

static void json_text(struct leat_bytes *line, const char *text)
{
    struct leat_bytes clean;
    leat_bytes_init(&clean, 64 << 10);
    leat_text_utf8(&clean, text, strlen(text));
    leat_bytes_put(line, '"');
    for (size_t i = 0; i < clean.len; i++) {
        uint8_t c = clean.data[i];
        if (c == '"' || c == '\\')
            leat_bytes_put(line, '\\');
        leat_bytes_put(line, c);
    }
    leat_bytes_put(line, '"');
    leat_bytes_fini(&clean);
}

static void json_line(struct leat_bytes *line, enum leat_level level, const char *name, const char *text)
{
    char time[40];
    leat_text_time(time, leat_wall_us(), 3);
    leat_bytes_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"name\":", time, level_name(level));
    json_text(line, name ? name : "leat");
    leat_bytes_text(line, ",\"text\":");
    json_text(line, text);
    leat_bytes_text(line, "}\n");
}

static void plain_line(struct leat_bytes *line, enum leat_level level, const char *name, const char *text)
{
    if (level == LEAT_WARNING || level == LEAT_ERROR || level == LEAT_DEBUG)
        leat_bytes_printf(line, "%s: ", level_name(level));
    if (name)
        leat_bytes_printf(line, "%s: ", name);
    leat_bytes_text(line, text);
    leat_bytes_put(line, '\n');
}

/* `text` has its control bytes escaped. */
static void print(enum leat_level level, const char *name, const char *text, uint64_t repeats)
{
    struct leat_bytes line, whole;
    leat_bytes_init(&line, 64 << 10);
    leat_bytes_init(&whole, 64 << 10);
    leat_bytes_text(&whole, text);
    if (repeats > 0)
        leat_bytes_printf(&whole, " (and %llu times more since it was last said)", (unsigned long long)repeats);
    leat_bytes_put(&whole, 0);
    (config.is_json ? json_line : plain_line)(&line, level, name, (const char *)whole.data);
    leat_os->write(config.fd, line.data, line.len); /* nowhere to report a failure to */
    leat_bytes_fini(&line);
    leat_bytes_fini(&whole);
}

void leat_say(enum leat_level level, const char *name, const char *fmt, ...)
{
    if (!leat_says(level))
        return;
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct leat_bytes escaped;
    leat_bytes_init(&escaped, 32 << 10);
    leat_text_escape(&escaped, text, strlen(text));
    leat_bytes_put(&escaped, 0);
    leat_lock_take(&lock);
    uint64_t repeats;
    if (is_news(name, (const char *)escaped.data, &repeats))
        print(level, name, (const char *)escaped.data, repeats);
    leat_lock_give(&lock);
    leat_bytes_fini(&escaped);
}

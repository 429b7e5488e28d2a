#include <mysql/stream_parts.h>

#include <base/memory.h>
#include <model/batch.h>
#include <mysql/transaction.h>
#include <stdlib.h>
#include <strings.h>

/* What a transaction takes back is not logged at all, but where it has also changed tables that cannot take back (MyISAM): then
 * the rows of the others are followed by ROLLBACK, or lie between SAVEPOINT and ROLLBACK TO. */

static uint64_t rows_so_far(const struct stream *stream, const struct leat_batch *batch)
{
    return stream->sent_rows + leat_batch_count(batch) - stream->transaction_first;
}

static void forget_savepoints(struct stream *stream, uint32_t from)
{
    for (uint32_t i = from; i < stream->savepoint_count; i++)
        free(stream->savepoints[i].name);
    if (from < stream->savepoint_count)
        stream->savepoint_count = from;
}

void stream_undo_begin(struct stream *stream)
{
    stream->sent_rows = 0;
    forget_savepoints(stream, 0);
}

void stream_undo_sent(struct stream *stream, const struct leat_batch *batch)
{
    stream->sent_rows = rows_so_far(stream, batch);
}

void stream_undo_fini(struct stream *stream)
{
    forget_savepoints(stream, 0);
    free(stream->savepoints);
}

static uint32_t find(const struct stream *stream, const char *name, size_t len)
{
    uint32_t i = stream->savepoint_count;
    while (i > 0 && (strlen(stream->savepoints[i - 1].name) != len || strncasecmp(stream->savepoints[i - 1].name, name, len) != 0))
        i--;
    return i;
}

static void set_savepoint(struct stream *stream, const struct leat_batch *batch, const char *name, size_t len)
{
    uint32_t count = stream->savepoint_count;
    stream->savepoints = leat_realloc(stream->savepoints, (count + 1) * sizeof *stream->savepoints);
    stream->savepoints[count] = (struct stream_savepoint){.name = leat_strndup(name, len), .rows = rows_so_far(stream, batch)};
    stream->savepoint_count++;
}

static void cut_back(struct stream *stream, struct leat_batch *batch, uint64_t rows)
{
    uint64_t gone = stream->sent_rows > rows ? stream->sent_rows - rows : 0;
    leat_batch_truncate(batch, stream->transaction_first + (uint32_t)(gone > 0 ? 0 : rows - stream->sent_rows));
    if (rows == 0 && gone == 0 && stream->transaction) /* nor is its BEGIN any more */
        transaction_forget(stream->transaction);
    if (gone == 0)
        return;
    leat_say(LEAT_WARNING, NULL,
             "%s: %s before %llu: a transaction was rolled back after %llu rows of it had been sent on: these are phantoms, compare its "
             "tables with the target. It has also changed tables of an engine without transactions",
             stream->where, stream->file, (unsigned long long)stream->pos, (unsigned long long)gone);
    stream->sent_rows = rows;
}

/* The rest behind `words`, without blanks; NULL: the text does not begin so. */
static const char *behind(const struct leat_binlog_query *query, const char *words, size_t *len)
{
    size_t words_len = strlen(words);
    if (query->text_len < words_len || strncasecmp(query->text, words, words_len) != 0)
        return NULL;
    *len = query->text_len - words_len;
    return query->text + words_len;
}

void stream_undo_query(struct stream *stream, struct leat_batch *batch, const struct leat_binlog_query *query)
{
    size_t len;
    const char *set = behind(query, "SAVEPOINT ", &len);
    if (set) {
        set_savepoint(stream, batch, set, len);
        return;
    }
    const char *back = behind(query, "ROLLBACK TO ", &len);
    uint32_t at = back ? find(stream, back, len) : 0;
    if (at > 0) {
        cut_back(stream, batch, stream->savepoints[at - 1].rows);
        forget_savepoints(stream, at);
    } else if (behind(query, "ROLLBACK", &len) && len == 0) {
        cut_back(stream, batch, 0);
    }
}

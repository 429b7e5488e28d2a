#include <control/hand.h>

#include <base/clock.h>
#include <base/os.h>
#include <string.h>

#define WAIT_US 10000000

static const struct leat_log_settings *settings_of(const struct leat_config *config, const char *log)
{
    for (size_t i = 0; config && i < config->pipeline_count; i++)
        if (strcmp(config->pipelines[i].log, log) == 0)
            return &config->pipelines[i].settings;
    return NULL;
}

static enum leat_status open_writer(struct leat_hand *hand, struct leat_error *err)
{
    const struct leat_log_settings *settings = settings_of(hand->config, hand->log);
    struct leat_writer_config config = {.log = hand->log, .connector = hand->name, .batch_bytes = 4 << 20};
    const struct leat_positions *from;
    if (settings)
        config.settings = *settings;
    return hand->writer ? LEAT_OK : hand->driver->writer_open(hand->access, &config, &hand->writer, &from, err);
}

static void wait_for_news(const struct leat_hand *hand)
{
    leat_os->poll(&(struct pollfd){.fd = hand->driver->writer_fd(hand->writer), .events = POLLIN}, 1, 100);
}

static enum leat_status wait_durable(const struct leat_hand *hand, uint64_t ticket, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    uint64_t durable = 0;
    for (;;) {
        enum leat_status status = hand->driver->durable(hand->writer, &durable, err);
        if (status != LEAT_OK || durable >= ticket)
            return status;
        if (leat_is_past(deadline))
            return leat_fail(err, LEAT_STOP, "log %s: what was written does not become durable: it may be there, or not",
                             hand->log);
        wait_for_news(hand);
    }
}

enum leat_status leat_hand_write(struct leat_hand *hand, struct leat_batch *batch, const struct leat_state *states,
                                 size_t count, const char *audience, struct leat_error *err)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    uint64_t ticket;
    enum leat_status status = open_writer(hand, err);
    if (status != LEAT_OK)
        return status;
    while ((status = hand->driver->append(hand->writer, batch, states, count, audience, &ticket, err)) == LEAT_AGAIN) {
        if (leat_is_past(deadline))
            return leat_fail(err, LEAT_STOP, "log %s has no room: is the disk full?", hand->log);
        wait_for_news(hand);
    }
    return status == LEAT_OK ? wait_durable(hand, ticket, err) : status;
}

void leat_hand_close(struct leat_hand *hand)
{
    if (hand->writer)
        hand->driver->writer_close(hand->writer);
    hand->writer = NULL;
}

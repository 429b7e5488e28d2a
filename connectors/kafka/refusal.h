/* refusal.h - messages that the brokers refuse: which ones they are, and which records they were, for as long as they are
 * to be kept out.
 *
 * A broker judges whole batches of messages, and of a topic without a right not even those. So once a round has failed for
 * what its messages are, the sender tries parts of it in transactions that never end well, each with a producer of its own
 * (librdkafka's are of no use after such an error), until single messages are left. The sink notes them here and opens again; put() then refuses their records, one by one.
 *
 * The list is the process's: who restarts finds out once more. Thread: the owner's, but for refusal_find().
 */
#ifndef LEAT_KAFKA_REFUSAL_H
#define LEAT_KAFKA_REFUSAL_H

#include <kafka/sender.h>

/* After a round that was refused: sets `refused` of the messages that are. Sender's thread.
 * RETRY: it is none of them alone, or there was no answer. */
enum leat_status refusal_find(struct round *round, const struct sender_config *config, struct leat_error *err);

/* The same record in the same form. */
uint64_t refusal_mark(const struct round_message *message, const struct leat_bytes *bytes);

struct refusals; /* of one transactional id */
struct refusals *refusals_of(const char *id);
bool refusals_are_empty(const struct refusals *refusals);
void refusals_note(struct refusals *refusals, uint64_t mark, rd_kafka_resp_err_t code);
/* The code under which it was refused, which is of use up to this batch; 0: it was not. */
rd_kafka_resp_err_t refusals_find(struct refusals *refusals, uint64_t mark, uint64_t batch);
void refusals_reopen(struct refusals *refusals);                  /* batches are counted anew */
void refusals_settle(struct refusals *refusals, uint64_t batch); /* those of batches up to this one are over */

#endif

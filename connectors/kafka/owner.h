/* owner.h - how this process is named where it owns something. Any thread. */
#ifndef LEAT_KAFKA_OWNER_H
#define LEAT_KAFKA_OWNER_H

/* "leat on HOST, pid PID, since TIME (ID)": the same for the life of the process, different from all others. */
const char *kafka_owner(void);

#endif

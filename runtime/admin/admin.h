/* admin.h - the daemon's ear: HTTP on DATA/admin.sock (0660), and on host:port where `admin` says so.
 *
 *   GET /status    one JSON object a line for each connector, and for each place in a log whose sink is gone
 *   GET /metrics   Prometheus text format
 *   GET /health    200 while every connector works, else 503
 *   PUT /connectors/NAME/pause|resume|restart|stop    at the socket alone; NAME as leat_control_order() takes it
 *   POST ...       errand.h
 *
 * Thread: open and close from the main thread; requests are answered on a thread of the server's own.
 */
#ifndef LEAT_ADMIN_ADMIN_H
#define LEAT_ADMIN_ADMIN_H

#include <control/control.h>

struct leat_admin;

enum leat_status leat_admin_open(struct leat_admin **admin, struct leat_control *control,
                                 const struct leat_config *config, struct leat_error *err);
void leat_admin_close(struct leat_admin *admin);

#endif

/* verb_replay.c - asked of the daemon, and done here where none runs. */
#include <cli/cli.h>

#include <control/datadir.h>
#include <control/replay.h>
#include <stdio.h>
#include <stdlib.h>

static void say_sent(void *arg, const char *sink)
{
    (void)arg;
    printf("%s is sent back: it goes there when it runs again\n", sink);
}

static int send_here(const char *data, const char *file, const char *name, const char *from)
{
    struct place place;
    struct loaded loaded = {.config = NULL};
    struct leat_error err;
    int exit_status = open_place(&place, data, file, false);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (file)
        exit_status = load_files(&loaded, &(struct arguments){(const char *[]){file}, 1}, false);
    struct leat_replay replay = {place.driver, place.access, loaded.config};
    if (exit_status == EXIT_DONE && leat_replay_write(&replay, name, from, say_sent, NULL, &err) != LEAT_OK)
        exit_status = fail_with(&err);
    if (file)
        unload(&loaded);
    close_place(&place);
    return exit_status;
}

static int send_offline(const char *dir, const char *data, const char *file, const char *name, const char *from)
{
    struct leat_error err;
    int lock_fd;
    if (leat_datadir_hold(dir, &lock_fd, &err) != LEAT_OK)
        return fail_with(&err);
    int exit_status = send_here(data, file, name, from);
    leat_datadir_release(lock_fd);
    return exit_status;
}

static long ask(const char *dir, const char *name, const char *from, struct leat_bytes *answer)
{
    struct leat_bytes path;
    leat_bytes_init(&path, 4096);
    leat_bytes_text(&path, "/replay?");
    put_query(&path, "sink", name);
    put_query(&path, "from", from);
    leat_bytes_put(&path, '\0');
    long code = path.is_over ? 0 : ask_daemon(dir, "POST", (const char *)path.data, answer);
    leat_bytes_fini(&path);
    return code;
}

static int send(const char *data, const char *file, const char *name, const char *from)
{
    struct leat_bytes answer;
    int exit_status = EXIT_ERROR;
    char *url, *dir = find_data(data, file, &url, &exit_status);
    if (!dir)
        return exit_status;
    leat_bytes_init(&answer, 1 << 20);
    long code = ask(dir, name, from, &answer);
    if (code == 0) {
        exit_status = send_offline(dir, data, file, name, from);
    } else if (code == 200) {
        print_out(&answer);
        exit_status = EXIT_DONE;
    } else {
        fprintf(stderr, "leat: %.*s", (int)answer.len, (const char *)answer.data);
        exit_status = EXIT_ERROR;
    }
    leat_bytes_fini(&answer);
    free(dir);
    free(url);
    return exit_status;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    const char *data = NULL, *file = NULL, *from = NULL;
    const struct flag flags[] = {
        PLACE_FLAGS(data, file),
        {"from", "PLACE", &from, NULL, "earliest, latest, a time (RFC 3339) or TOPIC[/PARTITION]:OFFSET."},
        {0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    if (arguments.count != 1)
        return usage_error(verb, "which SINK? shop.archive, or shop for all of its sinks");
    if (!from)
        return usage_error(verb, "--from is missing: earliest, latest, a time or TOPIC[/PARTITION]:OFFSET");
    return send(data, file, arguments.items[0], from);
}

const struct verb verb_replay = {"replay", "SINK --from PLACE", "Sends a sink back: it writes once more what comes from there on.",
                                 run};

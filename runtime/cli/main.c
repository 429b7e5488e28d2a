#include <cli/cli.h>

#include <base/text.h>
#include <signal.h>
#include <stdio.h>

const struct verb *const verbs[] = {&verb_run,   &verb_check,  &verb_plugins, &verb_schema, &verb_topics,
                                    &verb_read,  &verb_offsets, &verb_log,    &verb_status, &verb_pause,
                                    &verb_resume, &verb_restart, &verb_stop, &verb_dead,
                                    &verb_replay, &verb_recover, &verb_snapshot, &verb_version, NULL};

static int print_help(FILE *to, int status)
{
    fprintf(to, "Leat " LEAT_VERSION " captures changes from databases and logs, and carries them on, exactly once.\n\n"
                "  leat VERB [ARGUMENTS]      leat VERB --help tells more\n\n");
    for (size_t i = 0; verbs[i]; i++) {
        char head[64];
        snprintf(head, sizeof head, "%s %s", verbs[i]->name, verbs[i]->arguments);
        fprintf(to, "  leat %-36s %s\n", head, verbs[i]->about);
    }
    fprintf(to, "\nA first look: leat plugins; leat check shop.yaml; leat run shop.yaml\n");
    return status;
}

static int unknown_verb(const char *name)
{
    const char *names[32];
    size_t count = 0;
    while (verbs[count]) {
        names[count] = verbs[count]->name;
        count++;
    }
    const char *meant = leat_did_you_mean(name, names, count);
    fprintf(stderr, "leat: unknown verb \"%s\"", name);
    if (meant)
        fprintf(stderr, "; did you mean \"%s\"?", meant);
    fprintf(stderr, "\n`leat --help` lists what there is.\n");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of file size is an error of the write */
    if (argc < 2)
        return print_help(stderr, EXIT_USAGE);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return print_help(stdout, EXIT_DONE);
    if (strcmp(name, "--version") == 0)
        return verb_version.run(&verb_version, 0, argv + 2);
    for (size_t i = 0; verbs[i]; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i]->run(verbs[i], argc - 2, argv + 2);
    return unknown_verb(name);
}

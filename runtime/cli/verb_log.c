#include <cli/log_verbs.h>

#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct verb *verb, int argc, char **argv);
} actions[] = {
    {"verify", log_verify},
    {"dump", log_dump},
    {"salvage", log_salvage},
};

/* The first argument that is one of them: flags, with or without a value, may stand before it. */
static int run(const struct verb *verb, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        for (size_t k = 0; k < sizeof actions / sizeof actions[0]; k++)
            if (strcmp(argv[i], actions[k].name) == 0 && (i == 0 || argv[i - 1][0] != '-'))
                return actions[k].run(verb, argc, argv);
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return actions[0].run(verb, argc, argv);
    if (argc > 0 && argv[0][0] != '-')
        return usage_error(verb, "there is no \"log %s\"; there is: %s", argv[0], verb->arguments);
    return usage_error(verb, "what to do? %s", verb->arguments);
}

const struct verb verb_log = {"log", "verify [LOG|DIR] | dump [LOG|DIR] | salvage DIR NEWDIR",
                              "Checks every acknowledged byte of the commit log on disk; shows what is in it; copies what is whole.", run};

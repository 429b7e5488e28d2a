#include <cli/cli.h>

#include <curl/curl.h>
#include <stdio.h>

static int run(const struct verb *verb, int argc, char **argv)
{
    static const struct flag flags[] = {{0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    printf("leat " LEAT_VERSION "\nplug-in ABI %d\ncompiler %s\nlibraries %s\n", LEAT_ABI, __VERSION__, curl_version());
    return EXIT_DONE;
}

const struct verb verb_version = {"version", "", "Leat, and what it was built with.", run};

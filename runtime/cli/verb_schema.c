#include <cli/cli.h>

#include <config/schema.h>

static int run(const struct verb *verb, int argc, char **argv)
{
    static const struct flag flags[] = {{0}};
    struct arguments arguments;
    int exit_status = EXIT_DONE;
    if (!take_flags(verb, flags, argc, argv, &arguments, &exit_status))
        return exit_status;
    struct leat_error err;
    struct leat_registry *registry;
    if (leat_registry_open(&registry, NULL, &err) != LEAT_OK)
        return fail_with(&err);
    struct leat_bytes out;
    leat_bytes_init(&out, 64 << 20);
    leat_config_schema(&out, leat_registry_catalog(registry));
    leat_bytes_put(&out, '\n');
    print_out(&out);
    leat_bytes_fini(&out);
    leat_registry_close(registry);
    return EXIT_DONE;
}

const struct verb verb_schema = {"schema", "", "JSON Schema of the pipeline file, for editors.", run};

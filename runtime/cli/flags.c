#include <cli/cli.h>

#include <base/os.h>
#include <base/text.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char *dashes(const char *name)
{
    return name[1] ? "--" : "-";
}

static void print_usage(FILE *to, const struct verb *verb, const struct flag *flags)
{
    fprintf(to, "leat %s %s\n  %s\n", verb->name, verb->arguments, verb->about);
    for (const struct flag *flag = flags; flag->name; flag++) {
        char head[64];
        snprintf(head, sizeof head, "%s%s %s", dashes(flag->name), flag->name, flag->value_name ? flag->value_name : "");
        fprintf(to, "  %-24s %s\n", head, flag->about);
    }
}

int usage_error(const struct verb *verb, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "leat %s: ", verb->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n`leat %s --help` tells more.\n", verb->name);
    va_end(args);
    return EXIT_USAGE;
}

static int unknown_flag(const struct verb *verb, const struct flag *flags, const char *text)
{
    const char *names[32];
    size_t count = 0;
    for (const struct flag *flag = flags; flag->name; flag++)
        names[count++] = flag->name;
    const char *meant = leat_did_you_mean(text + strspn(text, "-"), names, count);
    if (meant)
        return usage_error(verb, "unknown option %s; did you mean %s%s?", text, dashes(meant), meant);
    return usage_error(verb, "unknown option %s", text);
}

/* "--name" or "--name=value" names the flag. */
static const struct flag *find_flag(const struct flag *flags, const char *text, const char **value)
{
    const char *name = text + (text[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    *value = equals ? equals + 1 : NULL;
    for (const struct flag *flag = flags; flag->name; flag++)
        if (strlen(flag->name) == len && memcmp(flag->name, name, len) == 0)
            return flag;
    return NULL;
}

bool take_flags(const struct verb *verb, const struct flag *flags, int argc, char **argv, struct arguments *arguments,
                int *exit_status)
{
    bool has_ended = false; /* behind -- */
    *arguments = (struct arguments){(const char **)argv, 0};
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i], *value;
        if (has_ended || text[0] != '-' || !text[1]) {
            arguments->items[arguments->count++] = text;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            has_ended = true;
            continue;
        }
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            print_usage(stdout, verb, flags);
            *exit_status = EXIT_DONE;
            return false;
        }
        const struct flag *flag = find_flag(flags, text, &value);
        if (!flag) {
            *exit_status = unknown_flag(verb, flags, text);
            return false;
        }
        if (!flag->value_name) {
            *flag->is_set = true;
            continue;
        }
        if (!value && i + 1 == argc) {
            *exit_status = usage_error(verb, "%s wants a value: %s %s", text, text, flag->value_name);
            return false;
        }
        if (flag->is_set && *flag->value)
            *flag->is_set = true;
        *flag->value = value ? value : argv[++i];
    }
    return true;
}

int take_choice(const struct verb *verb, const char *flag, const char *value, const char *const *choices)
{
    size_t count = 0;
    while (choices[count])
        count++;
    for (size_t i = 0; i < count; i++)
        if (strcmp(choices[i], value) == 0)
            return (int)i;
    const char *meant = leat_did_you_mean(value, choices, count);
    if (meant)
        usage_error(verb, "%s cannot be \"%s\"; did you mean \"%s\"?", flag, value, meant);
    else
        usage_error(verb, "%s cannot be \"%s\"", flag, value);
    return -1;
}

int fail_with(const struct leat_error *err)
{
    fprintf(stderr, "leat: %s\n", err->text);
    return err->cause >= LEAT_CAUSE_CONFIG ? (int)err->cause : EXIT_ERROR;
}

bool print_out(const struct leat_bytes *bytes)
{
    return leat_os_write_all(leat_os, STDOUT_FILENO, bytes->data, bytes->len);
}

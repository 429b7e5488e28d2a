/* fuzz_config.c - a pipeline file of any bytes: it is refused with findings that have a place in it, or accepted, and
 * then every plug-in of it can be instantiated.
 *
 * The only file there is is the input: paths that a mutation makes up do not exist.
 */
// folders: config
#include <base/assert.h>
#include <base/os.h>
#include <config/load.h>
#include <errno.h>
#include <kit/fuzz.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unit/config/fake_catalog.h>

static int input;

static int open_input(const char *path, int flags, mode_t mode)
{
    (void)flags;
    (void)mode;
    if (strcmp(path, "fuzz.yaml") == 0)
        return dup(input);
    errno = ENOENT;
    return -1;
}

static void check(void *arg, const struct leat_diagnostic *diagnostic)
{
    struct leat_bytes *out = arg;
    leat_bytes_clear(out);
    leat_diagnostic_print(out, diagnostic, true);
    leat_diagnostic_json(out, diagnostic);
    leat_assert(out->len > 0 && !out->is_over);
    leat_assert(diagnostic->text[0]);
    leat_assert(diagnostic->line == 0 || diagnostic->excerpt);
}

static void instantiate(const struct leat_connector_def *def)
{
    leat_use_free(&def->use, leat_use_instance(&def->use));
    for (size_t i = 0; i < def->transform_count; i++) {
        const struct leat_use *use = &def->transforms[i].use;
        leat_use_free(use, leat_use_instance(use));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct leat_os os;
    os = leat_os_real;
    os.open = open_input;
    leat_os = &os;
    input = memfd_create("fuzz", MFD_CLOEXEC);
    leat_assert(input >= 0 && leat_os_write_all(leat_os, input, data, size));
    lseek(input, 0, SEEK_SET);
    const char *path = "fuzz.yaml";
    struct leat_config *config = NULL;
    struct leat_error err = {0};
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    enum leat_status status = leat_config_load(&path, 1, &fake_catalog, check, &out, &config, &err);
    leat_assert((status == LEAT_OK) == (config != NULL));
    for (size_t i = 0; config && i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *def = &config->pipelines[i];
        if (def->source)
            instantiate(def->source);
        for (size_t n = 0; n < def->sink_count; n++)
            instantiate(&def->sinks[n]);
    }
    leat_config_free(config);
    leat_bytes_fini(&out);
    leat_os = &leat_os_real;
    close(input);
    return 0;
}

/* The reviewed diagnostics are the seeds. */
size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const char folder[] = LEAT_SOURCE_DIR "/tests/golden/diagnostics";
    DIR *dir = leat_os->opendir(folder);
    leat_assert(dir);
    char path[1000] = "";
    for (struct dirent *entry; (entry = leat_os->readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".yaml") != 0 || number-- > 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        break;
    }
    leat_os->closedir(dir);
    int fd = *path ? leat_os->open(path, 0, 0) : -1;
    if (fd < 0)
        return 0;
    ssize_t got = leat_os->read(fd, bytes, room);
    leat_os->close(fd);
    return got > 0 ? (size_t)got : 0;
}

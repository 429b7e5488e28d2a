/* daemon.c - asks the running daemon through its socket. */
#include <cli/cli.h>

#include <base/memory.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t take_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    leat_bytes_add(arg, bytes, size * count);
    return size * count;
}

static long perform(const char *socket, const char *method, const char *path, struct leat_bytes *out)
{
    long code = 0;
    CURL *curl = curl_easy_init();
    char *url = leat_format_dup("http://leat%s", path);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, strcmp(method, "POST") == 0 ? 60L : 10L); /* an errand waits for the disk */
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(curl);
    free(url);
    return code;
}

long ask_daemon(const char *data, const char *method, const char *path, struct leat_bytes *out)
{
    char *socket = leat_format_dup("%s/admin.sock", data), *short_path = NULL;
    int dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (strlen(socket) > 100) /* sockaddr_un has 107 bytes */
        short_path = leat_format_dup("/proc/self/fd/%d/admin.sock", dir);
    long code = perform(short_path ? short_path : socket, method, path, out);
    if (dir >= 0)
        close(dir);
    free(short_path);
    free(socket);
    return code;
}

void put_query(struct leat_bytes *path, const char *name, const char *value)
{
    leat_bytes_printf(path, "%s=", name);
    for (; *value; value++)
        leat_bytes_printf(path, (*value >= 'a' && *value <= 'z') || (*value >= '0' && *value <= '9') ? "%c" : "%%%02X",
                          (unsigned char)*value);
    leat_bytes_put(path, '&');
}

int no_daemon(const char *data)
{
    fprintf(stderr, "leat: no daemon answers at %s/admin.sock; `leat run` starts one\n", data);
    return EXIT_ERROR;
}

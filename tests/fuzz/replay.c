/* replay - runs a fuzz target over files and folders of inputs, without libFuzzer.
 *
 * Like the fuzzer it gives each input in a block of its exact size, for the sanitizers; and like
 * production it runs on ENL_THREAD_STACK. */
#include "base/thread.h"
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct paths {
    char **list;
    int n;
    int inputs;
};

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    uint8_t *data = NULL;

    if (f && fseek(f, 0, SEEK_END) == 0) {
        size = ftell(f);
    }
    data = size >= 0 ? malloc(size > 0 ? (size_t)size : 1) : NULL;
    if (!data || fseek(f, 0, SEEK_SET) != 0 || fread(data, 1, (size_t)size, f) != (size_t)size) {
        perror(path);
        exit(1);
    }
    (void)fclose(f);
    /* The last line of a failed run names its input. */
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int run_folder(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;

    if (!folder) {
        run_file(path);
        return 1;
    }
    for (const struct dirent *d = readdir(folder); d; d = readdir(folder)) {
        char file[PATH_MAX];

        if (d->d_name[0] != '.') {
            (void)snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
            run_file(file);
            n++;
        }
    }
    (void)closedir(folder);
    return n;
}

static void run_all(void *arg)
{
    struct paths *p = arg;

    for (int i = 0; i < p->n; i++) {
        p->inputs += run_folder(p->list[i]);
    }
}

int main(int argc, char **argv)
{
    struct paths p = {.list = argv + 1, .n = argc - 1};
    struct enl_err err = {0};

    if (enl_thread_call(run_all, &p, &err) != ENL_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    (void)printf("%d inputs\n", p.inputs);
    return p.inputs > 0 ? 0 : 1;
}

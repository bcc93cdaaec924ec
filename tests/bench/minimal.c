/* minimal - the least that a civetweb handler can do: reads the body, answers `{}`.
 *
 * What the webhook is compared with; its options are those of src/host/server.c.
 */
#include <civetweb.h>
#include <stdio.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

static int begin_request(struct mg_connection *conn)
{
    char chunk[16384];

    while (mg_read(conn, chunk, sizeof(chunk)) > 0) {
    }
    (void)mg_write(conn, answer, sizeof(answer) - 1);
    return 200;
}

int main(int argc, char **argv)
{
    const struct mg_callbacks callbacks = {.begin_request = begin_request};
    char listen[32];
    const char *options[] = {"listening_ports",
                             listen,
                             "num_threads",
                             "64",
                             "connection_queue",
                             "64",
                             "listen_backlog",
                             "64",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "120000",
                             "request_timeout_ms",
                             "120000",
                             "tcp_nodelay",
                             "1",
                             "decode_url",
                             "no",
                             NULL};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: bench-minimal PORT\n");
        return 2;
    }
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%s", argv[1]);
    if (!mg_start(&callbacks, NULL, options)) {
        return 1;
    }
    for (;;) {
        (void)pause(); /* until a signal ends it */
    }
}

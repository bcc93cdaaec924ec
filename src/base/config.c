/* config - see config.h. */
#include "base/config.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

#define UNRESOLVED "@Microsoft.KeyVault("

enum setting_type { T_STR, T_SECRET, T_PROTOCOL, T_OFFSET, T_U32, T_RATE, T_CRON };

struct setting {
    const char *env;
    const char *def;
    const char *doc;
    size_t offset;
    uint32_t lo, hi;
    enum setting_type type;
};

static const struct setting settings[] = {
#define X(field, env_, type_, def_, lo_, hi_, doc_)                                                \
    {.env = (env_),                                                                                \
     .def = (def_),                                                                                \
     .doc = (doc_),                                                                                \
     .offset = offsetof(struct enl_config, field),                                                 \
     .lo = (lo_),                                                                                  \
     .hi = (hi_),                                                                                  \
     .type = T_##type_},
    ENL_SETTINGS(X)
#undef X
};

static const char *const type_names[] = {
    [T_STR] = "text",    [T_SECRET] = "secret", [T_PROTOCOL] = "text", [T_OFFSET] = "offset",
    [T_U32] = "integer", [T_RATE] = "number",   [T_CRON] = "NCRONTAB"};

/* A decimal like 0.25 in thousandths; more than three decimals must be zeros. */
static bool parse_rate(const char *s, uint32_t lo, uint32_t hi, double *ret)
{
    uint32_t value = 0;
    uint32_t unit = 1000;
    bool fraction = false;
    size_t digits = 0;

    for (; *s != '\0'; s++) {
        if (*s == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*s < '0' || *s > '9' || ++digits > 12 || value > hi) {
            return false;
        }
        if (!fraction) {
            value = value * 10 + (uint32_t)(*s - '0') * 1000;
        } else {
            unit /= 10;
            if (unit == 0 && *s != '0') {
                return false;
            }
            value += (uint32_t)(*s - '0') * unit;
        }
    }
    if (digits == 0 || value < lo || value > hi) {
        return false;
    }
    *ret = (double)value / 1000.0;
    return true;
}

/* "+02:00", "-05:30" or "Z". */
static bool parse_offset(const char *s, int *ret_min)
{
    int minutes = 0;

    if (strcmp(s, "Z") == 0) {
        *ret_min = 0;
        return true;
    }
    if (strlen(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':') {
        return false;
    }
    for (size_t i = 1; i < 6; i++) {
        if (i != 3 && (s[i] < '0' || s[i] > '9')) {
            return false;
        }
    }
    minutes = (s[4] - '0') * 10 + (s[5] - '0');
    if (minutes > 59) {
        return false;
    }
    minutes += ((s[1] - '0') * 10 + (s[2] - '0')) * 60;
    if (minutes > 14 * 60) {
        return false;
    }
    *ret_min = s[0] == '-' ? -minutes : minutes;
    return true;
}

/* Whether v can be the setting; then *field holds it. */
static bool set_one(const struct setting *s, const char *v, void *base)
{
    void *field = (char *)base + s->offset;
    uint32_t n = 0;
    double rate = 0;
    int minutes = 0;
    struct enl_cron cron;
    bool ok = false;

    switch (s->type) {
    case T_STR:
    case T_SECRET: ok = strlen(v) >= s->lo && strlen(v) <= s->hi; break;
    case T_PROTOCOL: ok = strcmp(v, "jsonrpc") == 0 || strcmp(v, "jsonrpc+ssl") == 0; break;
    case T_OFFSET: ok = parse_offset(v, &minutes); break;
    case T_CRON: ok = enl_cron_parse(v, &cron, NULL) == ENL_OK; break;
    case T_U32:
        if (!enl_parse_u32(v, s->lo, s->hi, &n)) {
            return false;
        }
        memcpy(field, &n, sizeof(n));
        return true;
    case T_RATE:
        if (!parse_rate(v, s->lo, s->hi, &rate)) {
            return false;
        }
        memcpy(field, &rate, sizeof(rate));
        return true;
    }
    if (ok) {
        memcpy(field, &v, sizeof(v));
    }
    return ok;
}

static void reason_of(const struct setting *s, char *ret_text, size_t size)
{
    switch (s->type) {
    case T_STR:
    case T_SECRET:
        (void)snprintf(ret_text, size, "not a text of %u to %u bytes", s->lo, s->hi);
        return;
    case T_PROTOCOL: (void)snprintf(ret_text, size, "neither jsonrpc nor jsonrpc+ssl"); return;
    case T_OFFSET: (void)snprintf(ret_text, size, "not an offset like +02:00"); return;
    case T_CRON: (void)snprintf(ret_text, size, "not a schedule like 0 */5 * * * *"); return;
    case T_U32: (void)snprintf(ret_text, size, "not an integer in %u..%u", s->lo, s->hi); return;
    case T_RATE:
        (void)snprintf(ret_text, size, "not a number in %g..%g", s->lo / 1000.0, s->hi / 1000.0);
        return;
    }
}

static bool is_set(enl_getenv_fn *get, void *ctx, const char *name)
{
    const char *v = get(ctx, name);

    return v && *v != '\0';
}

static void load_one(struct enl_config *cfg, const struct setting *s, const char *value)
{
    struct enl_wrong_setting wrong = {.name = s->env};
    size_t len = value ? strlen(value) : 0;
    const char *start = value;
    bool given = len > 0;
    bool is_port = s == &settings[ENL_SETTING_port];

    enl_trim(&start, &len);
    if (given && enl_starts(start, UNRESOLVED)) {
        (void)snprintf(wrong.reason, sizeof(wrong.reason), "unresolved Key Vault reference");
    } else if (given && set_one(s, value, cfg)) {
        return;
    } else if (given) {
        reason_of(s, wrong.reason, sizeof(wrong.reason));
    }
    if (is_port) {
        (void)snprintf(cfg->port_reason, sizeof(cfg->port_reason), "%s",
                       given ? wrong.reason : "missing");
        return;
    }
    /* The table's own defaults are right: a unit test sees to it. */
    (void)set_one(s, s->def, cfg);
    if (given) {
        cfg->wrong[cfg->n_wrong++] = wrong;
    }
}

void enl_config_load(struct enl_config *cfg, enl_getenv_fn *get, void *ctx)
{
    memset(cfg, 0, sizeof(*cfg));
    for (size_t i = 0; i < ENL_SETTINGS_COUNT; i++) {
        load_one(cfg, &settings[i], get(ctx, settings[i].env));
    }
    if (strstr(cfg->api_key, UNRESOLVED)) {
        struct enl_wrong_setting *wrong = &cfg->wrong[cfg->n_wrong++];

        wrong->name = "API_KEY";
        (void)snprintf(wrong->reason, sizeof(wrong->reason),
                       "one of the keys is an unresolved Key Vault reference");
    }
    cfg->odoo_tls = strcmp(cfg->odoo_protocol, "jsonrpc+ssl") == 0;
    (void)parse_offset(cfg->local_utc_offset, &cfg->utc_offset_min);
    /* It was seen to be right. */
    (void)!enl_cron_parse(cfg->sync_schedule, &cfg->sync_cron, NULL);
    cfg->in_azure =
        is_set(get, ctx, "WEBSITE_INSTANCE_ID") || is_set(get, ctx, "WEBSITE_SITE_NAME");
    cfg->odoo_configured = *cfg->odoo_host != '\0' && *cfg->odoo_db != '\0' &&
                           *cfg->odoo_user != '\0' && *cfg->odoo_password != '\0';
}

bool enl_config_next_key(const struct enl_config *cfg, size_t *pos, const char **ret_key,
                         size_t *ret_len)
{
    const char *s = cfg->api_key + *pos;

    while (*s != '\0') {
        size_t n = strcspn(s, ",");
        const char *key = s;
        size_t len = n;

        s += n + (s[n] == ',' ? 1 : 0);
        enl_trim(&key, &len);
        if (enl_starts(key, UNRESOLVED)) {
            /* No secret, as a whole: there may be commas in it. */
            s = key + strcspn(key, ")");
            s += *s != '\0' ? 1 : 0;
            continue;
        }
        if (len > 0) {
            *pos = (size_t)(s - cfg->api_key);
            *ret_key = key;
            *ret_len = len;
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct enl_config *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->n_wrong; i++) {
        if (strcmp(cfg->wrong[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool enl_config_problem(const struct enl_config *cfg, size_t i, struct enl_wrong_setting *ret)
{
    struct enl_wrong_setting more[2];
    const char *key = NULL;
    size_t len = 0;
    size_t pos = 0;
    size_t n = 0;

    if (i < cfg->n_wrong) {
        *ret = cfg->wrong[i];
        return true;
    }
    if (!is_listed(cfg, "API_KEY") && !enl_config_next_key(cfg, &pos, &key, &len)) {
        more[n++] = (struct enl_wrong_setting){"API_KEY", "missing: no webhook is taken"};
    }
    if (!is_listed(cfg, "DATABASE_URL") && enl_config_database_is_wrong(cfg)) {
        more[n++] = (struct enl_wrong_setting){"DATABASE_URL",
                                               "a SQLite file is lost with its instance in Azure"};
    }
    if (i - cfg->n_wrong >= n) {
        return false;
    }
    *ret = more[i - cfg->n_wrong];
    return true;
}

void enl_config_odoo_missing(const struct enl_config *cfg, char ret_text[ENL_ODOO_MISSING_TEXT])
{
    const struct {
        const char *name, *value;
    } needed[] = {{"ODOO_HOST", cfg->odoo_host},
                  {"ODOO_DB", cfg->odoo_db},
                  {"ODOO_USER", cfg->odoo_user},
                  {"ODOO_PASSWORD", cfg->odoo_password}};
    size_t len = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (*needed[i].value == '\0') {
            (void)snprintf(ret_text + len, ENL_ODOO_MISSING_TEXT - len, "%s%s", len > 0 ? ", " : "",
                           needed[i].name);
            len = strlen(ret_text);
        }
    }
}

bool enl_config_odbc_driver(const char *url, char ret_name[ENL_ODBC_DRIVER_TEXT])
{
    static const char key[] = "Driver=";
    const char *s = url;
    const char *slash = NULL;
    bool braces = false;
    size_t len = 0;

    ret_name[0] = '\0';
    if (strncasecmp(url, key, strlen(key)) != 0) {
        return false;
    }
    s += strlen(key);
    braces = *s == '{';
    s += braces ? 1 : 0;
    len = strcspn(s, braces ? "}" : ";");
    slash = memrchr(s, '/', len);
    if (slash) {
        len -= (size_t)(slash + 1 - s);
        s = slash + 1;
    }
    len = len < ENL_ODBC_DRIVER_TEXT ? len : ENL_ODBC_DRIVER_TEXT - 1;
    memcpy(ret_name, s, len);
    ret_name[len] = '\0';
    return true;
}

bool enl_config_database_is_wrong(const struct enl_config *cfg)
{
    const char *url = cfg->database_url;
    char driver[ENL_ODBC_DRIVER_TEXT];

    if (!cfg->in_azure) {
        return false;
    }
    /* A URL (sqlite:...) or an ODBC connection string (Driver=SQLite3;...). */
    return *url == '\0' || strncasecmp(url, "sqlite:", 7) == 0 ||
           (enl_config_odbc_driver(url, driver) && strcasestr(driver, "sqlite"));
}

const char *enl_config_name(size_t i)
{
    return i < ENL_SETTINGS_COUNT ? settings[i].env : NULL;
}

void enl_config_print_doc(FILE *out)
{
    fprintf(out, "| setting | type | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ENL_SETTINGS_COUNT; i++) {
        const struct setting *s = &settings[i];
        bool shown = s->type != T_SECRET && *s->def != '\0';

        fprintf(out, "| `%s` | %s | %s%s%s | %s", s->env, type_names[s->type], shown ? "`" : "",
                shown ? s->def : "", shown ? "`" : "", s->doc);
        if (s->type == T_U32) {
            fprintf(out, " (%u to %u)", s->lo, s->hi);
        } else if (s->type == T_RATE) {
            fprintf(out, " (%g to %g)", s->lo / 1000.0, s->hi / 1000.0);
        }
        fprintf(out, " |\n");
    }
}

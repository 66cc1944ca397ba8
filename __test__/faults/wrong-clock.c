// Preloaded into a program: its wall clock is wrong by KER_CLOCK_OFFSET_MS, its monotonic clocks are right. Waits until a
// point in time of the wall clock are put right, else they would last for days.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static long long offset_ns(void) {
    static long long offset;
    static int is_read;
    if (!is_read) {
        const char *text = getenv("KER_CLOCK_OFFSET_MS");
        offset = text ? atoll(text) * 1000000LL : 0;
        is_read = 1;
    }
    return offset;
}

static struct timespec moved(const struct timespec *time, long long by) {
    long long ns = time->tv_sec * 1000000000LL + time->tv_nsec + by;
    struct timespec result = {ns / 1000000000LL, ns % 1000000000LL};
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *time = moved(time, offset_ns());
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (time) *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *time, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    // With the clock named, so that conditions of the monotonic clock (libuv's) are left alone: those use the attribute,
    // which cannot be asked here, and are told by their small numbers.
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec right = until->tv_sec > 1000000000LL ? moved(until, -offset_ns()) : *until;
    return real(condition, mutex, &right);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec right = moved(until, -offset_ns());
    return real(condition, mutex, &right);
}

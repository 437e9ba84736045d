"""Threads for the C of programs: a loop cut into parts, which the caller and some workers take until none is left.

A caller never waits for a worker that has not begun: it takes that one's parts itself. If it waits long for one that has, the machine is
busy, and it does the next loops alone. Workers spin for SPIN microseconds after their last part, in which the next one mostly comes, and
sleep then. They are made when first needed, and are as many as NumPy's OpenBLAS takes threads at that moment, less the caller; a second
caller at the same time, and a system without POSIX threads, does all parts alone. A process that is forked makes workers of its own.
"""

THREADS = r"""
#define ROOM (1024 * 128 + 64) /* bytes of memory of its own that a thread has for a part */
#define MOST 64                /* threads */
#define SPIN 200               /* microseconds */
#define LATE 30                /* microseconds, and half the time of a loop: if the caller waits longer for its end, it does some alone */
#define PARTS 32767            /* of a loop, at most */
static int (*asked)(void), unasked = 1, fixed; /* who says how many threads there may be, how many if nobody does, how many in any case */
static int threads(void) {
  int n = fixed ? fixed : asked ? asked() : unasked;
  return n < 1 ? 1 : n > MOST ? MOST : n;
}
static void alone(part* f, void* with, int64_t parts, char* room) {
  for (int64_t i = 0; i < parts; i++) f(with, i, room);
}
#ifdef _WIN32
#define parallel alone
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif
#define LINE __attribute__((aligned(128)))
/* The parts that were meant for one thread, and are not taken: job << 32 | end << 16 | next. As the job and the end are in it, who
   takes a part by an exchange knows that it is of the job that `now` described in between. */
typedef struct { LINE _Atomic uint64_t left; } share;
static struct {
  LINE _Atomic uint32_t job;
  LINE struct { part* _Atomic f; void* _Atomic with; _Atomic int threads; } now;
  LINE _Atomic int64_t done;
  LINE _Atomic int busy, sleeping;
  int made, alone, penalty; /* of whoever is `busy`: threads, loops that the caller does alone, and how many at the next delay */
  share shares[MOST];
  pthread_mutex_t mutex;
  pthread_cond_t wake;
} pool = {.made = 1, .mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* Do parts until none is left, those of the own share first. */
static void take(int me, char* room) {
  int n = atomic_load_explicit(&pool.now.threads, memory_order_relaxed);
  for (int i = 0; i < n; i++) {
    _Atomic uint64_t* left = &pool.shares[(me + i) % n].left;
    uint64_t seen = atomic_load_explicit(left, memory_order_acquire);
    while ((seen & 0xffff) < (seen >> 16 & 0xffff)) {
      part* f = atomic_load_explicit(&pool.now.f, memory_order_relaxed);
      void* with = atomic_load_explicit(&pool.now.with, memory_order_relaxed);
      if (!atomic_compare_exchange_strong_explicit(left, &seen, seen + 1, memory_order_acq_rel, memory_order_acquire)) continue;
      f(with, (int64_t)(seen & 0xffff), room);
      atomic_fetch_add_explicit(&pool.done, 1, memory_order_release);
      seen = atomic_load_explicit(left, memory_order_acquire);
    }
  }
}
static double microseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}
static void* work(void* given) {
  int me = (int)(intptr_t)given;
  char* room = malloc(ROOM + 64);
  if (!room) return 0; /* then it never takes any */
  room += -(uintptr_t)room % 64;
  uint32_t seen = 0;
  for (;;) {
    double start = microseconds();
    for (int n = 0; atomic_load(&pool.job) == seen; n++) {
      RELAX();
      if (n % 64 < 63) continue;
      double spent = microseconds() - start;
      if (spent > SPIN / 10) sched_yield(); /* others may need the processor */
      if (spent > SPIN) {
        pthread_mutex_lock(&pool.mutex);
        atomic_fetch_add(&pool.sleeping, 1);
        while (atomic_load(&pool.job) == seen) pthread_cond_wait(&pool.wake, &pool.mutex);
        atomic_fetch_sub(&pool.sleeping, 1);
        pthread_mutex_unlock(&pool.mutex);
      }
    }
    seen = atomic_load(&pool.job);
    if (me < atomic_load_explicit(&pool.now.threads, memory_order_relaxed)) take(me, room);
  }
  return 0;
}
static void forked(void) {
  pool.made = 1;
  atomic_store(&pool.busy, 0);
  atomic_store(&pool.sleeping, 0);
  pthread_mutex_init(&pool.mutex, 0);
  pthread_cond_init(&pool.wake, 0);
}
static void make(int n) {
  static int once;
  sigset_t all, before;
  if (!once++) pthread_atfork(0, 0, forked);
  sigfillset(&all); /* signals are for Python's threads */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (pthread_t it; pool.made < n && !pthread_create(&it, 0, work, (void*)(intptr_t)pool.made); pool.made++) pthread_detach(it);
  pthread_sigmask(SIG_SETMASK, &before, 0);
}
/* f for each of the parts, in any order, each of them once; `room` is the caller's. */
static void parallel(part* f, void* with, int64_t parts, char* room) {
  int n = parts > 1 ? threads() : 1;
  if (n > parts) n = (int)parts;
  if (n < 2 || parts > PARTS || atomic_exchange(&pool.busy, 1)) {
    alone(f, with, parts, room);
    return;
  }
  if (pool.alone) {
    pool.alone--;
    atomic_store_explicit(&pool.busy, 0, memory_order_release);
    alone(f, with, parts, room);
    return;
  }
  if (pool.made < n) make(n);
  double start = microseconds();
  uint32_t job = atomic_load_explicit(&pool.job, memory_order_relaxed) + 1;
  atomic_store_explicit(&pool.now.f, f, memory_order_relaxed);
  atomic_store_explicit(&pool.now.with, with, memory_order_relaxed);
  atomic_store_explicit(&pool.now.threads, n, memory_order_relaxed);
  atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
  for (int64_t i = 0; i < n; i++)
    atomic_store_explicit(&pool.shares[i].left, (uint64_t)job << 32 | (uint64_t)(parts * (i + 1) / n) << 16 | (uint64_t)(parts * i / n), memory_order_release);
  atomic_store(&pool.job, job);
  if (atomic_load(&pool.sleeping)) {
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
  }
  take(0, room);
  double ready = 0;
  for (int i = 0; atomic_load_explicit(&pool.done, memory_order_acquire) < parts; i++) {
    if (i < 500) RELAX();
    else {
      if (i == 500) ready = microseconds();
      sched_yield();
    }
  }
  pool.penalty -= (pool.penalty + 15) / 16;
  if (ready && microseconds() - ready > LATE + (ready - start) / 2) pool.alone = pool.penalty = pool.penalty < 1000 ? 2 * pool.penalty + 16 : 1000;
  atomic_store_explicit(&pool.busy, 0, memory_order_release);
}
#endif
"""

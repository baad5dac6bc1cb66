"""Signals, threads and pending calls reach the program while compiled loops run."""

import gc
import os
import signal
import sys
import threading
import time

from common import show


class Timeout(Exception):
    pass


def on_alarm(number, frame):
    raise Timeout(number)


def endless():
    i = 0
    while True:
        i += 1


def endless_inlined():
    def step(x):
        return (x + 1) % 1000

    i = 0
    while True:
        i = step(i)


def endless_for():
    for _ in range(10**15):
        pass


def endless_nested():
    total = 0
    while True:
        for i in range(10):
            total ^= i


def endless_inner():
    for i in range(10**9):
        while i >= 0:
            i += 1


def alarm_stops(function):
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.15)
    try:
        function()
    except Timeout as error:
        return error.args
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def alarm_counts():
    ticks = 0

    def tick(number, frame):
        nonlocal ticks
        ticks += 1

    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    total = 0
    while ticks < 5:
        total += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    return ticks >= 5, total > 0


def handler_sees_frame():
    seen = []

    def look(number, frame):
        seen.append((frame.f_code.co_name, frame.f_locals["n"], 0 <= frame.f_locals["i"] <= 10**15))
        frame.f_locals["n"] = 0

    def loop(n):
        i = 0
        while i < n:
            i += 1
        return i

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    count = loop(10**15)
    return seen, count < 10**15


def keyboard_interrupt():
    def interrupt():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        endless()
    except KeyboardInterrupt:
        thread.join()
        return "interrupted"


def raise_signal(n):
    caught = []
    signal.signal(signal.SIGALRM, lambda number, frame: caught.append(number))
    total = 0
    for i in range(n):
        total += i
        if i == n // 2:
            signal.raise_signal(signal.SIGALRM)
    return total, caught


def threads_take_turns():
    done = threading.Event()
    steps = []

    def waiter():
        for k in range(5):
            time.sleep(0.002)
            steps.append(k)
        done.set()

    thread = threading.Thread(target=waiter)
    thread.start()
    i = 0
    # No call in the loop lets go of the GIL.
    flag = [False]
    watcher = threading.Thread(target=lambda: (done.wait(), flag.__setitem__(0, True)))
    watcher.start()
    while not flag[0]:
        i += 1
    thread.join()
    watcher.join()
    return steps


def threads_count(n):
    totals = []

    def count(k):
        total = 0
        for i in range(n):
            total += i * k
        totals.append(total)

    threads = [threading.Thread(target=count, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(totals)


def threads_share_a_list(n):
    values = [0] * 4
    lock = threading.Lock()

    def add(k):
        for i in range(n):
            values[k] += i
        with lock:
            values[3] += 1

    threads = [threading.Thread(target=add, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return values


def recursion_in_threads(n):
    def fib(k):
        return k if k < 2 else fib(k - 1) + fib(k - 2)

    results = []
    threads = [threading.Thread(target=lambda: results.append(fib(n))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def async_exception():
    import ctypes

    started = threading.Event()
    ended = []

    def loop():
        started.set()
        i = 0
        try:
            while True:
                i += 1
        except Timeout:
            ended.append("stopped")

    thread = threading.Thread(target=loop)
    thread.start()
    started.wait()
    time.sleep(0.05)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Timeout))
    thread.join(20)
    return ended, thread.is_alive()


def collections_run(n):
    """Cyclic garbage is collected while a loop makes it."""

    class Node:
        alive = 0

        def __init__(self):
            Node.alive += 1
            self.me = self

        def __del__(self):
            Node.alive -= 1

    most = 0
    for _ in range(n):
        Node()
        if Node.alive > most:
            most = Node.alive
    gc.collect()
    return most < n, Node.alive


def fork(n):
    total = 0
    for i in range(n):
        total += i
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        again = 0
        for i in range(n):
            again += i
        os._exit(7 if again == total else 8)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), total


for function in (endless, endless_inlined, endless_for, endless_nested, endless_inner):
    show(alarm_stops, function, note=f"({function.__name__})")
show(alarm_counts)
show(handler_sees_frame)
show(keyboard_interrupt)
show(raise_signal, 2000)
show(threads_take_turns)
show(threads_count, 4000)
show(threads_share_a_list, 4000)
show(recursion_in_threads, 14)
show(async_exception)
show(collections_run, 5000)
show(fork, 2000)

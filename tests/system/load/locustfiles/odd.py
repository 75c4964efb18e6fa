"""What rows must survive: with-blocks that are left, calls that are given up, a protocol of its own, ids in names."""

import time

import gevent
from locust import FastHttpUser, HttpUser, User, constant, task
from locust.exception import RescheduleTask, StopUser


class Leaver(HttpUser):
    """Leaves the block by an exception, so that Locust never reports the request."""

    fixed_count = 1
    wait_time = constant(10)

    @task
    def leave(self):
        with self.client.get("/left", catch_response=True):
            raise RescheduleTask


class Impatient(FastHttpUser):
    """Gives up long before the answer."""

    fixed_count = 1
    wait_time = constant(10)

    @task
    def hurry(self):
        with gevent.Timeout(0.3, False):
            self.client.get("/never", name="given up")


class Patient(FastHttpUser):
    """Waits for ever, in another greenlet and in its own."""

    fixed_count = 1
    network_timeout = 60.0

    @task
    def wait(self):
        gevent.spawn(self.client.get, "/never", name="hung")
        self.client.get("/never", name="hung")


class Last(FastHttpUser):
    """Asks shortly before the end."""

    fixed_count = 1

    @task
    def ask(self):
        gevent.sleep(2.2)
        self.client.get("/never", name="cut off")


class Own(User):
    """Speaks a protocol of which Locust knows only what it is told."""

    fixed_count = 1

    @task
    def tell(self):
        for error in (None, ValueError("no"), TimeoutError()):
            self.environment.events.request.fire(
                request_type="OWN",
                name=type(error).__name__,
                response_time=12.5,
                response_length=0,
                exception=error,
                start_time=time.time(),
            )
        raise StopUser


class Sloppy(HttpUser):
    """Puts ids into names, and an address that cannot be asked."""

    fixed_count = 1

    @task
    def ask(self):
        for number in range(30):
            self.client.get(f"/product/{number}?page=2")
        try:
            self.client.get("ftp://127.0.0.1/one")
        except Exception:
            pass
        self.client.get("/one", timeout=0.9)
        raise StopUser


class Counting(HttpUser):
    """Tells Locust more of a request than the request itself: from within its block, and from a listener."""

    fixed_count = 1

    def tell(self, answer):
        self.environment.events.request.fire(
            request_type="OWN", name="basket", response_time=1.5, response_length=0, response=answer, exception=None
        )

    def on_start(self):
        @self.environment.events.request.add_listener
        def listen(name, **_):
            if name == "filled":
                self.tell(None)

    @task
    def fill(self):
        with self.client.get("/one", name="filled", catch_response=True) as answer:
            self.tell(answer)
        raise StopUser

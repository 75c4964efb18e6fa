"""
A locustfile as people write them: two kinds of users with weights, tags, waits, names of its own, checks of answers, listeners.

What its listeners hear is appended to the file that SHOPPERS_LOG names, so that a test can see that they were called.
"""

import os
import random

import pantry
from locust import FastHttpUser, HttpUser, between, constant_pacing, events, tag, task

LOG = os.environ.get("SHOPPERS_LOG", os.devnull)


def note(text):
    with open(LOG, "a", encoding="utf-8") as file:
        file.write(f"{text}\n")


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--basket", type=int, default=3, help="how many products")


@events.init.add_listener
def on_init(environment, **_):
    note(f"init {environment.host is not None} {environment.parsed_options.basket}")


@events.test_start.add_listener
def on_test_start(environment, **_):
    note("test_start")


@events.request.add_listener
def on_request(request_type, name, response_time, exception, **_):
    note(f"request {request_type} {name} {'failed' if exception else 'fine'}")


@events.test_stop.add_listener
def on_test_stop(environment, **_):
    note("test_stop")


@events.quitting.add_listener
def on_quitting(environment, **_):
    note("quitting")


@events.quit.add_listener
def on_quit(exit_code, **_):
    note(f"quit {exit_code}")


class Visitor(HttpUser):
    """Looks around; three of four users."""

    weight = 3
    wait_time = between(0.02, 0.06)

    @tag("browse")
    @task(5)
    def look(self):
        self.client.get(f"/product/{random.choice(pantry.PRODUCTS)}", name="/product/[id]")

    @tag("browse")
    @task(1)
    def missing(self):
        with self.client.get("/nothing", catch_response=True) as answer:
            if answer.status_code == 404:
                answer.success()

    @tag("browse", "suspicious")
    @task(1)
    def check(self):
        with self.client.get("/product/1", name="checked product", catch_response=True) as answer:
            answer.failure("not what was wanted")


class Buyer(FastHttpUser):
    """Logs in, then buys at a pace."""

    weight = 1
    wait_time = constant_pacing(0.05)

    def on_start(self):
        with self.client.rename_request("log in"):
            self.client.post("/login", json={"user": "alice", "password": "wonderland"})

    def on_stop(self):
        self.client.get("/goodbye")

    @tag("buy")
    @task
    def buy(self):
        self.client.post("/checkout", json={"product": 7, "quantity": 1})

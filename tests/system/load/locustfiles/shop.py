"""A shop's locustfile: people who browse, people who buy, a monitor; a shape, tags, checks of answers, names of its own."""

import random

from locust import FastHttpUser, HttpUser, LoadTestShape, TaskSet, between, constant_throughput, events, tag, task

CREDENTIALS = {"user": "alice", "password": "wonderland"}


@events.test_start.add_listener
def greet(environment, **_):
    print(f"the shop is at {environment.host}, users are {[each.__name__ for each in environment.user_classes]}")


class Opening(LoadTestShape):
    """The doors open: half of the people at once, the others a second later."""

    stages = ((1.0, 15), (3600.0, 30))

    def tick(self):
        for until_s, users in self.stages:
            if self.get_run_time() < until_s:
                return users, 100
        return None


class Catalogue(TaskSet):
    @tag("browse")
    @task(3)
    def product(self):
        self.client.get(f"/product/{random.randint(1, 20)}", name="a product's page")

    @tag("browse")
    @task(1)
    def recommendations(self):
        with self.client.get(f"/recommendations/{random.randint(1, 20)}", catch_response=True) as answer:
            if answer.status_code == 200 and not answer.content:
                answer.failure("no recommendations at all")

    @tag("slow")
    @task(1)
    def everything(self):
        raise AssertionError("tasks with the tag slow were left out")


class Browser(FastHttpUser):
    weight = 5
    wait_time = constant_throughput(6)
    tasks = [Catalogue]


class Buyer(HttpUser):
    weight = 4
    wait_time = between(0.1, 0.3)

    def on_start(self):
        self.client.post("/login", json=CREDENTIALS)

    @tag("buy")
    @task(2)
    def buy(self):
        with self.client.post("/checkout", json={"product": 7, "quantity": 1}, catch_response=True) as answer:
            if not answer.ok:
                answer.failure(f"not bought: {answer.status_code}")

    @tag("buy")
    @task(1)
    def log_in(self):
        self.client.post("/login", json=CREDENTIALS, name="log in again")


class Monitor(FastHttpUser):
    fixed_count = 3
    wait_time = constant_throughput(10)

    @tag("browse")
    @task
    def look(self):
        self.client.get("/pulse")

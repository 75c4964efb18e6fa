"""Tasks in sequence, functions as tasks, and names that group."""

from locust import HttpUser, SequentialTaskSet, constant, tag, task
from locust.exception import StopUser


def finish(user):
    raise StopUser


class Checkout(SequentialTaskSet):
    @tag("buy")
    @task
    def basket(self):
        self.client.get("/basket?id=1", name="/basket")

    @tag("buy")
    @task(2)
    def pay(self):
        with self.client.rename_request("paid"):
            self.client.post("/pay")

    done = task(tag("buy")(finish))

    @tag("slow")
    @task
    def never(self):
        raise AssertionError("not one of the tags")


class Customer(HttpUser):
    wait_time = constant(0.02)
    tasks = [Checkout]

"""Both kinds of on_stop raise; Locust prints it and leaves with 0."""

from locust import HttpUser, TaskSet, constant, task
from locust.exception import StopUser


class Basket(TaskSet):
    @task
    def fill(self):
        self.client.get("/basket")
        raise StopUser

    def on_stop(self):
        raise RuntimeError("the basket was not emptied")


class Customer(HttpUser):
    wait_time = constant(0.05)
    tasks = [Basket]

    def on_stop(self):
        raise RuntimeError("not logged out")

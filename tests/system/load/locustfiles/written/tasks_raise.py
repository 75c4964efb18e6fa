"""Reads a field that the answer does not have, each time; three tasks, then the user leaves."""

from locust import HttpUser, constant, task
from locust.exception import StopUser


class Shopper(HttpUser):
    wait_time = constant(0.02)
    done = 0

    @task
    def read(self):
        self.done += 1
        if self.done > 3:
            raise StopUser
        answer = self.client.get("/item")
        self.price = answer.json()["price"]

"""One class logs in and dies of a mistake in on_start; the other is fine."""

from locust import HttpUser, constant, task


class Browser(HttpUser):
    wait_time = constant(0.05)
    fixed_count = 2

    @task
    def look(self):
        self.client.get("/look")


class Buyer(HttpUser):
    wait_time = constant(0.05)
    fixed_count = 2

    def on_start(self):
        self.token = {"token": "x"}["tokn"]

    @task
    def buy(self):
        self.client.post("/buy", json={"product": 7}, headers={"X-Token": self.token})

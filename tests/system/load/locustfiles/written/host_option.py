"""The second class builds its addresses from the command line's --host."""

from locust import HttpUser, constant, task
from locust.exception import StopUser


class Browser(HttpUser):
    wait_time = constant(0.05)
    fixed_count = 2

    @task
    def look(self):
        self.client.get("/look")


class Buyer(HttpUser):
    wait_time = constant(0.05)
    fixed_count = 2

    @task
    def buy(self):
        base = self.environment.parsed_options.host
        self.client.post(f"{base.rstrip('/')}/buy", json={"product": 7}, name="buy")
        raise StopUser

"""FastHttpUser with checks of answers by hand and by rest()."""

from locust import constant, task
from locust.contrib.fasthttp import FastHttpUser
from locust.exception import StopUser


class Api(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def ask(self):
        with self.client.get("/item", catch_response=True) as answer:
            if "price" not in answer.json():
                answer.failure("no price")
        with self.rest("GET", "/item") as answer:
            assert answer.js is not None
        with self.rest("GET", "/item", name="asserted") as answer:
            assert answer.js["price"] == 3
        raise StopUser

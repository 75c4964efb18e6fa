"""Listeners for reports of one's own, with a mistake in two of them."""

from locust import HttpUser, constant, events, task
from locust.exception import StopUser


@events.test_start.add_listener
def prepare(environment, **kwargs):
    environment.baskets = {}


@events.request.add_listener
def book(request_type, name, context, **kwargs):
    if name == "/bought":
        print(context["basket"])


@events.test_stop.add_listener
def summarize(environment, **kwargs):
    print(sum(environment.baskets) / len(environment.baskets))


class Customer(HttpUser):
    wait_time = constant(0.05)

    @task
    def buy(self):
        self.client.get("/look")
        self.client.get("/bought")
        raise StopUser

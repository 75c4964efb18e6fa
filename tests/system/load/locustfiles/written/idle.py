"""A class whose condition never holds, beside one that works."""

from locust import HttpUser, constant, task


class Working(HttpUser):
    fixed_count = 1
    wait_time = constant(10)

    @task
    def work(self):
        self.client.get("/work")


class Idle(HttpUser):
    fixed_count = 1
    wait_time = constant(0.05)
    orders = ()

    @task
    def ship(self):
        for order in self.orders:
            self.client.post("/ship", json=order)
